"""A stored run as answers read it: configuration, last tick, and ticks in context."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from mara.core.arrays import Floats
from mara.core.explanation import Facts
from mara.core.fleet import MINER_COUNT
from mara.core.timegrid import TimeGrid
from mara.core.units import TOLERANCE_MW
from mara.core.world import Conditions, Observation, RunConfig, conditions_of
from mara.store.read.decisions import Decisions, Running


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickContext:
    """A stored tick: what was observed, the conditions, and the loads that ran.

    Attributes:
        idle_mw: power of the miners that could run and did not (S, 3).
    """

    tick: int
    observation: Observation
    conditions: Conditions
    running: Running
    idle_mw: Floats

    def rack_cost_usd_per_mwh(self, site: int) -> float:
        """Cost of power and carbon of one MWh of contract load at a site [USD/MWh]."""
        return float(self.conditions.rack_cost_usd_per_mwh[site])


@dataclass(frozen=True, kw_only=True, eq=False)
class RunHistory:
    """A run up to its last stored tick."""

    decisions: Decisions
    config: RunConfig
    last_tick: int

    @classmethod
    def of(cls, decisions: Decisions) -> "RunHistory":
        """Open the run in a database.

        Raises:
            StoreRefused: the database holds no run.
        """
        config = decisions.read_model.run().config
        return cls(decisions=decisions, config=config, last_tick=decisions.read_model.next_tick() - 1)

    @property
    def grid(self) -> TimeGrid:
        return self.config.grid

    @cached_property
    def customers(self) -> tuple[str, ...]:
        return self.decisions.customers()

    def name(self, site: int) -> str:
        return self.config.fleet.sites[site].name

    def when(self, tick: int) -> str:
        """Format a tick as UTC time and date, with its number."""
        return f"{self.grid.at(tick):%H:%M} UTC on {day_text(self.grid.at(tick))} (tick {tick})"

    def clock(self, tick: int, beside: int) -> str:
        """Format a tick as UTC time, with the date if it differs from that of `beside`."""
        at, other = self.grid.at(tick), self.grid.at(beside)
        return f"{at:%H:%M} UTC" if at.date() == other.date() else f"{at:%H:%M} UTC on {day_text(at)}"

    def context(self, tick: int) -> TickContext | None:
        """Read what a past tick observed and ran; None where its rows were deleted."""
        running = self.decisions.running(tick)
        observation = self.decisions.read_model.stored_tick(tick).observation if running is not None else None
        if running is None or observation is None:
            return None
        conditions = conditions_of(observation, self.config)
        idle = np.maximum(conditions.available_mw[:, :MINER_COUNT] - running.miners_mw, 0.0)
        return TickContext(
            tick=tick,
            observation=observation,
            conditions=conditions,
            running=running,
            idle_mw=np.where(idle > TOLERANCE_MW, idle, 0.0),
        )


def day_text(at: datetime) -> str:
    """Write a date such as `3 Jul 2025`."""
    return f"{at.day} {at:%b %Y}"


def price_told(facts: Facts, history: RunHistory, context: TickContext, site: int) -> str:
    """Add a site's price in a tick to the facts; return its text."""
    price = float(context.observation.energy_price_usd_per_mwh[site])
    return facts.told("energy_price_usd_per_mwh", f"Price at {history.name(site)}, {history.when(context.tick)}", price)
