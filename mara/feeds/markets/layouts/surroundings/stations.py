"""Weather stations: NOAA's global-hourly reports, and Meteostat's bulk files.

NOAA: `"STATION","DATE",…,"TMP","DEW",…`, several reports an hour, which are averaged, each number with its quality.
Meteostat: no header; `date,hour,temp,dwpt,rhum,…` in UTC.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import Form, Instant, Layout, Quantity, Value

TENTHS: Final = 0.1
GOOD: Final = re.compile(r"\+?(?P<number>-?(?!9999)\d{4}),[01459ACIMPRU]")
"""Pattern of temperatures in tenths of a degree that passed the quality checks.

`+9999` is missing; qualities 2, 3, 6 and 7 are suspect or wrong.

Source: NOAA, Federal Climate Complex Data Documentation for Integrated Surface Data, 2018.
"""

COLUMNS: Final = (
    "date", "hour", "temp", "dwpt", "rhum", "prcp", "snow", "wdir", "wspd", "wpgt", "pres", "tsun", "coco",
)  # fmt: skip


NOAA: Final = Layout(
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
)
METEOSTAT: Final = Layout(
    id="meteostat-bulk",
    publisher="Meteostat",
    report="bulk hourly",
    quantity=Quantity.WEATHER,
    form=Form(names=COLUMNS, sample=re.compile(r"\d{4}-\d\d-\d\d,\d{1,2}(,[^,]*){11}$")),
    stamp=Instant(column="date", formats=("iso",), hour="hour"),
    values=(
        Value(field="dry_bulb_c", column="temp", unit="C"),
        Value(field="dew_point_c", column="dwpt", unit="C"),
        Value(field="humidity_share", column="rhum", unit="%", factor=0.01),
    ),
    licence="Meteostat: CC BY-NC 4.0",
)
LAYOUTS: Final = (NOAA, METEOSTAT)
