"""ERCOT: settlement point prices, day-ahead and real-time, and yearly workbooks."""

from datetime import date
from typing import Final

from mara.feeds.markets.declaration import (
    Cap,
    Form,
    HourEnding,
    Key,
    Known,
    Layout,
    Quantity,
    Repeat,
    StampClock,
    Value,
)

ZONE: Final = "America/Chicago"
CLOCK: Final = StampClock(zone=ZONE, repeat=Repeat.FLAG, flag="DSTFlag")
"""ERCOT's clock; `DSTFlag` is Y in the second hour of the autumn change only."""
YEARLY_CLOCK: Final = StampClock(zone=ZONE, repeat=Repeat.FLAG, flag="Repeated Hour Flag")
YEARLY_FORM: Final = Form(thousands=",")
"""Form of a yearly workbook's sheets: saved as CSV, they have `1,769.93`."""
LICENCE: Final = "ERCOT terms of use: raw data may be used, reproduced and redistributed in compilations; name ERCOT"
CAPS: Final = (
    Cap(valid_from=date(2015, 6, 1), floor_per_mwh=-251.0, cap_per_mwh=9_000.0),
    Cap(valid_from=date(2022, 1, 1), floor_per_mwh=-251.0, cap_per_mwh=5_000.0),
)
"""System-wide offer cap [USD/MWh]. Source: PUCT projects 40000 and 52631."""
POINT_TYPE: Final = "SettlementPointType"
"""Column of the point's type: one name is both LZ and the energy-weighted LZEW."""

DAY_AHEAD: Final = Layout(
    id="ercot-dam-spp",
    publisher="ERCOT",
    report="NP4-190-CD DAM Settlement Point Prices",
    quantity=Quantity.PRICE,
    stamp=HourEnding(date="DeliveryDate", hour="HourEnding"),
    clock=CLOCK,
    values=(Value(field="price", column="SettlementPointPrice", unit="USD/MWh"),),
    point=("SettlementPoint",),
    currency="USD",
    day_zones=(ZONE,),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    licence=LICENCE,
)
REAL_TIME: Final = Layout(
    id="ercot-rtm-spp",
    publisher="ERCOT",
    report="NP6-905-CD RTM Settlement Point Prices",
    quantity=Quantity.PRICE,
    stamp=HourEnding(date="DeliveryDate", hour="DeliveryHour", interval="DeliveryInterval", intervals=4),
    clock=CLOCK,
    values=(Value(field="price", column="SettlementPointPrice", unit="USD/MWh"),),
    point=("SettlementPointName",),
    keys=(Key(name="type", column=POINT_TYPE),),
    currency="USD",
    steps_minutes=(15,),
    day_zones=(ZONE,),
    known=Known.REAL_TIME,
    caps=CAPS,
    licence=LICENCE,
)
YEARLY_REAL_TIME: Final = Layout(
    id="ercot-xlsx",
    variant="real-time",
    form=YEARLY_FORM,
    publisher="ERCOT",
    report="NP6-785-ER Historical RTM Load Zone and Hub Prices",
    quantity=Quantity.PRICE,
    stamp=HourEnding(date="Delivery Date", hour="Delivery Hour", interval="Delivery Interval", intervals=4),
    clock=YEARLY_CLOCK,
    values=(Value(field="price", column="Settlement Point Price", unit="USD/MWh"),),
    point=("Settlement Point Name",),
    keys=(Key(name="type", column="Settlement Point Type"),),
    currency="USD",
    steps_minutes=(15,),
    day_zones=(ZONE,),
    known=Known.REAL_TIME,
    caps=CAPS,
    licence=LICENCE,
)
YEARLY_DAY_AHEAD: Final = Layout(
    id="ercot-xlsx",
    variant="day-ahead",
    form=YEARLY_FORM,
    publisher="ERCOT",
    report="NP4-180-ER Historical DAM Load Zone and Hub Prices",
    quantity=Quantity.PRICE,
    stamp=HourEnding(date="Delivery Date", hour="Hour Ending"),
    clock=YEARLY_CLOCK,
    values=(Value(field="price", column="Settlement Point Price", unit="USD/MWh"),),
    point=("Settlement Point",),
    currency="USD",
    day_zones=(ZONE,),
    known=Known.DAY_AHEAD,
    caps=CAPS,
    licence=LICENCE,
)
LAYOUTS: Final = (DAY_AHEAD, REAL_TIME, YEARLY_REAL_TIME, YEARLY_DAY_AHEAD)
