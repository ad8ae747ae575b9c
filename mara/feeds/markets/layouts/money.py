"""Money: hashprices of Hashrate Index, hashrate of mempool.space, ECB rates.

Headers: `timestamp,usd_hashprice,btc_hashprice`; JSON `{"hashrates": [{"timestamp", "avgHashrate"}], …}`; and
`Date,USD,JPY,…`, units of each currency for one euro on working days.
"""

import re
from typing import Final

from mara.feeds.markets.declaration import Form, Instant, Kind, Layout, Quantity, Value

MINUTES_PER_DAY: Final = 1_440

HASHRATE_INDEX: Final = Layout(
    id="hashrate-index",
    publisher="Hashrate Index",
    report="bitcoin-hashprice-index",
    quantity=Quantity.HASHPRICE,
    stamp=Instant(column="timestamp", formats=("%m/%d/%Y", "%m/%d/%y", "iso")),
    values=(Value(field="hashprice_usd_per_ph_day", column="usd_hashprice", unit="USD/PH/day"),),
    header=("btc_hashprice",),
    steps_minutes=(MINUTES_PER_DAY,),
    licence="Luxor, Hashrate Index: own use with attribution",
)
MEMPOOL: Final = Layout(
    id="mempool",
    publisher="mempool.space",
    report="/api/v1/mining/hashrate",
    quantity=Quantity.HASHPRICE,
    form=Form(kind=Kind.JSON, json_path=("hashrates",)),
    stamp=Instant(column="timestamp", formats=("epoch",)),
    values=(Value(field="network_hashes_per_s", column="avgHashrate", unit="H/s"),),
    steps_minutes=(MINUTES_PER_DAY,),
    licence="mempool.space: AGPL project, public interface",
)
ECB: Final = Layout(
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
)
LAYOUTS: Final = (HASHRATE_INDEX, MEMPOOL, ECB)
