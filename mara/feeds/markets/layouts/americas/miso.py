"""MISO: locational marginal prices, a wide file for each day.

Four lines of title, then `Node,Type,Value,HE 1,…,HE 24`, in Eastern Standard Time all year: no clock change at all.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import Form, HourEnding, Key, Known, Layout, Quantity, StampClock, Value

ZONE: Final = "UTC-5:00"


def _layout(variant: str, report: str, title: str, name: str, known: Known) -> Layout:
    """Make one of the two layouts, which differ in the title above the table."""
    day = r"(?P<date>\d{1,2}/\d{1,2}/\d{4})"
    return Layout(
        id="miso-lmp",
        variant=variant,
        publisher="MISO",
        report=report,
        quantity=Quantity.PRICE,
        form=Form(
            before=re.compile(rf"{title}[^\n]*\n\W*{day}", re.IGNORECASE),
            file_name=re.compile(rf"(?P<date>\d{{8}})_{name}_", re.IGNORECASE),
        ),
        stamp=HourEnding(date="@date", formats=("%m/%d/%Y", "%Y%m%d")),
        clock=StampClock(zone=ZONE),
        values=(Value(field="price", column=re.compile(r"HE (?P<hour>\d{1,2})"), unit="USD/MWh"),),
        point=("Node",),
        keys=(
            Key(name="value", column="Value", default=("LMP",), is_identity=False),
            Key(name="type", column="Type"),
        ),
        currency="USD",
        day_zones=(ZONE,),
        known=known,
        licence="MISO: public postings; terms say nothing of passing on",
    )


LAYOUTS: Final = (
    _layout("day-ahead", "da_expost_lmp, da_exante_lmp", "Day.Ahead", "da", Known.DAY_AHEAD),
    _layout("real-time", "rt_lmp_final, rt_lmp_prelim", "Real.Time", "rt", Known.REAL_TIME),
)
