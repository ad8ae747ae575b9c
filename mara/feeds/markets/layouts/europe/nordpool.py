"""Nord Pool: day-ahead prices of the data portal, and older files of a year.

Header of the portal: `Delivery Start (CET);Delivery End (CET);SE3 Price (EUR)`; the point and the currency stand in the
name of the column. The yearly files, `elspot-prices_2020_hourly_eur`, have two lines of title, the first with the
currency, then `,Hours,SYS,SE1,…` and rows such as `01-01-2020,00 - 01,30.84,28.78`.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import (
    QUARTERS,
    Form,
    Instant,
    Known,
    Layout,
    Quantity,
    Repeat,
    Span,
    StampClock,
    Value,
)
from mara.feeds.markets.layouts.europe.entsoe_gui import CAPS

ZONE: Final = "Europe/Oslo"
LICENCE: Final = "Nord Pool: members and private use; may not be passed on"

PORTAL: Final = Layout(
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
    clock=StampClock(zone=ZONE, repeat=Repeat.ORDER),
    values=(
        Value(
            field="price",
            column=re.compile(r"(?P<point>[\w-]+) Price \((?P<currency>[A-Z]{3})\)"),
            unit="per MWh",
        ),
    ),
    steps_minutes=QUARTERS,
    day_zones=(ZONE,),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    licence=LICENCE,
)
YEARLY: Final = tuple(
    Layout(
        id="nordpool-elspot",
        variant=label,
        publisher="Nord Pool",
        report="elspot-prices hourly, yearly file",
        quantity=Quantity.PRICE,
        form=Form(
            delimiters=",;\t",
            decimal="?",
            before=re.compile(r"Elspot Prices in (?P<currency>[A-Z]{3})/MWh"),
        ),
        # the line of the hour that spring skips is there and empty, the repeated hour stands twice
        stamp=Instant(column=column, formats=("%d-%m-%Y", "%d.%m.%Y", "%d/%m/%Y", "iso"), hour="Hours"),
        clock=StampClock(zone=ZONE, repeat=Repeat.ORDER),
        values=(Value(field="price", column=re.compile(r"(?P<point>(?!Date$|Hours$)\S.*)"), unit="per MWh"),),
        day_zones=(ZONE,),
        known=Known.DAY_AHEAD,
        caps=CAPS,
        licence=LICENCE,
    )
    for label, column in (("yearly", ""), ("yearly, with a name of the dates", "Date"))
)
LAYOUTS: Final = (PORTAL, *YEARLY)
