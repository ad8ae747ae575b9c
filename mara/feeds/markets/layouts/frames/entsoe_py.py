"""entsoe-py: a series of day-ahead prices saved as CSV or Parquet.

Written by `series.to_csv(…)`: an index without a name whose stamps say their offset, and one column. Parquet is
read alike.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import QUARTERS, Form, Instant, Known, Layout, Quantity, StampClock, Value
from mara.feeds.markets.layouts.europe.entsoe_gui import CAPS, DAY_ZONES, LICENCE

LAYOUTS: Final = (
    Layout(
        id="entsoe-py-frame",
        publisher="entsoe-py",
        report="series of query_day_ahead_prices",
        quantity=Quantity.PRICE,
        form=Form(
            delimiters=",;",
            # the offset of the first stamp tells it from other files whose first column has no name
            sample=re.compile(r'"?\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?[+-]\d\d:\d\d"?[,;]'),
        ),
        stamp=Instant(column="", formats=("iso",)),
        clock=StampClock(is_stated=True),
        # pandas names the column of a nameless series 0
        values=(
            Value(
                field="price",
                column=re.compile(r"(?P<point>(?!__index)\w[\w |().-]*)"),
                unit="EUR/MWh",
            ),
        ),
        currency="EUR",
        steps_minutes=QUARTERS,
        day_zones=DAY_ZONES,
        known=Known.DAY_AHEAD,
        caps=CAPS,
        licence=LICENCE,
    ),
)
