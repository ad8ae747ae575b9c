"""ENTSO-E Transparency Platform: exports of the new and the old web interface."""

import re
from datetime import date
from typing import Final

from mara.feeds.markets.declaration import (
    QUARTERS,
    Cap,
    Form,
    Key,
    Known,
    Layout,
    Quantity,
    Repeat,
    Span,
    StampClock,
    Value,
)

LICENCE: Final = "ENTSO-E Transparency Platform terms; many areas free to reuse with attribution, see its list of data"
CLOCKS: Final = (
    ("UTC", "UTC", ()),
    ("CET/CEST", "Europe/Brussels", (("CET", 60), ("CEST", 120))),
    ("WET/WEST", "Europe/Lisbon", (("WET", 0), ("WEST", 60))),
    ("EET/EEST", "Europe/Helsinki", (("EET", 120), ("EEST", 180))),
)
"""Clocks that an export may have: name in the header, zone, marks of its hours."""
DAY_ZONES: Final = ("Europe/Brussels", "UTC", "Europe/London", "Europe/Helsinki")
SEQUENCE: Final = Key(
    name="sequence",
    column="Sequence",
    default=("1",),
    same=(("1", "Sequence 1", "Without Sequence", ""), ("2", "Sequence 2")),
)
"""The auction: 1 the day-ahead coupling, 2 the 10:15 auction of DE-LU and AT."""
CAPS: Final = (
    Cap(valid_from=date(2014, 2, 4), floor_per_mwh=-500.0, cap_per_mwh=3_000.0, currency="EUR"),
    Cap(valid_from=date(2022, 5, 11), floor_per_mwh=-500.0, cap_per_mwh=4_000.0, currency="EUR"),
)
"""Harmonised limits of the day-ahead coupling [EUR/MWh].

Source: ACER decision 04/2017 and its adjustments.
"""

NEW: Final = tuple(
    Layout(
        id="entsoe-gui",
        variant=label,
        publisher="ENTSO-E",
        report="GUI_ENERGY_PRICES, export of the web interface",
        quantity=Quantity.PRICE,
        stamp=Span(begin=f"MTU ({label})", formats=("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M")),
        clock=StampClock(zone=zone, repeat=Repeat.NAME if names else Repeat.NEVER, names=names),
        values=(
            Value(field="price", column=re.compile(r"Day-ahead Price \((?P<currency>[A-Z]{3})/MWh\)"), unit="per MWh"),
        ),
        point=("Area",),
        keys=(SEQUENCE,),
        steps_minutes=QUARTERS,
        day_zones=DAY_ZONES if zone == "UTC" else (zone, *DAY_ZONES),
        known=Known.DAY_AHEAD,
        caps=CAPS,
        licence=LICENCE,
    )
    for label, zone, names in CLOCKS
)
OLD: Final = tuple(
    Layout(
        id="entsoe-gui-old",
        variant=label,
        publisher="ENTSO-E",
        report="Day-ahead Prices, export of the web interface until 2024",
        quantity=Quantity.PRICE,
        # the area is the name of a last column that has no cells
        form=Form(bare_names=1),
        stamp=Span(begin=f"MTU ({label})", formats=("%d.%m.%Y %H:%M",)),
        clock=StampClock(zone=zone, repeat=Repeat.ORDER if names else Repeat.NEVER),
        values=(
            Value(field="price", column=re.compile(r"Day-ahead Price \[(?P<currency>[A-Z]{3})/MWh\]"), unit="per MWh"),
        ),
        header=("Currency", re.compile(r"(?P<point>[A-Z]{2,4}\|.+)")),
        currency_column="Currency",
        steps_minutes=QUARTERS,
        day_zones=DAY_ZONES if zone == "UTC" else (zone, *DAY_ZONES),
        known=Known.DAY_AHEAD,
        caps=CAPS,
        licence=LICENCE,
    )
    for label, zone, names in CLOCKS
)
LAYOUTS: Final = (*NEW, *OLD)
