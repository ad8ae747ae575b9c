"""Ticks that were placed and judged one by one, settled together in arrays.

Money, energy, gains and sums of the day are found for all ticks at once, and so is the world after the last. The steps
of single ticks, which few callers read, are made when they are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed, stacked
from mara.core.contract import TIER_COUNT
from mara.core.daybook import day_after, day_after_all
from mara.core.dispatch import Allocation
from mara.core.economics import Economics
from mara.core.finance import (
    CONTRACT_LINES,
    REVENUE_LINES,
    Settlement,
    charges_by_site,
    emissions_g_of,
    energy_by_site,
    gains_of_all,
    lines_by_site,
)
from mara.core.outlook import Outlook
from mara.core.placement import Placement
from mara.core.plan import DraftStep
from mara.core.sla import SlaReport
from mara.core.step import Step, sum_of
from mara.core.world import Gains, Observation, RunConfig, World


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FollowedTick:
    """A tick that was placed and judged, and is not settled yet."""

    outlook: Outlook
    draft: DraftStep
    placed: Placement
    report: SlaReport
    world: World
    """The world after it, but for its miners, money, gains and sums of the day."""


def places_of(ticks: list[FollowedTick]) -> slice:
    """Find the places of followed ticks in the arrays that were computed ahead."""
    first = ticks[0].outlook.earlier_count
    return slice(first, first + len(ticks))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedMiners:
    """Miners as planned for successive ticks (T, S, 3).

    Attributes:
        off_ticks: how long each kind has been off after each tick (T, S, 3).
    """

    planned_mw: Floats
    off_ticks: Ints


class SettledStretch:
    """Ledgers and sums of successive ticks, at least one, and the world after them.

    Attributes:
        first: the world before them.
        done: their loads, with the axis of ticks before all others (T, ...).
        lines_micro_usd, energy_wh, emissions_g: as in `Settlement` (T, S, 29), (T, S, 9), (T, S).
        profit_micro_usd: profit of each tick (T,).
    """

    def __init__(
        self, ticks: list[FollowedTick], first: World, miners: PlannedMiners, done: Allocation, config: RunConfig
    ) -> None:
        self.ticks, self.first, self.done = ticks, first, done
        self._miners, self._config = miners, config
        together, self._here = ticks[0].outlook.together, places_of(ticks)
        self._conditions = together.conditions
        self.observations = together.observations[self._here]
        self._price = stacked([seen.energy_price_usd_per_mwh for seen in self.observations])
        self._carbon = stacked([seen.carbon_intensity_g_per_kwh for seen in self.observations])
        self.lines_micro_usd, self.energy_wh, self.emissions_g = (sealed(array) for array in self._ledgers())
        self.profit_micro_usd: list[int] = self.lines_micro_usd.sum(axis=(1, 2)).tolist()

    @cached_property
    def world(self) -> World:
        """The world after the last tick."""
        first, *cash = accumulate(self.profit_micro_usd, initial=self.first.cash_micro_usd)
        return replace(
            self.ticks[-1].world,
            miners_mw=self.done.miners_mw[-1],
            miner_off_ticks=self._miners.off_ticks[-1],
            gains=sum_of(self.first.gains, _gains_of(self._gains.sum(axis=0).tolist())),
            cash_micro_usd=cash[-1],
            revenue_micro_usd=self.first.revenue_micro_usd + int(self.lines_micro_usd[:, :, REVENUE_LINES].sum()),
            day=day_after_all(
                self.first,
                self.done,
                self.rest_ticks,
                (first, *cash),
                self._config.grid,
                price_usd_per_mwh=self._price,
                dry_bulb_c=stacked([seen.dry_bulb_c for seen in self.observations]),
            ),
        )

    @cached_property
    def rest_ticks(self) -> Ints:
        """Ticks for which contracts had been scheduled off before each tick (T, C)."""
        return stacked([world.accounts.rest_ticks for world in (self.first, *[t.world for t in self.ticks[:-1]])])

    def steps(self) -> Iterator[Step]:
        """Make the steps of the ticks, one after the other."""
        loads = zip(*[getattr(self.done, name) for name in LOADS], strict=True)
        revenue: list[int] = self.lines_micro_usd[:, :, REVENUE_LINES].sum(axis=(1, 2)).tolist()
        world, gains = self.first, self._gains.tolist()
        for t, (tick, of_tick) in enumerate(zip(self.ticks, loads, strict=True)):
            step = self._step(
                t, tick, world, Allocation(**dict(zip(LOADS, of_tick, strict=True))), _gains_of(gains[t]), revenue[t]
            )
            yield step
            world = step.world

    @cached_property
    def _gains(self) -> Ints:
        """Gains of each tick (T, 4), as `gains_of_all` returns them."""
        racks = self._conditions.racks_mw[self._here]
        return gains_of_all(self.done, self._price, self._carbon, racks, self._config)

    def _ledgers(self) -> tuple[Ints, Ints, Ints]:
        """Settle all ticks: money (T, S, 29), energy (T, S, 9) and emissions (T, S)."""
        done, config, conditions = self.done, self._config, self._conditions
        mining = conditions.mining_value_usd_per_mwh[self._here]
        each = Economics(
            mining_usd_per_mwh=mining,
            merchant_usd_per_mwh=conditions.merchant_value_usd_per_mwh[self._here],
            price_usd_per_mwh=self._price,
            sellback_spread_share=config.terms.sellback_spread_share,
            carbon_usd_per_mwh=conditions.carbon_cost_usd_per_mwh[self._here],
            migration_usd_per_mw=config.terms.migration_rates_usd_per_mw,
            restart_usd_per_mw=config.terms.restart_usd_per_mw,
        )
        carbon = done.drawn_mw * self._carbon
        mined = np.matvec(done.miners_mw, mining)
        lines = lines_by_site(done, each, config, mining_usd_per_h=mined, carbon_kg_per_h=carbon)
        lines[CONTRACT_LINES] = self._charges()
        return (
            np.moveaxis(lines, 0, -1),
            np.moveaxis(energy_by_site(done, config), 0, -1),
            emissions_g_of(carbon, config),
        )

    def _charges(self) -> Ints:
        """Sum contract charges of all ticks by tier and site (G, T, S) [micro-USD]."""
        count, sites = self.done.site_power_mw.shape
        rows = self.first.book.tier + TIER_COUNT * np.arange(count)[:, None]
        charge = stacked([tick.report.charge_micro_usd for tick in self.ticks])
        charges = charges_by_site(self.done.site.ravel(), charge.ravel(), rows.ravel(), (count * TIER_COUNT, sites))
        return charges.reshape(count, TIER_COUNT, sites).swapaxes(0, 1)

    def _step(
        self, t: int, tick: FollowedTick, before: World, done: Allocation, gains: Gains, revenue_micro_usd: int
    ) -> Step:
        """Put a step together."""
        seen: Observation = tick.outlook.observation
        after = replace(
            tick.world,
            miners_mw=done.miners_mw,
            miner_off_ticks=self._miners.off_ticks[t],
            gains=sum_of(before.gains, gains),
            cash_micro_usd=before.cash_micro_usd + self.profit_micro_usd[t],
            revenue_micro_usd=before.revenue_micro_usd + revenue_micro_usd,
            day=day_after(before, seen, done, before.book, booked=0, grid=self._config.grid),
        )
        return Step(
            tick=before.tick,
            before=before,
            observation=seen,
            conditions=tick.outlook.conditions,
            plan=tick.draft.step_with(self._miners.planned_mw[t]),
            commands=(),
            allocation=done,
            report=tick.report,
            settlement=Settlement(
                lines_micro_usd=self.lines_micro_usd[t], energy_wh=self.energy_wh[t], emissions_g=self.emissions_g[t]
            ),
            gains=gains,
            accepted=(),
            refused=(),
            world=after,
        )


def _gains_of(row: list[int]) -> Gains:
    climate, time_zone, interaction, carbon_g = row
    return Gains(
        climate_micro_usd=climate,
        time_zone_micro_usd=time_zone,
        interaction_micro_usd=interaction,
        carbon_avoided_g=carbon_g,
    )


LOADS: Final = tuple(name for name in Allocation.__dataclass_fields__ if name not in ("deviations", "power"))
"""Fields of an allocation that are arrays of loads."""
