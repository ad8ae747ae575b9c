"""Synthetic requests for power contracts, drawn for any tick on its own.

Chosen: rates, sizes and lives. Those of the contracts live at the start follow from them:
Source: Little 1961, doi:10.1287/opre.9.3.383 ; Cox 1962, Renewal Theory.
"""

from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.contract import ContractRequest, Tier
from mara.core.market import REGION_DEMAND_SHARE, REGION_ZONE
from mara.core.units import HOURS_PER_DAY
from mara.core.world import RunConfig
from mara.feeds.synthetic.draws import RandomStream, generator

ARRIVALS_PER_DAY: Final = 7.5
LIVE_AT_START_COUNT: Final = 45
"""Contracts live when a run of the default fleet begins: the long-run mean.

Little's law: 7.5 arrivals a day x a mean life of 6.0 days. Source: Little 1961, doi:10.1287/opre.9.3.383
"""
REFERENCE_RACKS_MW: Final = 71.8
"""Rack power of the default fleet; arrivals scale with a fleet's own over it."""
TIER_SHARE: Final = (0.20, 0.35, 0.30, 0.15)
"""Share of requests by tier, the highest tier first.

It is also the share of the requested power, because sizes do not depend on the tier.
"""
SIZE_MEDIAN_MW: Final = 1.0
SIZE_LOG_SD: Final = 0.8
SIZE_RANGE_MW: Final = (0.2, 6.0)
"""Bounds of a contract's power; within them the mean is 1.35 MW."""
LIFE_MEDIAN_DAYS: Final = 4.3
LIFE_LOG_SD: Final = 0.8
LIFE_RANGE_DAYS: Final = (2.0, 45.0)
"""Bounds of a contract's life; within them the mean is 6.0 days."""
POWER_DIGITS: Final = 2
"""Decimals of the requested megawatts: whole tens of kilowatts."""
KNOTS: Final = 2_048
"""Rows of the table from which length-biased lives are drawn."""
CUSTOMERS: Final = (
    "Alder Genomics",
    "Basalt Render",
    "Cirrus Forecasts",
    "Delta Translate",
    "Ember Studios",
    "Fjord Analytics",
    "Granite Search",
    "Harbour Robotics",
    "Indigo Tutors",
    "Juniper Imaging",
    "Kelp Biotech",
    "Lumen Speech",
    "Meridian Maps",
    "Nimbus Games",
    "Ochre Retail",
    "Pelican Freight",
    "Quartz Legal",
    "Rowan Insurance",
    "Saffron Support",
    "Tundra Vision",
)
"""Invented customers; any resemblance to a real company is chance."""


class ArrivalStream:
    """Contract requests of a run: those live at its start, then a Poisson stream."""

    def __init__(self, config: RunConfig, seed: int) -> None:
        self._seed = seed
        self._tick_days = config.grid.dt_h / HOURS_PER_DAY
        self._ticks_per_day = HOURS_PER_DAY * config.grid.ticks_per_hour
        self._ticks_per_hour = config.grid.ticks_per_hour
        self._scale = float(config.fleet.racks_mw.sum()) / REFERENCE_RACKS_MW
        self._day = lru_cache(maxsize=8)(self._draw_day)

    def arrivals(self, tick: int) -> tuple[ContractRequest, ...]:
        """Return the requests that arrive in a tick.

        Those of tick 0 begin with the contracts that are already live, with their remaining life.
        """
        return self._day(tick // self._ticks_per_day).get(tick, ())

    def _draw_day(self, day: int) -> dict[int, tuple[ContractRequest, ...]]:
        """Draw the requests of a day of the run, by tick."""
        if day < 0:
            return {}
        chance = generator(self._seed, RandomStream.ARRIVALS, day)
        counts = chance.poisson(ARRIVALS_PER_DAY * self._tick_days * self._scale, self._ticks_per_day)
        first = day * self._ticks_per_day
        drawn = {
            first + row: self._requests(chance, first + row, 0, full_lives_days(chance, int(counts[row])))
            for row in np.flatnonzero(counts).tolist()
        }
        if day == 0:
            live = self._live_at_start()
            drawn[0] = live + self._requests(chance, 0, len(live), full_lives_days(chance, int(counts[0])))
        return drawn

    def _live_at_start(self) -> tuple[ContractRequest, ...]:
        chance = generator(self._seed, RandomStream.FIRST_CONTRACTS, 0)
        return self._requests(chance, 0, 0, remaining_lives_days(chance, round(LIVE_AT_START_COUNT * self._scale)))

    def _requests(
        self, chance: np.random.Generator, tick: int, first: int, lives_days: Floats
    ) -> tuple[ContractRequest, ...]:
        """Draw the requests of one tick, numbered from `first` on.

        Lives are rounded to whole hours, and are at least one tick.
        """
        count = len(lives_days)
        powers = np.clip(SIZE_MEDIAN_MW * np.exp(SIZE_LOG_SD * chance.standard_normal(count)), *SIZE_RANGE_MW)
        tiers = _chosen(chance, count, TIER_SHARE)
        regions = _chosen(chance, count, REGION_DEMAND_SHARE)
        customers = chance.integers(len(CUSTOMERS), size=count).tolist()
        hours = (lives_days * HOURS_PER_DAY).tolist()
        return tuple(
            ContractRequest(
                id=f"c{self._seed}-{tick:06d}-{first + i}",
                tier=Tier(tiers[i]),
                customer=CUSTOMERS[customers[i]],
                power_mw=round(power, POWER_DIGITS),
                duration_ticks=max(1, round(hours[i]) * self._ticks_per_hour),
                timezone=REGION_ZONE[regions[i]],
            )
            for i, power in enumerate(powers.tolist())
        )


def _chosen(chance: np.random.Generator, count: int, shares: tuple[float, ...]) -> list[int]:
    """Draw indices into shares that add up to 1.

    As `Generator.choice` does, which checks the shares each time.
    """
    chosen: list[int] = _cumulated(shares).searchsorted(chance.random(count), side="right").tolist()
    return chosen


@lru_cache(maxsize=8)
def _cumulated(shares: tuple[float, ...]) -> Floats:
    cumulated = np.cumsum(shares)
    return sealed(cumulated / cumulated[-1])


def full_lives_days(chance: np.random.Generator, count: int) -> Floats:
    """Draw the lives of new contracts (count,)."""
    return np.clip(LIFE_MEDIAN_DAYS * np.exp(LIFE_LOG_SD * chance.standard_normal(count)), *LIFE_RANGE_DAYS)


def remaining_lives_days(chance: np.random.Generator, count: int) -> Floats:
    """Draw the remaining lives of contracts seen at a random moment (count,).

    The chance to see a life is proportional to its length, and the moment is uniform within it: the equilibrium
    residual life of renewal theory. Source: Cox 1962, Renewal Theory.
    """
    lives, cumulated = _length_biased()
    met = lives[np.searchsorted(cumulated, chance.random(count), side="right")]
    return np.asarray(met * chance.random(count))


@lru_cache(maxsize=1)
def _length_biased() -> tuple[Floats, Floats]:
    """Tabulate lives at even quantiles [days], and the cumulative chance to see each."""
    quantiles = [NormalDist().inv_cdf((i + 0.5) / KNOTS) for i in range(KNOTS)]
    lives = np.clip(LIFE_MEDIAN_DAYS * np.exp(LIFE_LOG_SD * np.array(quantiles)), *LIFE_RANGE_DAYS)
    cumulated = np.cumsum(lives)
    return sealed(lives), sealed(cumulated / cumulated[-1])
