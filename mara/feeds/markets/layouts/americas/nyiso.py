"""NYISO: zonal prices, day-ahead and real-time.

Header: `"Time Stamp","Name","PTID","LBMP ($/MWHr)",…`. Day-ahead stamps name the beginning of the hour, real-time ones
the end of the dispatch interval; the second autumn hour is told by the order of the rows.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import Form, Instant, Known, Layout, Quantity, Repeat, Side, StampClock, Value

ZONE: Final = "America/New_York"
CLOCK: Final = StampClock(zone=ZONE, repeat=Repeat.ORDER)
PRICE: Final = Value(field="price", column="LBMP ($/MWHr)", unit="USD/MWh")
LICENCE: Final = "NYISO: public postings; terms say nothing of passing on"

DAY_AHEAD: Final = Layout(
    id="nyiso-lbmp",
    variant="day-ahead",
    publisher="NYISO",
    report="damlbmp_zone",
    quantity=Quantity.PRICE,
    # both reports have one header: the seconds tell them apart, and hours begin at no other minute
    form=Form(sample=re.compile(r'"?\d{1,2}/\d{1,2}/\d{4} \d{1,2}:00"?,')),
    stamp=Instant(column="Time Stamp", formats=("%m/%d/%Y %H:%M",)),
    clock=CLOCK,
    values=(PRICE,),
    point=("Name", "PTID"),
    currency="USD",
    day_zones=(ZONE,),
    known=Known.DAY_AHEAD,
    licence=LICENCE,
)
REAL_TIME: Final = Layout(
    id="nyiso-lbmp",
    variant="real-time",
    publisher="NYISO",
    report="realtime_zone",
    quantity=Quantity.PRICE,
    form=Form(sample=re.compile(r'"?\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d"?,')),
    stamp=Instant(column="Time Stamp", formats=("%m/%d/%Y %H:%M:%S",), side=Side.END),
    clock=CLOCK,
    values=(PRICE,),
    point=("Name", "PTID"),
    currency="USD",
    steps_minutes=(5,),
    day_zones=(ZONE,),
    known=Known.REAL_TIME,
    is_tiled=True,
    licence=LICENCE,
)
LAYOUTS: Final = (DAY_AHEAD, REAL_TIME)
