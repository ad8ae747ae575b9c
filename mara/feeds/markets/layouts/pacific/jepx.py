"""JEPX, Japan: spot prices by area in half-hours, a file for each fiscal year.

Text in cp932; 時刻コード 1 to 48 counts half-hours of Japan Standard Time; prices are in JPY/kWh.
"""

import re
from datetime import date
from typing import Final

from mara.feeds.markets.declaration import Cap, Form, Known, Layout, Period, Quantity, StampClock, Value

ZONE: Final = "UTC+9:00"
KWH_PER_MWH: Final = 1_000.0

LAYOUTS: Final = (
    Layout(
        id="jepx-spot",
        publisher="JEPX",
        report="spot_summary",
        quantity=Quantity.PRICE,
        form=Form(encoding="cp932"),
        stamp=Period(date=("受渡日",), period="時刻コード", formats=("%Y/%m/%d", "%Y-%m-%d")),
        clock=StampClock(zone=ZONE),
        values=(
            Value(
                field="price",
                column=re.compile(r"エリアプライス(?P<point>[^(]+)\(円/kWh\)"),
                unit="JPY/kWh",
                factor=KWH_PER_MWH,
            ),
            Value(
                field="price",
                column=re.compile(r"(?P<point>システム)プライス\(円/kWh\)"),
                unit="JPY/kWh",
                factor=KWH_PER_MWH,
            ),
        ),
        aliases=(
            ("system", "システム"),
            ("Hokkaido", "北海道"),
            ("Tohoku", "東北"),
            ("Tokyo", "東京"),
            ("Chubu", "中部"),
            ("Hokuriku", "北陸"),
            ("Kansai", "関西"),
            ("Chugoku", "中国"),
            ("Shikoku", "四国"),
            ("Kyushu", "九州"),
        ),
        currency="JPY",
        steps_minutes=(30,),
        day_zones=(ZONE,),
        known=Known.DAY_AHEAD,
        caps=(Cap(valid_from=date(2005, 4, 1), floor_per_mwh=10.0, cap_per_mwh=999_000.0),),
        licence="JEPX: own use; may not be passed on",
    ),
)
