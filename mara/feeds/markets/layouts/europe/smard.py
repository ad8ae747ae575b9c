"""SMARD of the Bundesnetzagentur: wholesale prices, in German or in English."""

import re
from typing import Final

from mara.feeds.markets.declaration import QUARTERS, Form, Known, Layout, Quantity, Repeat, Span, StampClock, Value
from mara.feeds.markets.layouts.europe.entsoe_gui import CAPS

PRICES: Final = Value(
    field="price", column=re.compile(r"(?P<point>.+?) \[(?P<currency>€)/MWh\].*"), unit="EUR/MWh", currency="EUR"
)
CLOCK: Final = StampClock(zone="Europe/Berlin", repeat=Repeat.ORDER)
LICENCE: Final = "Bundesnetzagentur, SMARD.de: CC BY 4.0"

GERMAN: Final = Layout(
    id="smard",
    variant="German",
    publisher="Bundesnetzagentur",
    report="Gro\N{LATIN SMALL LETTER SHARP S}handelspreise",
    quantity=Quantity.PRICE,
    form=Form(delimiters=";", decimal=",", thousands="."),
    stamp=Span(begin="Datum von", end="Datum bis", formats=("%d.%m.%Y %H:%M",)),
    clock=CLOCK,
    values=(PRICES,),
    steps_minutes=QUARTERS,
    day_zones=("Europe/Berlin",),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    licence=LICENCE,
)
ENGLISH: Final = Layout(
    id="smard",
    variant="English",
    publisher="Bundesnetzagentur",
    report="Day-ahead prices",
    quantity=Quantity.PRICE,
    form=Form(delimiters=";", thousands=","),
    stamp=Span(begin="Start date", end="End date", formats=("%b %d, %Y %I:%M %p",)),
    clock=CLOCK,
    values=(PRICES,),
    steps_minutes=QUARTERS,
    day_zones=("Europe/Berlin",),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    licence=LICENCE,
)
LAYOUTS: Final = (GERMAN, ENGLISH)
