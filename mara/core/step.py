"""The one transition, `advance`.

Live run, replay, backtest, what-if and test are this function with different callers.
"""

from dataclasses import dataclass, replace

import numpy as np

from mara.core.arrays import Bools, Floats, Ints, sealed
from mara.core.booking import Refusal, admit, ordered, requests_of, with_ordered_outages
from mara.core.commands import Command
from mara.core.contract import SlaContract
from mara.core.daybook import day_after
from mara.core.dispatch import Allocation, dispatch
from mara.core.finance import Line, Settlement, gains_of, settle
from mara.core.fleet import Fleet
from mara.core.metered_settlement import after_meters, read_meters, unread_after, with_corrections
from mara.core.metering import standing_share
from mara.core.plan import PlanStep
from mara.core.position import orders_after
from mara.core.sla import SlaReport, judge, roll_over
from mara.core.world import Conditions, Gains, Observation, RunConfig, World, conditions_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """All that came of one tick: inputs, decisions, settlement, and the world after."""

    tick: int
    before: World
    observation: Observation
    conditions: Conditions
    plan: PlanStep
    commands: tuple[Command, ...]
    allocation: Allocation
    report: SlaReport
    settlement: Settlement
    gains: Gains
    """Gains of this tick alone; the world carries their sum."""
    accepted: tuple[SlaContract, ...]
    refused: tuple[Refusal, ...]
    world: World

    @property
    def down(self) -> tuple[int, ...]:
        """Sites that have no machine available in the tick."""
        return tuple(np.nonzero(self.observation.availability_share == 0.0)[0].tolist())


def advance(
    world: World,
    observation: Observation,
    plan: PlanStep,
    config: RunConfig,
    commands: tuple[Command, ...] = (),
    *,
    ahead: Conditions | None = None,
) -> Step:
    """Advance by one tick: obey commands, dispatch, judge, settle, turn windows over.

    Pure: the same arguments give the same step, bit for bit. `ahead` are conditions of the observation, if known.
    """
    assert observation.tick == world.tick, f"observation of tick {observation.tick} for a world at {world.tick}"
    before, cancelled = ordered(world, commands, config)
    metered = read_meters(before, observation, config)
    before = after_meters(before, metered)
    seen = observed(observation, before, config.fleet)
    conditions = ahead if ahead is not None and seen is observation else conditions_of(seen, config)
    allocation = dispatch(plan, before, seen, conditions, config)
    report = judge(allocation, before, None if metered is None else metered.missed)
    settlement = with_corrections(settle(allocation, report, before, seen, conditions, config), metered)
    accepted, refused = admit(requests_of(seen.arrivals, commands, config), before, config)
    gains = _with_position(gains_of(allocation, seen, conditions, config), settlement)
    book, accounts, closed = roll_over(before, report.accounts, accepted, cancelled, config)
    after = World(
        tick=world.tick + 1,
        book=book,
        accounts=accounts,
        miners_mw=allocation.miners_mw,
        miner_off_ticks=off_ticks(allocation.miners_mw, before),
        availability_share=seen.availability_share,
        outage_until_tick=before.outage_until_tick,
        exclusions=_current(before),
        closed=closed,
        gains=sum_of(world.gains, gains),
        cash_micro_usd=world.cash_micro_usd + settlement.profit_micro_usd,
        revenue_micro_usd=world.revenue_micro_usd + settlement.revenue_micro_usd,
        refused_count=world.refused_count + len(refused),
        book_changes_count=world.book_changes_count + (book is not before.book),
        day=day_after(before, seen, allocation, book, booked=len(accepted), grid=config.grid),
        day_ahead=orders_after(before.day_ahead, plan.day_ahead, config.grid.epoch_h(world.tick + 1)),
        power=settlement.power,
        unread=unread_after(allocation, before, seen),
    )
    return Step(
        tick=world.tick,
        before=before,
        observation=seen,
        conditions=conditions,
        plan=plan,
        commands=commands,
        allocation=allocation,
        report=report,
        settlement=settlement,
        gains=gains,
        accepted=accepted,
        refused=refused,
        world=after,
    )


def observed(observation: Observation, world: World, fleet: Fleet) -> Observation:
    """Apply the outages that operators ordered or meters show to an observation.

    An observation to which they were applied stays as it is.
    """
    availability = with_ordered_outages(observation.availability_share, world)
    if observation.metering is not None and observation.metering.is_down.any():
        availability = np.minimum(availability, 1.0 - standing_share(observation.metering.is_down, fleet))
    if availability is observation.availability_share:
        return observation
    return replace(observation, availability_share=sealed(availability))


def simulated(observation: Observation) -> Observation:
    """Return an observation that bills no site by its meter, for an unmeasured world."""
    told = observation.metering
    if told is None or not told.is_metered.any():
        return observation
    return replace(observation, metering=replace(told, is_metered=sealed(np.zeros_like(told.is_metered))))


def _with_position(gains: Gains, settlement: Settlement) -> Gains:
    if settlement.position_mw is None:
        return gains
    return replace(gains, day_ahead_micro_usd=int(settlement.lines_micro_usd[:, Line.DAY_AHEAD].sum()))


def off_ticks(miners_mw: Floats, world: World) -> Ints:
    """Count the ticks that each miner kind has been off after a tick (S, 3)."""
    return sealed((world.miner_off_ticks + 1) * (miners_mw <= 0.0))


def off_ticks_of_all(runs: Bools, before: Ints) -> Ints:
    """Compute `off_ticks` of many ticks in a row (T, S, 3).

    Args:
        runs: it runs in the tick (T, S, 3).
        before: ticks that it had been off before the first (S, 3).
    """
    tick = np.arange(len(runs))[:, None, None]
    last = np.maximum.accumulate(np.where(runs, tick, -1), axis=0)
    return sealed(np.where(last < 0, before + 1 + tick, tick - last))


def _current(world: World) -> tuple:  # type: ignore[type-arg]
    return tuple(e for e in world.exclusions if e.to_tick > world.tick + 1) if world.exclusions else ()


def sum_of(a: Gains, b: Gains) -> Gains:
    """Add gains up."""
    return Gains(
        climate_micro_usd=a.climate_micro_usd + b.climate_micro_usd,
        time_zone_micro_usd=a.time_zone_micro_usd + b.time_zone_micro_usd,
        interaction_micro_usd=a.interaction_micro_usd + b.interaction_micro_usd,
        carbon_avoided_g=a.carbon_avoided_g + b.carbon_avoided_g,
        day_ahead_micro_usd=a.day_ahead_micro_usd + b.day_ahead_micro_usd,
    )
