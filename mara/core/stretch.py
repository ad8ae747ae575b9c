"""Many ticks in a row, settled at once in arrays.

The steps are those of `advance`, bit for bit. Tick by tick only contracts are placed and judged, because the next plan
depends on them. Whether everything else of a plan runs as it is, and what it earns, is found for all ticks together. A
tick with an event, or whose plan dispatch has to change, ends the stretch: `advance` takes it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, row_sums, sealed
from mara.core.contract import TIER_COUNT
from mara.core.daybook import day_after
from mara.core.dispatch import Allocation, reserve_within, traded
from mara.core.economics import Economics
from mara.core.finance import (
    CONTRACT_LINES,
    REVENUE_LINES,
    Settlement,
    charges_by_site,
    emissions_g_of,
    energy_by_site,
    gains_of,
    lines_by_site,
)
from mara.core.fleet import MINERS, RACKS, Fleet
from mara.core.market import sellback_usd_per_mwh
from mara.core.outlook import Outlook
from mara.core.own_load import ROUNDED_UP, crowded_share, fit_miners
from mara.core.placement import Placement, place
from mara.core.plan import PlanStep
from mara.core.sla import SlaReport, judge
from mara.core.step import Step, off_ticks, sum_of
from mara.core.units import TOLERANCE_MW
from mara.core.world import RunConfig, World

MOST_LESS_MW: Final = TOLERANCE_MW / 2
MOST_DEMAND_RATIO: Final = 1.0 + (ROUNDED_UP - 1.0) / 2
"""Load, and tokens over demand, that count as rounding.

`advance` judges what is nearer to the tolerances.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tick:
    """A tick that was placed and judged, and is not settled yet."""

    outlook: Outlook
    plan: PlanStep
    miners_mw: Floats
    placed: Placement
    report: SlaReport
    world: World
    """The world after it, but for its money, gains and sums of the day."""


class Stretch:
    """Ticks from a world on, until one that has to be advanced by itself.

    Attributes:
        world: the world after the ticks followed so far. Its money, gains and sums of the day are those of the first.
    """

    def __init__(self, world: World, config: RunConfig) -> None:
        self.world = world
        self._first, self._config = world, config
        self._ticks: list[_Tick] = []
        self._end_tick = int(world.accounts.window_end_tick.min(initial=np.iinfo(np.int64).max)) - 1
        self._is_quiet = (
            world.power is None
            and not (world.closed or world.exclusions or world.day_ahead)
            and bool((world.outage_until_tick <= world.tick).all())
        )

    def may_go_on(self, outlook: Outlook) -> bool:
        """Say whether nothing but a plan happens in the next tick."""
        seen, available = outlook.observation, self.world.availability_share
        return (
            self._is_quiet
            and self.world.tick < self._end_tick
            and not seen.arrivals
            and seen.import_limit_mw is None
            and (seen.availability_share is available or bool((seen.availability_share == available).all()))
        )

    def follow(self, outlook: Outlook, plan: PlanStep) -> bool:
        """Follow a plan in the next tick; refuse where a contract or a miner cannot."""
        world, seen, conditions = self.world, outlook.observation, outlook.conditions
        if plan.book_changes_count != world.book_changes_count or plan.day_ahead is not None:
            return False
        nowhere = np.zeros(len(conditions.racks_mw), dtype=np.bool_)
        placed = place(plan, world, conditions.contract_room_mw, nowhere)
        if placed.stranded_mw is not None or placed.rescued_mw is not None:
            return False
        miners = fit_miners(plan.miners_mw, world, conditions, self._config)
        if miners is not plan.miners_mw and np.count_nonzero((plan.miners_mw - miners).sum(axis=1) > MOST_LESS_MW):
            return False
        report = judge(placed, world)
        self.world = World(
            tick=world.tick + 1,
            book=world.book,
            accounts=report.accounts,
            miners_mw=sealed(miners),
            miner_off_ticks=off_ticks(miners, world),
            availability_share=seen.availability_share,
            outage_until_tick=world.outage_until_tick,
            gains=world.gains,
            cash_micro_usd=world.cash_micro_usd,
            revenue_micro_usd=world.revenue_micro_usd,
            refused_count=world.refused_count,
            book_changes_count=world.book_changes_count,
            day=world.day,
        )
        self._ticks.append(
            _Tick(outlook=outlook, plan=plan, miners_mw=miners, placed=placed, report=report, world=self.world)
        )
        return True

    def settled(self) -> list[Step]:
        """Settle the ticks followed, up to the first whose plan does not run as it is."""
        if not self._ticks:
            return []
        done, fits = _loads_of(self._ticks, self._first, self._config)
        count = int(fits.argmin()) if not fits.all() else len(fits)
        return _steps_of(self._ticks[:count], self._first, done, self._config)


