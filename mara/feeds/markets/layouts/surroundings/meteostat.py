"""Meteostat: bulk hourly observations of a station, UTC, without a header."""

import re
from typing import Final

from mara.feeds.markets.declaration import Form, Instant, Layout, Quantity, Value

COLUMNS: Final = (
    "date", "hour", "temp", "dwpt", "rhum", "prcp", "snow", "wdir", "wspd", "wpgt", "pres", "tsun", "coco",
)  # fmt: skip

LAYOUTS: Final = (
    Layout(
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
    ),
)
