"""The hashprice of each UTC day, from an index, a constant or the hashrate."""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.errors import ConfigError, FeedInvalid
from mara.feeds.markets.building.gathering import Reader, Request
from mara.feeds.markets.reading.clocks import DAY_S, day_text
from mara.feeds.markets.reading.rows import MarketSeries
from mara.feeds.markets.reading.series import Fill, Window, whole

HASHPRICE: Final = "hashprice_usd_per_ph_day"
NETWORK: Final = "network_hashes_per_s"
HASHES_PER_PH: Final = 1e15
BLOCKS_PER_DAY: Final = 144.0
"""A block every ten minutes on average, which difficulty keeps.

Source: https://bitcoin.org/bitcoin.pdf, section 4.
"""
LEAST_BELIEVABLE_USD_PER_PH_DAY: Final = 2.0
"""Least hashprice that is accepted; a lower one is probably per TH.

The lowest hashprice ever was about 35 USD/PH/day; per TH it is a thousandth of that.
"""
HALVINGS: Final = ((0, 50.0), (15_672, 25.0), (16_991, 12.5), (18_393, 6.25), (19_833, 3.125))
"""Days, counted from 1970, each with the subsidy of a block from then on [BTC].

After the first, the days are 2012-11-28, 2016-07-09, 2020-05-11 and 2024-04-20.

Source: block heights 210,000 to 840,000 of the public chain.
"""


def hashprices(reader: Reader, request: Request, days: Ints, fill: Fill) -> tuple[Floats, MarketSeries | None]:
    """The hashprice of each UTC day [USD/PH/day] (D,), and the series it came from.

    Raises:
        FeedInvalid: days are missing, or the values are probably per TH.
        ConfigError: the SPEC gives a hashrate without the price of bitcoin.
    """
    table = request.table
    if table.files is None:
        if isinstance(table.constant, dict) or table.constant is None:
            raise ConfigError(f"{request.where}: constant should be a number of USD/PH/day: correct it")
        return np.full(len(days), float(table.constant)), None
    series = reader.series_of(request)
    begin_s = series.begin_s // DAY_S * DAY_S
    daily = replace(series, begin_s=begin_s, end_s=begin_s + DAY_S)
    window = Window(from_s=int(days[0]) * DAY_S, to_s=(int(days[-1]) + 1) * DAY_S)
    kept = whole(daily, window, fill)
    places = np.searchsorted(kept.begin_s, days * DAY_S, side="right") - 1
    if HASHPRICE in kept.values:
        price = kept.values[HASHPRICE][places]
    else:
        price = _derived(request, kept.values[NETWORK][places], days)
    bad = np.flatnonzero(~(price > 0.0))
    if bad.size:
        raise FeedInvalid(
            f"{request.where}: a hashprice should be above 0, is {price[bad[0]]:g} on "
            f"{day_text(days[bad[0]])}: correct it"
        )
    if float(price.max()) < LEAST_BELIEVABLE_USD_PER_PH_DAY:
        raise FeedInvalid(
            f"{request.where}: the hashprice is at most {price.max():g}, which looks like USD/TH/day: multiply by 1,000"
        )
    return np.asarray(price), kept


def _derived(request: Request, hashes_per_s: Floats, days: Ints) -> Floats:
    """Derive the hashprice [USD/PH/day] (D,) from hashrate and value of coins mined.

    The coins of a day are the subsidy and fees of its blocks.
    """
    table = request.table
    if table.btc_usd is None:
        raise ConfigError(
            f"{request.where}: a network's hashrate needs btc_usd, the price of a bitcoin, and fees_btc_per_block: add "
            "them; a published hashprice needs neither"
        )
    since = np.array([day for day, _ in HALVINGS])
    subsidy = np.array([btc for _, btc in HALVINGS])[np.searchsorted(since, days, side="right") - 1]
    earned_usd = BLOCKS_PER_DAY * (subsidy + (table.fees_btc_per_block or 0.0)) * table.btc_usd
    return np.asarray(earned_usd / (hashes_per_s / HASHES_PER_PH))


def derived_from(request: Request, series: MarketSeries) -> dict[str, Any]:
    """Name the numbers of the SPEC that made a hashprice of a hashrate."""
    table = request.table
    derived = {"btc_usd": table.btc_usd, "fees_btc_per_block": table.fees_btc_per_block or 0.0}
    return derived if NETWORK in series.values else {}