def _loads_of(ticks: list[_Tick], first: World, config: RunConfig) -> tuple[Allocation, Bools]:
    """Find the loads of all ticks, and the ticks in which they run as planned.

    Returns arrays of ticks (T, ...), and True for each tick that does (T,).
    The steps are those of `dispatch`; what they change is rounding.
    """
    fleet, conditions = config.fleet, [tick.outlook.conditions for tick in ticks]
    pue, available = np.stack([c.pue for c in conditions]), np.stack([c.available_mw for c in conditions])
    contracts = np.stack([tick.placed.contracts_mw for tick in ticks])
    # Sums over kinds and tiers are taken tick by tick: their last digits depend on the shape that is summed.
    contracts_it = np.stack([row_sums(tick.placed.contracts_mw) for tick in ticks])
    mining_it = np.stack([row_sums(tick.miners_mw) for tick in ticks])
    wanted = np.stack([tick.plan.merchant_mw for tick in ticks])
    merchant, by_kind, fits = _merchant_of(ticks, wanted, available[:, :, RACKS], contracts_it, fleet)
    miners = np.stack([tick.miners_mw for tick in ticks])
    own = np.stack([row_sums(drawn) for drawn in miners * pue[:, :, MINERS]]) + row_sums(by_kind * pue[:, :, RACKS])
    power = own + contracts_it * np.stack([c.rack_pue for c in conditions])
    fits &= (power - fleet.grid_limit_mw <= TOLERANCE_MW).all(axis=1)
    power = np.minimum(power, fleet.grid_limit_mw)
    bought, sold = (power, np.zeros(power.shape)) if fleet.is_unhedged else traded(power, fleet.hedge_mw)
    reserve = np.stack([tick.plan.reserve_mw for tick in ticks])
    ramp = mining_it - np.concatenate([row_sums(first.miners_mw)[None], mining_it[:-1]])
    done = Allocation(
        miners_mw=miners,
        merchant_mw=merchant,
        contracts_mw=contracts,
        reserve_mw=reserve_within(reserve, contracts, np.stack([c.contract_room_mw for c in conditions])),
        site_mining_it_mw=mining_it,
        site_merchant_it_mw=row_sums(by_kind),
        site_contracts_it_mw=contracts_it,
        site=np.stack([tick.placed.site for tick in ticks]),
        served=np.stack([tick.placed.served for tick in ticks]),
        scheduled=np.stack([tick.placed.scheduled for tick in ticks]),
        pue=pue,
        available_mw=available,
        site_power_mw=power,
        bought_mw=bought,
        sold_mw=sold,
        moved_mw=np.stack([tick.placed.moved_mw for tick in ticks]),
        ramp_mw=np.maximum(ramp, 0.0),
    )
    return done, fits


def _merchant_of(
    ticks: list[_Tick], wanted_mw: Floats, kinds_mw: Floats, contracts_mw: Floats, fleet: Fleet
) -> tuple[Floats, Floats, Bools]:
    """Fit merchant inference to machines and to the racks that contracts leave.

    Returns the load (T, R, S, 2), its sum over regions (T, S, 2), and ticks in which it is what was planned (T,).
    """
    tokens = np.stack([(tick.plan.merchant_mw @ fleet.tokens_per_mwh).sum(axis=1) for tick in ticks])
    demand = np.stack([tick.outlook.observation.demand_tokens_per_h for tick in ticks])
    racks = np.stack([tick.outlook.conditions.racks_mw for tick in ticks])
    by_kind = wanted_mw.sum(axis=1)
    merchant = wanted_mw * np.where(by_kind > kinds_mw, kinds_mw / np.maximum(by_kind, TOLERANCE_MW), 1.0)[:, None]
    by_kind = np.minimum(by_kind, kinds_mw)
    total = row_sums(by_kind)
    short = total + contracts_mw - racks
    is_crowded = (short > 0.0).any(axis=1, keepdims=True)
    fit = np.where(is_crowded, crowded_share(total, contracts_mw, racks), 1.0)[:, :, None]
    merchant = merchant * fit[:, None]
    less = (wanted_mw - merchant).sum(axis=(1, 3))
    fits = (tokens <= demand * MOST_DEMAND_RATIO).all(axis=1) & (np.maximum(less, short) <= MOST_LESS_MW).all(axis=1)
    return merchant, by_kind * fit, fits


