"""ERCOT: prices of reserves, day-ahead and, since 2025-12-05, real-time.

Headers: `DeliveryDate,HourEnding,AncillaryType,MCPC,DSTFlag` and
`DeliveryDate,DeliveryHour,DeliveryInterval,RepeatedHourFlag,ASType,MCPC`.
"""

from datetime import date
from typing import Final

from mara.feeds.markets.declaration import HourEnding, Known, Layout, Quantity, Repeat, StampClock, Value
from mara.feeds.markets.layouts.americas.ercot import CAPS, CLOCK, LICENCE, ZONE

DAY_AHEAD: Final = Layout(
    id="ercot-dam-as",
    publisher="ERCOT",
    report="NP4-188-CD DAM Clearing Prices for Capacity",
    quantity=Quantity.ANCILLARY,
    stamp=HourEnding(date="DeliveryDate", hour="HourEnding"),
    clock=CLOCK,
    values=(Value(field="price", column="MCPC", unit="USD/MW/h"),),
    point=("AncillaryType",),
    currency="USD",
    day_zones=(ZONE,),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    licence=LICENCE,
)
REAL_TIME: Final = Layout(
    id="ercot-rtm-as",
    publisher="ERCOT",
    report="NP6-331-CD Real-Time Clearing Prices for Capacity by 15-minute interval",
    quantity=Quantity.ANCILLARY,
    stamp=HourEnding(date="DeliveryDate", hour="DeliveryHour", interval="DeliveryInterval", intervals=4),
    clock=StampClock(zone=ZONE, repeat=Repeat.FLAG, flag="RepeatedHourFlag"),
    values=(Value(field="price", column="MCPC", unit="USD/MW/h"),),
    point=("ASType",),
    currency="USD",
    steps_minutes=(15,),
    day_zones=(ZONE,),
    known=Known.REAL_TIME,
    caps=CAPS,
    valid_from=date(2025, 12, 5),
    licence=LICENCE,
)
LAYOUTS: Final = (DAY_AHEAD, REAL_TIME)
