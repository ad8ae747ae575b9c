"""NOAA global-hourly: reports of a weather station, several an hour, each number with its quality."""

import re
from typing import Final

from mara.feeds.markets.declaration import Instant, Layout, Quantity, Value

TENTHS: Final = 0.1
GOOD: Final = re.compile(r"\+?(?P<number>-?(?!9999)\d{4}),[01459ACIMPRU]")
"""Tenths of a degree that passed the checks; `+9999` is missing, qualities 2, 3, 6 and 7 are suspect or wrong.

Source: NOAA, Federal Climate Complex Data Documentation for Integrated Surface Data, 2018.
"""

LAYOUTS: Final = (
    Layout(
        id="noaa-global-hourly",
        publisher="NOAA",
        report="global-hourly (Integrated Surface Dataset)",
        quantity=Quantity.WEATHER,
        stamp=Instant(column="DATE", formats=("iso",)),
        values=(
            Value(field="dry_bulb_c", column="TMP", unit="C/10", factor=TENTHS, quality=GOOD),
            Value(field="dew_point_c", column="DEW", unit="C/10", factor=TENTHS, quality=GOOD),
        ),
        point=("STATION",),
        is_sampled=True,
        licence="NOAA: public domain",
    ),
)