def _ledgers_of(ticks: list[_Tick], done: Allocation, config: RunConfig) -> tuple[Ints, Ints, Ints]:
    """Settle all ticks: money (T, S, 29), energy (T, S, 9) and emissions (T, S)."""
    observations = [tick.outlook.observation for tick in ticks]
    conditions = [tick.outlook.conditions for tick in ticks]
    price = np.stack([seen.energy_price_usd_per_mwh for seen in observations])
    mining = np.stack([c.mining_value_usd_per_mwh for c in conditions])
    each = Economics(
        mining_usd_per_mwh=mining,
        merchant_usd_per_mwh=np.stack([c.merchant_value_usd_per_mwh for c in conditions]),
        price_usd_per_mwh=price,
        sellback_usd_per_mwh=sellback_usd_per_mwh(price, config.terms.sellback_spread_share),
        carbon_usd_per_mwh=np.stack([c.carbon_cost_usd_per_mwh for c in conditions]),
        migration_usd_per_mw=config.terms.migration_rates_usd_per_mw,
        restart_usd_per_mw=config.terms.restart_usd_per_mw,
    )
    carbon = done.site_power_mw * np.stack([seen.carbon_intensity_g_per_kwh for seen in observations])
    mined = np.stack(
        [tick.miners_mw.dot(c.mining_value_usd_per_mwh) for tick, c in zip(ticks, conditions, strict=True)]
    )
    lines = lines_by_site(done, each, config, mining_usd_per_h=mined, carbon_kg_per_h=carbon)
    count, sites = carbon.shape
    row = ticks[0].world.book.tier + TIER_COUNT * np.arange(count)[:, None]
    charge = np.stack([tick.report.charge_micro_usd for tick in ticks])
    charges = charges_by_site(done.site.ravel(), charge.ravel(), row.ravel(), (count * TIER_COUNT, sites))
    lines[CONTRACT_LINES] = charges.reshape(count, TIER_COUNT, sites).swapaxes(0, 1)
    energy = energy_by_site(done, config)
    return np.moveaxis(lines, 0, 2), np.moveaxis(energy, 0, 2), emissions_g_of(carbon, config)


def _steps_of(ticks: list[_Tick], world: World, done: Allocation, config: RunConfig) -> list[Step]:
    """Cut what was computed for all ticks into their steps."""
    count = len(ticks)
    if not count:
        return []
    columns = [sealed(getattr(done, name)[:count]) for name in _LOADS]
    cut = Allocation(**dict(zip(_LOADS, columns, strict=True)))
    lines, energy, emissions = (sealed(array) for array in _ledgers_of(ticks, cut, config))
    profit: list[int] = lines.sum(axis=(1, 2)).tolist()
    revenue: list[int] = lines[:, :, REVENUE_LINES].sum(axis=(1, 2)).tolist()
    steps: list[Step] = []
    for t, (tick, loads) in enumerate(zip(ticks, zip(*columns, strict=True), strict=True)):
        settlement = Settlement(lines_micro_usd=lines[t], energy_wh=energy[t], emissions_g=emissions[t])
        allocation = Allocation(**dict(zip(_LOADS, loads, strict=True)))
        step = _step_of(tick, world, allocation, settlement, config, earned_micro_usd=(profit[t], revenue[t]))
        steps.append(step)
        world = step.world
    return steps


def _step_of(
    tick: _Tick,
    before: World,
    done: Allocation,
    settlement: Settlement,
    config: RunConfig,
    *,
    earned_micro_usd: tuple[int, int],
) -> Step:
    """Put a step together; `earned_micro_usd` are its profit and its revenue."""
    seen, conditions = tick.outlook.observation, tick.outlook.conditions
    gains = gains_of(done, seen, conditions, config)
    profit_micro_usd, revenue_micro_usd = earned_micro_usd
    after = World(
        tick=before.tick + 1,
        book=before.book,
        accounts=tick.report.accounts,
        miners_mw=tick.miners_mw,
        miner_off_ticks=tick.world.miner_off_ticks,
        availability_share=seen.availability_share,
        outage_until_tick=before.outage_until_tick,
        gains=sum_of(before.gains, gains),
        cash_micro_usd=before.cash_micro_usd + profit_micro_usd,
        revenue_micro_usd=before.revenue_micro_usd + revenue_micro_usd,
        refused_count=before.refused_count,
        book_changes_count=before.book_changes_count,
        day=day_after(before, seen, done, before.book, booked=0, grid=config.grid),
    )
    return Step(
        tick=before.tick,
        before=before,
        observation=seen,
        conditions=conditions,
        plan=tick.plan,
        commands=(),
        allocation=done,
        report=tick.report,
        settlement=settlement,
        gains=gains,
        accepted=(),
        refused=(),
        world=after,
    )


_LOADS: Final = tuple(name for name in Allocation.__dataclass_fields__ if name not in ("deviations", "power"))
