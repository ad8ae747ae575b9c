"""Hashrate Index: the daily bitcoin hashprice."""

from typing import Final

from mara.feeds.markets.declaration import Instant, Layout, Quantity, Value

MINUTES_PER_DAY: Final = 1_440

LAYOUTS: Final = (
    Layout(
        id="hashrate-index",
        publisher="Hashrate Index",
        report="bitcoin-hashprice-index",
        quantity=Quantity.HASHPRICE,
        stamp=Instant(column="timestamp", formats=("%m/%d/%Y", "%m/%d/%y", "iso")),
        values=(Value(field="hashprice_usd_per_ph_day", column="usd_hashprice", unit="USD/PH/day"),),
        header=("btc_hashprice",),
        steps_minutes=(MINUTES_PER_DAY,),
        licence="Luxor, Hashrate Index: own use with attribution",
    ),
)
