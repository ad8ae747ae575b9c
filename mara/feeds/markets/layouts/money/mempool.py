"""mempool.space: the network's hashrate by day, from which a hashprice is made with bitcoin's price and fees."""

from typing import Final

from mara.feeds.markets.declaration import Form, Instant, Kind, Layout, Quantity, Value
from mara.feeds.markets.layouts.money.hashrate_index import MINUTES_PER_DAY

LAYOUTS: Final = (
    Layout(
        id="mempool",
        publisher="mempool.space",
        report="/api/v1/mining/hashrate",
        quantity=Quantity.HASHPRICE,
        form=Form(kind=Kind.JSON, json_path=("hashrates",)),
        stamp=Instant(column="timestamp", formats=("epoch",)),
        values=(Value(field="network_hashes_per_s", column="avgHashrate", unit="H/s"),),
        steps_minutes=(MINUTES_PER_DAY,),
        licence="mempool.space: AGPL project, public interface",
    ),
)
