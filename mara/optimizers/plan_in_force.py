"""A plan in force: its inputs, when it is outdated, and the plan a tick follows.

A solved plan is in megawatts, and rests on what was known when it was made. Between two plans every tick rounds the
step in force to whole contracts again and sells tokens into the racks that are really free: that takes half a
millisecond, a solution fifty times as long, and over a month an hourly plan earns what a plan at every tick does
(decision 0062).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mara.core.arrays import Floats, row_sums, sealed
from mara.core.contract import PROMISED_TIER_COUNT
from mara.core.plan import Plan, PlanStep, Problem
from mara.core.units import MINUTES_PER_HOUR
from mara.optimizers.base import SPENDS, BudgetPolicy
from mara.optimizers.flexibility.simple_rules import with_peak_price
from mara.optimizers.lp.accounting import worth_usd
from mara.optimizers.scheduling.allocation import inference_power_mw, miners_that_pay, site_limit_mw
from mara.optimizers.scheduling.contract_scheduler import ContractScheduler

LEAST_PRICE_MINUTES: Final = 5
"""Shortest time for which a price is taken to hold.

It is that of the shortest market interval, however short a tick is.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanInForce:
    """A plan in force with those of its inputs whose change makes it outdated.

    Attributes:
        asked_tick: tick in which the plan was requested; advice is older than the plan that follows it.
        price_usd_per_mwh, availability_share: values of each site then (S,).
        promised_mw: promised load by tier then (G,).
        import_limit_mw: what the grid's operator let each site draw then (S,); None for no order.
    """

    plan: Plan
    asked_tick: int
    price_usd_per_mwh: Floats
    availability_share: Floats
    promised_mw: Floats
    import_limit_mw: Floats | None = None


def plan_in_force_of(plan: Plan, problem: Problem) -> PlanInForce:
    """Bring a plan into force, with the inputs that it was made from."""
    seen = problem.observation
    return PlanInForce(
        plan=plan,
        asked_tick=problem.tick,
        price_usd_per_mwh=seen.energy_price_usd_per_mwh,
        availability_share=seen.availability_share,
        promised_mw=problem.world.book.promised_mw,
        import_limit_mw=seen.import_limit_mw,
    )


def is_due(in_force: PlanInForce, problem: Problem) -> bool:
    """Return whether a new plan is due.

    A plan is due when events have outdated the one in force, or when that has only one step.
    """
    return len(in_force.plan.steps) == 1 or is_overtaken(in_force, problem)


def is_overtaken(in_force: PlanInForce, problem: Problem) -> bool:
    """Return whether something important has happened since a plan was requested.

    That is: the hour is over, contracts came or ended, machines failed or came back, a limit of the grid began, changed
    or ended, or a price moved so far that one tick of the difference, five minutes of it where ticks are shorter, pays
    for a restart.
    """
    seen, config = problem.observation, problem.config
    per_hour = config.grid.ticks_per_hour
    if problem.tick // per_hour != in_force.asked_tick // per_hour:
        return True
    if problem.world.book_changes_count != in_force.plan.steps[0].book_changes_count:
        return True
    if np.count_nonzero(seen.availability_share != in_force.availability_share):
        return True
    if not _same_limits(seen.import_limit_mw, in_force.import_limit_mw):
        return True
    moved = np.abs(seen.energy_price_usd_per_mwh - in_force.price_usd_per_mwh)
    held_h = max(config.grid.dt_h, LEAST_PRICE_MINUTES / MINUTES_PER_HOUR)
    return float(moved.max()) * held_h > config.terms.restart_usd_per_mw


def _same_limits(now: Floats | None, then: Floats | None) -> bool:
    if now is None or then is None:
        return now is then
    return bool((now == then).all())


def followed(in_force: PlanInForce, problem: Problem, budgets: BudgetPolicy = SPENDS) -> Plan:
    """Adapt the plan's step to the conditions of this tick, in whole contracts.

    An outdated plan still says where contracts run, but the rules decide which miners run, at the observed price:
    expectations of an hour ago would start and stop the wrong ones.
    """
    plan = in_force.plan
    if len(plan.steps) == 1 or problem.tick == in_force.asked_tick:
        return plan
    at = plan.index_at(problem.tick)
    wanted = _with_newcomers(plan.steps[at], in_force, problem)
    priced = with_peak_price(problem)
    step = ContractScheduler(priced, budgets).from_megawatts(wanted)
    if is_overtaken(in_force, problem):
        step = _with_miners_that_pay(step, priced)
    return replace(plan, steps=(*plan.steps[:at], step, *plan.steps[at + 1 :]))


def fallback_of(
    in_force: PlanInForce | None, rules: Plan, problem: Problem, reason: str, budgets: BudgetPolicy = SPENDS
) -> Plan:
    """Choose between the plan in force and the rules' plan where none is new.

    The one is taken that earns more in the linear program's accounting of the tick; the last bound stays with it, and
    its note says which and why.
    """
    if in_force is None or has_run_out(in_force.plan, problem.tick):
        return replace(rules, status="fallback", note=reason)
    kept = followed(in_force, problem, budgets)
    bound_usd = in_force.plan.bound_usd
    if worth_usd(kept.step_at(problem.tick), problem) >= worth_usd(rules.step_at(problem.tick), problem):
        return replace(kept, status="fallback", note=f"{reason}; the plan of tick {kept.made_tick} is gone on with")
    note = f"{reason}; rules plan, which beats going on with the plan of tick {kept.made_tick}"
    return replace(rules, status="fallback", bound_usd=bound_usd, note=note)


def has_run_out(plan: Plan, tick: int) -> bool:
    """Return whether a plan of several steps is past its horizon.

    A plan of one step never runs out.
    """
    return len(plan.steps) > 1 and tick - plan.made_tick >= sum(plan.step_ticks)


def _with_newcomers(step: PlanStep, in_force: PlanInForce, problem: Problem) -> PlanStep:
    """Add contracts booked since the plan was made, on the cheapest free racks.

    No new contract is left out, and the next plan has to move none of them for a fee.
    """
    more = np.maximum(problem.world.book.promised_mw - in_force.promised_mw, 0.0)
    more[PROMISED_TIER_COUNT:] = 0.0
    if not np.count_nonzero(more):
        return step
    conditions = problem.conditions
    free = np.maximum(conditions.contract_room_mw - step.contracts_mw.sum(axis=1), 0.0)
    cheapest = np.argsort(conditions.rack_cost_usd_per_mwh, kind="stable")
    before = free[cheapest].cumsum() - free[cheapest]
    added = np.clip(more.sum() - before, 0.0, free[cheapest])
    contracts = step.contracts_mw.copy()
    contracts[cheapest] += np.outer(added, more / more.sum())
    return replace(step, contracts_mw=sealed(contracts))


def _with_miners_that_pay(step: PlanStep, problem: Problem) -> PlanStep:
    """Return the step with its miners replaced by those that the rules run."""
    conditions = problem.conditions
    drawn = inference_power_mw(conditions, row_sums(step.contracts_mw), step.merchant_mw)
    headroom = site_limit_mw(conditions, step.power) - drawn
    return replace(step, miners_mw=sealed(miners_that_pay(problem, headroom)))
