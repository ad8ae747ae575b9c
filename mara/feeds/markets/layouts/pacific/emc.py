"""Energy Market Company, Singapore: uniform price and demand in half-hours.

Header: `INFORMATION TYPE,DATE,PERIOD,USEP ($/MWh),LCP ($/MWh),DEMAND (MW),SOLAR(MW),…`; 48 periods a day of Singapore
time.
"""

from datetime import date
from typing import Final

from mara.feeds.markets.declaration import DEMAND, Cap, Known, Layout, Period, Quantity, StampClock, Value

ZONE: Final = "UTC+8:00"

STAMP: Final = Period(
    date=("DATE",), period="PERIOD", formats=("%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%m/%Y", "%Y-%m-%d")
)
LICENCE: Final = "EMC: own use with the source named"

PRICE: Final = Layout(
    id="emc-usep",
    publisher="EMC Singapore",
    report="Price Information, USEP",
    quantity=Quantity.PRICE,
    stamp=STAMP,
    clock=StampClock(zone=ZONE),
    values=(Value(field="price", column="USEP ($/MWh)", unit="SGD/MWh", point="USEP"),),
    header=("INFORMATION TYPE",),
    currency="SGD",
    steps_minutes=(30,),
    day_zones=(ZONE,),
    known=Known.REAL_TIME,
    caps=(Cap(valid_from=date(2003, 1, 1), floor_per_mwh=-4_500.0, cap_per_mwh=4_500.0),),
    licence=LICENCE,
)
LOAD: Final = Layout(
    id="emc-demand",
    publisher="EMC Singapore",
    report="Price Information, USEP",
    quantity=Quantity.DEMAND,
    stamp=STAMP,
    clock=StampClock(zone=ZONE),
    values=(Value(field=DEMAND, column="DEMAND (MW)", unit="MW", point="Singapore"),),
    header=("INFORMATION TYPE",),
    steps_minutes=(30,),
    day_zones=(ZONE,),
    licence=LICENCE,
)
LAYOUTS: Final = (PRICE, LOAD)
