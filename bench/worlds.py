"""Worlds for benchmarks: fleets, permanent contracts, and pre-planned ticks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import SlaContract, Tier
from mara.core.fleet import Fleet
from mara.core.plan import PlanStep, Problem
from mara.core.sla import opened
from mara.core.step import advance
from mara.core.timegrid import TimeGrid
from mara.core.world import Observation, RunConfig, World, first_world
from mara.feeds.files.fleet_file import read_fleet
from mara.feeds.synthetic.arrivals import LIFE_RANGE_DAYS, SIZE_LOG_SD, SIZE_MEDIAN_MW, SIZE_RANGE_MW, TIER_SHARE
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.optimizers.rules.rules import Rules

SEED: Final = 7
START: Final = datetime(2025, 7, 1, tzinfo=UTC)
HORIZON_HOURS: Final = 24
PART_SITE_STEPS: Final = 2_500
"""Site-steps timed together: some tens of milliseconds at ten sites."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tape:
    """Recorded observations and plans of some ticks, on which `advance` is timed.

    Attributes:
        starts: the world before every `part_ticks`-th tick, so that each part can be played alone.
    """

    config: RunConfig
    ticks: tuple[tuple[Observation, PlanStep], ...]
    starts: tuple[World, ...]
    part_ticks: int

    @property
    def site_steps(self) -> int:
        return len(self.ticks) * self.config.fleet.site_count

    def parts(self) -> tuple[Callable[[], World], ...]:
        """Functions to be timed, which together play every tick once."""
        return tuple(partial(self._play, number) for number in range(len(self.starts)))

    def _play(self, number: int) -> World:
        world, first = self.starts[number], number * self.part_ticks
        for observation, step in self.ticks[first : first + self.part_ticks]:
            world = advance(world, observation, step, self.config).world
        return world


def charter_of(sites: int, tick_minutes: int = 5) -> RunConfig:
    """Make a run configuration of the shipped fleet of ten, or copies of its sites."""
    fleet = read_fleet("global_ten")
    assert sites % fleet.site_count == 0
    return RunConfig(
        fleet=copies_of(fleet, sites // fleet.site_count), grid=TimeGrid(start=START, tick_minutes=tick_minutes)
    )


def copies_of(fleet: Fleet, count: int) -> Fleet:
    """Copy every site of a fleet `count` times, under numbered ids.

    The feed draws each copy's own weather, prices and outages, because ids differ.
    """
    if count == 1:
        return fleet
    return replace(
        fleet,
        sites=tuple(replace(site, id=f"{site.id}-{n:04d}") for n in range(count) for site in fleet.sites),
        units_count=np.tile(fleet.units_count, (count, 1)),
        grid_limit_mw=np.tile(fleet.grid_limit_mw, count),
        hedge_mw=np.tile(fleet.hedge_mw, count),
        hedge_price_usd_per_mwh=np.tile(fleet.hedge_price_usd_per_mwh, count),
    )


def steady_contracts(config: RunConfig, count: int) -> tuple[SlaContract, ...]:
    """Make contracts of usual sizes and tiers that outlast any benchmark."""
    chance = np.random.default_rng(SEED)
    tiers: NDArray[np.int64] = chance.choice(len(TIER_SHARE), count, p=TIER_SHARE)
    powers_mw = np.clip(SIZE_MEDIAN_MW * np.exp(SIZE_LOG_SD * chance.standard_normal(count)), *SIZE_RANGE_MW)
    life_ticks = int(LIFE_RANGE_DAYS[1]) * config.grid.ticks_of_hours(24)
    return tuple(
        SlaContract(
            id=f"steady-{n:05d}",
            tier=Tier(tiers[n]),
            customer="steady demand",
            power_mw=round(float(powers_mw[n]), 2),
            rate_usd_per_mwh=list_rate_usd_per_mwh(Tier(tiers[n]), config),
            starts_tick=0,
            ends_tick=life_ticks,
            timezone="UTC",
        )
        for n in range(count)
    )


def tape_of(sites: int, contracts: int, ticks: int) -> Tape:
    """Record five-minute ticks of the default world with a fixed set of contracts.

    Plans are made by `rules`.
    """
    config = charter_of(sites)
    return recorded(config, steady_contracts(config, contracts), ticks, keep_arrivals=False)


def default_tape(ticks: int) -> Tape:
    """Record the default world, in which about 45 contracts come and go."""
    return recorded(charter_of(10), (), ticks, keep_arrivals=True)


def recorded(config: RunConfig, contracts: tuple[SlaContract, ...], ticks: int, *, keep_arrivals: bool) -> Tape:
    """Run once with `rules`, and record observations and plans."""
    feed, rules = SyntheticFeed(config, SEED), Rules()
    world = opened(first_world(config), contracts, config)
    part_ticks = max(1, PART_SITE_STEPS // config.fleet.site_count)
    kept: list[tuple[Observation, PlanStep]] = []
    starts: list[World] = []
    for tick in range(ticks):
        if tick % part_ticks == 0:
            starts.append(world)
        observation = feed.observe(tick)
        if not keep_arrivals:
            observation = replace(observation, arrivals=())
        problem = Problem(
            config=config, world=world, observation=observation, forecast=feed.forecast(tick, HORIZON_HOURS)
        )
        step = rules.plan(problem).step_at(tick)
        kept.append((observation, step))
        world = advance(world, observation, step, config).world
    return Tape(config=config, ticks=tuple(kept), starts=tuple(starts), part_ticks=part_ticks)
