"""AEMO, Australia: prices, reserves and demand, of monthly files and of NEMWEB."""

import re
from datetime import date
from typing import Final

from mara.feeds.markets.declaration import (
    DEMAND,
    Cap,
    Form,
    Instant,
    Key,
    Kind,
    Known,
    Layout,
    Quantity,
    Side,
    StampClock,
    Value,
)

ZONE: Final = "UTC+10:00"
"""Market time, which has no daylight saving time; most cities' zones have it."""
STAMP: Final = Instant(column="SETTLEMENTDATE", formats=("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "iso"), side=Side.END)
STEPS_MINUTES: Final = (5, 30)
"""Step lengths [minutes]: half-hours until 2021-09-30, five minutes since."""
FLOOR: Final = -1_000.0
CAPS: Final = (
    Cap(valid_from=date(2021, 7, 1), floor_per_mwh=FLOOR, cap_per_mwh=15_100.0),
    Cap(valid_from=date(2022, 7, 1), floor_per_mwh=FLOOR, cap_per_mwh=15_500.0),
    Cap(valid_from=date(2023, 7, 1), floor_per_mwh=FLOOR, cap_per_mwh=16_600.0),
    Cap(valid_from=date(2024, 7, 1), floor_per_mwh=FLOOR, cap_per_mwh=17_500.0),
    Cap(valid_from=date(2025, 7, 1), floor_per_mwh=FLOOR, cap_per_mwh=20_300.0),
    Cap(valid_from=date(2026, 7, 1), floor_per_mwh=FLOOR, cap_per_mwh=23_200.0),
)
"""Market price cap by financial year [AUD/MWh].

Source: AEMC schedules of reliability settings, the last
https://www.aemc.gov.au/news-centre/media-releases/aemc-updates-market-price-cap-2026-27.
"""
LICENCE: Final = "AEMO copyright permissions: general permission, with attribution"

MONTHLY: Final = Layout(
    id="aemo-price-and-demand",
    publisher="AEMO",
    report="PRICE_AND_DEMAND",
    quantity=Quantity.PRICE,
    stamp=STAMP,
    clock=StampClock(zone=ZONE),
    values=(Value(field="price", column="RRP", unit="AUD/MWh"),),
    header=("TOTALDEMAND",),
    point=("REGION",),
    keys=(Key(name="period_type", column="PERIODTYPE", default=("TRADE",), is_identity=False),),
    currency="AUD",
    steps_minutes=STEPS_MINUTES,
    day_zones=(ZONE,),
    known=Known.REAL_TIME,
    caps=CAPS,
    licence=LICENCE,
)
NEMWEB: Final = Layout(
    id="aemo-nemweb",
    publisher="AEMO",
    report="NEMWEB TRADINGIS, table TRADING PRICE",
    quantity=Quantity.PRICE,
    form=Form(kind=Kind.RECORDS, tags=("I", "D"), table=("TRADING", "PRICE"), count_line="END OF REPORT"),
    stamp=STAMP,
    clock=StampClock(zone=ZONE),
    values=(Value(field="price", column="RRP", unit="AUD/MWh"),),
    point=("REGIONID",),
    currency="AUD",
    steps_minutes=STEPS_MINUTES,
    day_zones=(ZONE,),
    vintage="LASTCHANGED",
    vintage_formats=("%Y/%m/%d %H:%M:%S", "iso"),
    known=Known.REAL_TIME,
    caps=CAPS,
    licence=LICENCE,
)
DISPATCH: Final = Layout(
    id="aemo-dispatch",
    publisher="AEMO",
    report="NEMWEB DISPATCHIS and MMSDM DISPATCHPRICE, table DISPATCH PRICE",
    quantity=Quantity.PRICE,
    form=Form(kind=Kind.RECORDS, tags=("I", "D"), table=("DISPATCH", "PRICE"), count_line="END OF REPORT"),
    stamp=STAMP,
    clock=StampClock(zone=ZONE),
    values=(Value(field="price", column="RRP", unit="AUD/MWh"),),
    point=("REGIONID",),
    # an intervention is priced by a second run of what would have been without it: 1 is the physical run
    keys=(Key(name="intervention", column="INTERVENTION", default=("0",), is_identity=False),),
    currency="AUD",
    steps_minutes=(5,),
    day_zones=(ZONE,),
    vintage="LASTCHANGED",
    vintage_formats=("%Y/%m/%d %H:%M:%S", "iso"),
    known=Known.REAL_TIME,
    caps=CAPS,
    licence=LICENCE,
)
"""Prices of five-minute dispatch, by which power is settled since 2021-10-01.

Until then it was settled by the mean of the half-hour, `aemo-nemweb`.
"""
RESERVES: Final = Layout(
    id="aemo-fcas",
    publisher="AEMO",
    report="NEMWEB TRADINGIS, table TRADING PRICE, frequency control",
    quantity=Quantity.ANCILLARY,
    form=NEMWEB.form,
    stamp=STAMP,
    clock=StampClock(zone=ZONE),
    # the very fast ones, 1SEC, since 2023-10-09
    values=(
        Value(
            field="price",
            column=re.compile(r"(?P<point>(?:RAISE|LOWER)(?:1SEC|6SEC|60SEC|5MIN|REG))RRP"),
            unit="AUD/MW/h",
        ),
    ),
    keys=(Key(name="region", column="REGIONID"),),
    currency="AUD",
    steps_minutes=STEPS_MINUTES,
    day_zones=(ZONE,),
    vintage=NEMWEB.vintage,
    vintage_formats=NEMWEB.vintage_formats,
    known=Known.REAL_TIME,
    caps=CAPS,
    licence=LICENCE,
)
"""Prices of frequency control, per MW enabled and hour whatever the interval.

A product is a point, and its region a key.
"""
LOAD: Final = Layout(
    id="aemo-demand",
    publisher="AEMO",
    report="PRICE_AND_DEMAND",
    quantity=Quantity.DEMAND,
    stamp=STAMP,
    clock=StampClock(zone=ZONE),
    values=(Value(field=DEMAND, column="TOTALDEMAND", unit="MW"),),
    header=("RRP",),
    point=("REGION",),
    keys=MONTHLY.keys,
    steps_minutes=STEPS_MINUTES,
    day_zones=(ZONE,),
    licence=LICENCE,
)
LAYOUTS: Final = (MONTHLY, NEMWEB, DISPATCH, RESERVES, LOAD)
