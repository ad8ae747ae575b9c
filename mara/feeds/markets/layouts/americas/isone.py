"""ISO New England: hourly locational marginal prices in tagged lines.

Lines tagged `C`, `H`, `D` and, at the end with the count of rows, `T`: `"T","29016 lines"`. Columns are
`Date,Hour Ending,Location ID,Location Name,Location Type,Locational Marginal Price,…`; the repeated hour is `02X`.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import (
    Form,
    HourEnding,
    Key,
    Kind,
    Known,
    Layout,
    Quantity,
    Repeat,
    StampClock,
    Value,
)

ZONE: Final = "America/New_York"
PLACES: Final = {
    "INTERNAL_HUB": (".H.INTERNAL_HUB", "H.INTERNAL_HUB", "HUB"),
    "MAINE": (".Z.MAINE", "ME"),
    "NEWHAMPSHIRE": (".Z.NEWHAMPSHIRE", "NH"),
    "VERMONT": (".Z.VERMONT", "VT"),
    "CONNECTICUT": (".Z.CONNECTICUT", "CT"),
    "RHODEISLAND": (".Z.RHODEISLAND", "RI"),
    "SEMASS": (".Z.SEMASS", "SEMA"),
    "WCMASS": (".Z.WCMASS", "WCMA"),
    "NEMASSBOST": (".Z.NEMASSBOST", "NEMA"),
}
"""Names of the hub and the load zones: bare, as in the file, and others in use.

The letters of the file's names are H for hubs, Z for zones, I for interfaces.
"""
ALIASES: Final = tuple(
    (alias, file_name) for bare, (file_name, *others) in PLACES.items() for alias in (bare, f"Z.{bare}", *others)
)


def _layout(variant: str, report: str, title: str, known: Known) -> Layout:
    """Make one of the two layouts, which differ in the comment lines above the header."""
    return Layout(
        id="isone-lmp",
        variant=variant,
        publisher="ISO New England",
        report=report,
        quantity=Quantity.PRICE,
        form=Form(kind=Kind.TAGGED, tags=("H", "D"), count_tag="T", before=re.compile(title, re.IGNORECASE)),
        stamp=HourEnding(date="Date", hour="Hour Ending"),
        clock=StampClock(zone=ZONE, repeat=Repeat.SUFFIX),
        values=(Value(field="price", column="Locational Marginal Price", unit="USD/MWh"),),
        point=("Location Name", "Location ID"),
        aliases=ALIASES,
        keys=(Key(name="type", column="Location Type", is_optional=True),),
        currency="USD",
        day_zones=(ZONE,),
        known=known,
        licence="ISO New England: copyright, own use",
    )


LAYOUTS: Final = (
    _layout("day-ahead", "WW_DALMP_ISO", "Day-Ahead", Known.DAY_AHEAD),
    _layout("real-time", "WW_RTLHR, lmp_rt_final", "Real-Time", Known.REAL_TIME),
)
