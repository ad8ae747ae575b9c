"""Nord Pool: day-ahead prices saved from the data portal.

Header: `Delivery Start (CET);Delivery End (CET);SE3 Price (EUR)`; the point and the currency stand in the name of
the column.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import QUARTERS, Form, Known, Layout, Quantity, Repeat, Span, StampClock, Value
from mara.feeds.markets.layouts.europe.entsoe_gui import CAPS

LAYOUTS: Final = (
    Layout(
        id="nordpool-portal",
        publisher="Nord Pool",
        report="AuctionPrice DayAhead, data portal",
        quantity=Quantity.PRICE,
        form=Form(delimiters=";,", decimal="?"),
        stamp=Span(
            begin="Delivery Start (CET)",
            end="Delivery End (CET)",
            formats=("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M"),
        ),
        # the header says CET, but the times include daylight saving time
        clock=StampClock(zone="Europe/Oslo", repeat=Repeat.ORDER),
        values=(
            Value(
                field="price",
                column=re.compile(r"(?P<point>[\w-]+) Price \((?P<currency>[A-Z]{3})\)"),
                unit="per MWh",
            ),
        ),
        steps_minutes=QUARTERS,
        day_zones=("Europe/Oslo",),
        known=Known.DAY_AHEAD,
        caps=CAPS,
        licence="Nord Pool: members and private use; may not be passed on",
    ),
)
