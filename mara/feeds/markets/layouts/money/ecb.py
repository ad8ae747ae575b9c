"""European Central Bank: reference rates of working days, units of each currency for one euro."""

import re
from typing import Final

from mara.feeds.markets.declaration import Form, Instant, Layout, Quantity, Value
from mara.feeds.markets.layouts.money.hashrate_index import MINUTES_PER_DAY

LAYOUTS: Final = (
    Layout(
        id="ecb-fx",
        publisher="European Central Bank",
        report="eurofxref-hist",
        quantity=Quantity.FX,
        form=Form(delimiters=","),
        stamp=Instant(column="Date", formats=("iso", "%d %B %Y", "%d %b %Y")),
        values=(Value(field="per_eur", column=re.compile(r"(?P<point>[A-Z]{3})"), unit="per EUR"),),
        header=("USD", "JPY"),
        steps_minutes=(MINUTES_PER_DAY,),
        licence="ECB: free to reuse with the source named",
    ),
)
