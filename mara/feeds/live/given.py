"""Values that a live SPEC gives itself: constants, tariffs, derived hashprices."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.errors import ConfigError, FeedUnavailable
from mara.feeds.live.answers import BTC_USD as BTC_USD_COLUMN
from mara.feeds.live.answers import HASHPRICE, NETWORK
from mara.feeds.live.known import NOTHING, KnownValues
from mara.feeds.live.sources import BITCOIN, BTC_USD, Part
from mara.feeds.markets.building.bitcoin import BLOCKS_PER_DAY, HALVINGS, HASHES_PER_PH
from mara.feeds.markets.building.columns import CARBON, DAY_AHEAD, DRY_BULB, PRICE, RENEWABLE, WET_BULB
from mara.feeds.markets.building.grid import Steps
from mara.feeds.markets.building.money import DOLLAR, unit_of
from mara.feeds.markets.building.spec import SiteSpec, SourceTable
from mara.feeds.markets.building.tariff import tariff_prices
from mara.feeds.markets.reading.clocks import DAY_S

PRICES: Final = {Part.PRICE: PRICE, Part.DAY_AHEAD: DAY_AHEAD}


def given_values(
    part: Part, table: SourceTable, site: SiteSpec, at_s: int, usd_per: Mapping[str, float]
) -> dict[str, float]:
    """Return what the SPEC gives of a part of a site at an instant, by column.

    Raises:
        ConfigError: a field is missing, or a currency has no rate.
    """
    where = f"site {site.id} {part}"
    if part in PRICES:
        steps = Steps(from_s=at_s, to_s=at_s + 1, step_s=1)
        return {PRICES[part]: float(given_prices(table, site, steps, usd_per, where)[0])}
    first = CARBON if part is Part.CARBON else DRY_BULB
    said = table.constant if isinstance(table.constant, dict) else {first: table.constant or 0.0}
    if first not in said:
        raise ConfigError(f"{where}: constant should say {first}, says {', '.join(said) or 'nothing'}: add it")
    if part is Part.CARBON:
        return {CARBON: said[first], RENEWABLE: said.get(RENEWABLE, table.renewable_share or 0.0)}
    wet = said.get(WET_BULB, table.wet_bulb_c)
    return {DRY_BULB: said[first], WET_BULB: said[first] if wet is None else wet}


def given_prices(table: SourceTable, site: SiteSpec, steps: Steps, usd_per: Mapping[str, float], where: str) -> Floats:
    """Return the prices of a constant or a tariff on steps (N,) [USD/MWh].

    Raises:
        ConfigError: a field is missing, or a currency has no rate.
    """
    factor, currency = unit_of(table.unit or "USD/MWh", where)
    if currency != DOLLAR and currency not in usd_per:
        raise ConfigError(f"{where}: prices in {currency} should have a rate: add usd_per.{currency} to [fx]")
    rate = 1.0 if currency == DOLLAR else usd_per[currency]
    if table.tariff:
        return factor * rate * tariff_prices(table.tariff, steps.begin_s, site.timezone, where)
    price = table.constant.get("price") if isinstance(table.constant, dict) else table.constant
    if price is None:
        raise ConfigError(f"{where}: constant should say price: add it")
    return np.full(steps.count, factor * rate * price)


def hashprice_of(
    table: SourceTable, known: Mapping[str, KnownValues], at_s: int, late_s: Mapping[str, float]
) -> tuple[float, tuple[str, ...]]:
    """Return the hashprice [USD/PH/day] known at an instant, and stale sources.

    It is the constant of the SPEC, what an index says, or derived from hashrate, price and fees.

    Raises:
        ConfigError: a constant or the price of a bitcoin is missing.
        FeedUnavailable: a source has told nothing yet, or has been silent too long.
    """
    if not table.is_live:
        if isinstance(table.constant, dict) or table.constant is None:
            raise ConfigError("bitcoin: constant should be a number of USD/PH/day: correct it")
        return float(table.constant), ()
    stale: list[str] = []

    def now(source: str, name: str) -> float | None:
        last = known.get(source, NOTHING).last(name, at_s)
        if last is not None and at_s >= last[1] + late_s[source]:
            stale.append(source)
        return None if last is None else last[0]

    index = now(BITCOIN, HASHPRICE)
    if index is not None:
        return index, tuple(stale)
    hashes_per_s = now(BITCOIN, NETWORK)
    btc_usd = table.btc_usd if table.btc_usd_from is None else now(BTC_USD, BTC_USD_COLUMN)
    if table.btc_usd_from is None and btc_usd is None:
        raise ConfigError("bitcoin: a network's hashrate needs btc_usd or btc_usd_from: add one")
    if hashes_per_s is None or btc_usd is None:
        missing = BITCOIN if hashes_per_s is None else BTC_USD
        raise FeedUnavailable(
            f"{missing} should have told a value by now, has not: `mara feed check` asks it and says what comes"
        )
    day = at_s // DAY_S
    subsidy_btc = next(btc for since, btc in reversed(HALVINGS) if since <= day)
    earned_usd = BLOCKS_PER_DAY * (subsidy_btc + (table.fees_btc_per_block or 0.0)) * btc_usd
    return earned_usd / (hashes_per_s / HASHES_PER_PH), tuple(stale)
