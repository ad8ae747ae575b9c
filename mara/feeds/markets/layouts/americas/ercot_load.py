"""ERCOT: hourly demand of the system, and its forecasts of the day before.

Headers: `OperDay,HourEnding,COAST,…,TOTAL,DSTFlag` (NP6-345-CD, NP6-346-CD) and
`DeliveryDate,HourEnding,Coast,…,SystemTotal,Model,InUseFlag,DSTFlag` (NP3-565-CD; NP3-560-CD and NP3-561-CD without
models). A forecast is published every hour for seven days; only its file's name says when. Yearly workbooks have
`Hour Ending,COAST,…,ERCOT` and stamps such as `11/05/2023 02:00 DST`.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import (
    DEMAND,
    DEMAND_FORECAST,
    Form,
    HourEnding,
    Key,
    Layout,
    Quantity,
    Repeat,
    StampClock,
    Value,
)
from mara.feeds.markets.layouts.americas.ercot import CLOCK, LICENCE, ZONE

SYSTEM: Final = "ERCOT"
IN_USE: Final = Key(name="in_use", column="InUseFlag", default=("Y",), is_identity=False, is_optional=True)
"""Mark of the model that ERCOT uses among those of a publication."""

ACTUAL: Final = Layout(
    id="ercot-load",
    publisher="ERCOT",
    report="NP6-345-CD, NP6-346-CD Actual System Load",
    quantity=Quantity.DEMAND,
    stamp=HourEnding(date="OperDay", hour="HourEnding"),
    clock=CLOCK,
    values=(Value(field=DEMAND, column="TOTAL", unit="MW", point=SYSTEM),),
    day_zones=(ZONE,),
    licence=LICENCE,
)
FORECAST: Final = Layout(
    id="ercot-load-forecast",
    publisher="ERCOT",
    report="NP3-560-CD, NP3-561-CD, NP3-565-CD Seven-Day Load Forecast",
    quantity=Quantity.DEMAND,
    form=Form(file_name=re.compile(r"\.(?P<published>20\d{6}\.\d{6})\d*\.")),
    stamp=HourEnding(date="DeliveryDate", hour="HourEnding"),
    clock=CLOCK,
    values=(Value(field=DEMAND_FORECAST, column="SystemTotal", unit="MW", point=SYSTEM),),
    keys=(IN_USE,),
    day_zones=(ZONE,),
    vintage="@published",
    vintage_formats=("%Y%m%d.%H%M%S",),
    is_forecast=True,
    licence=LICENCE,
)
YEARLY: Final = Layout(
    id="ercot-load",
    variant="yearly",
    publisher="ERCOT",
    report="Hourly Load Data Archives, Native_Load",
    quantity=Quantity.DEMAND,
    stamp=HourEnding(date="Hour Ending", hour="Hour Ending"),
    clock=StampClock(zone=ZONE, repeat=Repeat.SUFFIX),
    values=(Value(field=DEMAND, column="ERCOT", unit="MW", point=SYSTEM),),
    header=("FWEST", "NCENT", "SCENT"),
    day_zones=(ZONE,),
    licence=LICENCE,
)
LAYOUTS: Final = (ACTUAL, YEARLY, FORECAST)
