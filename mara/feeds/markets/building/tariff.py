"""Prices of a tariff by month, weekday and local hour.

The first line of the SPEC that fits a local hour gives its price; each hour needs one.
"""

from collections.abc import Sequence

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.errors import ConfigError
from mara.feeds.markets.building.spec import TariffLine
from mara.feeds.markets.reading.clocks import DAY_S, HOUR_S, day_text, wall_clock

EPOCH_WEEKDAY = 4
"""Weekday of 1970-01-01, a Thursday; Monday is 1."""


def tariff_prices(lines: Sequence[TariffLine], begin_s: Ints, zone: str, where: str) -> Floats:
    """Price of each step by the site's clock (N,), in the tariff's currency per MWh.

    Raises:
        ConfigError: no line prices some local hour.
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
