"""Prices of a tariff, which hold by month, weekday and local hour.

Lines are tried in the order of the SPEC; the first that fits a local hour prices it, and none may be left without.
"""

from collections.abc import Sequence

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.errors import ConfigError
from mara.feeds.markets.building.spec import TariffLine
from mara.feeds.markets.reading.clocks import DAY_S, HOUR_S, day_text, wall_clock

EPOCH_WEEKDAY = 4
"""1970-01-01 was a Thursday; Monday is 1."""


def tariff_prices(lines: Sequence[TariffLine], begin_s: Ints, zone: str, where: str) -> Floats:
    """Price each step by the clock of the site (N,), in the tariff's currency per MWh.

    Raises:
        ConfigError: a local hour that no line prices.
    """
    wall_s = wall_clock(zone).wall_of(begin_s)
    day, hour = wall_s // DAY_S, wall_s % DAY_S // HOUR_S
    weekday = (day + EPOCH_WEEKDAY - 1) % 7 + 1
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    price = np.full(len(begin_s), np.nan)
    for line in reversed(lines):
        fits = np.isin(month, line.months) & np.isin(weekday, line.weekdays) & np.isin(hour, line.hours)
        price[fits] = line.price
    bare = np.flatnonzero(np.isnan(price))
    if bare.size:
        first = int(bare[0])
        raise ConfigError(
            f"{where}: the tariff should price every local hour, has no line for {day_text(day[first])} hour "
            f"{hour[first]} (month {month[first]}, weekday {weekday[first]}): add one"
        )
    return price
