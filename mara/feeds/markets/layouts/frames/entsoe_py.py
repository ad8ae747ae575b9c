"""entsoe-py: a series of day-ahead prices saved as CSV or Parquet, its index without a name."""

import re
from typing import Final

from mara.feeds.markets.declaration import QUARTERS, Clock, Form, Instant, Known, Layout, Quantity, Value
from mara.feeds.markets.layouts.europe.entsoe_gui import CAPS, DAY_ZONES, LICENCE

LAYOUTS: Final = (
    Layout(
        id="entsoe-py-frame",
        publisher="entsoe-py",
        report="series of query_day_ahead_prices",
        quantity=Quantity.PRICE,
        form=Form(delimiters=",;", sample=re.compile(r'"?\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?[+-]\d\d:\d\d"?[,;]')),
        stamp=Instant(column="", formats=("iso",)),
        clock=Clock(is_stated=True),
        # pandas names the column of a nameless series 0
        values=(Value(field="price", column=re.compile(r"(?P<point>\w[\w |().-]*)"), unit="EUR/MWh"),),
        currency="EUR",
        steps_minutes=QUARTERS,
        day_zones=DAY_ZONES,
        known=Known.DAY_AHEAD,
        caps=CAPS,
        licence=LICENCE,
    ),
)
