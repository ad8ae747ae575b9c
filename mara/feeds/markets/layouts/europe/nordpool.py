"""Nord Pool: day-ahead prices saved from the data portal."""

import re
from typing import Final

from mara.feeds.markets.declaration import QUARTERS, Clock, Form, Known, Layout, Quantity, Repeat, Span, Value
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
        # the header says CET and means the clock on the wall, daylight time included
        clock=Clock(zone="Europe/Oslo", repeat=Repeat.ORDER),
        values=(
            Value(
                field="price",
                column=re.compile(r"(?P<point>[\w-]+) Price \((?P<currency>[A-Z]{3})\)"),
                unit="/MWh",
            ),
        ),
        steps_minutes=QUARTERS,
        day_zones=("Europe/Oslo",),
        known=Known.DAY_AHEAD,
        caps=CAPS,
        licence="Nord Pool: members and private use; may not be passed on",
    ),
)
