"""A plan in force: what it was made from, when it is overtaken, and what a tick takes of it.

A solved plan is made of megawatts and of what was known when it was made. Between two plans every tick rounds the step
in force to whole contracts again and sells tokens into the racks that are really free: that takes half a millisecond,
a solution fifty times as long, and over a month an hourly plan earns what a plan at every tick does (decision 0062).
"""

from dataclasses import dataclass, replace

import numpy as np

from mara.core.arrays import Floats, row_sums, sealed
from mara.core.contract import PROMISED_TIER_COUNT
from mara.core.plan import Plan, PlanStep, Problem
from mara.optimizers.lp.rounding import rounded
from mara.optimizers.lp.step_value import worth_usd
from mara.optimizers.scheduling.allocation import inference_power_mw, miners_that_pay


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanInForce:
    """A plan in force, and what it was made from as far as a change of it would matter.

    Attributes:
        asked_tick: when it was asked for; advice is older than the plan that follows it.
        price_usd_per_mwh, availability_share: of each site (S,).
        promised_mw: the book's load by tier (G,).
    """

    plan: Plan
    asked_tick: int
    price_usd_per_mwh: Floats
    availability_share: Floats
    promised_mw: Floats


def standing_of(plan: Plan, problem: Problem) -> PlanInForce:
    """The plan as one in force."""
    seen = problem.observation
    return PlanInForce(
        plan=plan,
        asked_tick=problem.tick,
        price_usd_per_mwh=seen.energy_price_usd_per_mwh,
        availability_share=seen.availability_share,
        promised_mw=problem.world.book.promised_mw,
    )


def is_due(standing: PlanInForce, problem: Problem) -> bool:
    """Whether a new plan is due: the one in force is overtaken. A plan of one step is never more than that."""
    return len(standing.plan.steps) == 1 or is_overtaken(standing, problem)


def is_overtaken(standing: PlanInForce, problem: Problem) -> bool:
    """Whether something happened that matters since a plan was asked for: the hour is over, contracts came or went,
    machines failed or came back, or a price moved so far that a tick of it pays for a restart.
    """
    seen, config = problem.observation, problem.config
    per_hour = config.grid.ticks_per_hour
    if problem.tick // per_hour != standing.asked_tick // per_hour:
        return True
    if problem.world.book_changes_count != standing.plan.steps[0].book_changes_count:
        return True
    if np.count_nonzero(seen.availability_share != standing.availability_share):
        return True
    moved = np.abs(seen.energy_price_usd_per_mwh - standing.price_usd_per_mwh)
    return float(moved.max()) * config.grid.dt_h > config.terms.restart_usd_per_mw


def followed(standing: PlanInForce, problem: Problem, *, spends_budgets: bool = True) -> Plan:
    """The same plan, its step of this tick in whole contracts and fitted to what the tick brings.

    A plan that is overtaken still says where contracts run, but which miners pay is decided by the rules, at the price
    that is seen: what was expected an hour ago starts and stops the wrong ones.
    """
    plan = standing.plan
    if len(plan.steps) == 1 or problem.tick == standing.asked_tick:
        return plan
    at = plan.index_at(problem.tick)
    step = rounded(_with_newcomers(plan.steps[at], standing, problem), problem, spends_budgets=spends_budgets)
    if is_overtaken(standing, problem):
        step = _with_miners_that_pay(step, problem)
    return replace(plan, steps=(*plan.steps[:at], step, *plan.steps[at + 1 :]))


def fallback_of(
    standing: PlanInForce | None, rules: Plan, problem: Problem, reason: str, *, spends_budgets: bool = True
) -> Plan:
    """What to do in a tick for which there is no new plan: the plan in force gone on with, or the rules'.

    Whichever earns more in the program's own accounting of the tick; the last bound stays with it, and the note says
    why and what.
    """
    if standing is None or has_run_out(standing.plan, problem.tick):
        return replace(rules, status="fallback", note=reason)
    kept = followed(standing, problem, spends_budgets=spends_budgets)
    bound_usd = standing.plan.bound_usd
    if worth_usd(kept.step_at(problem.tick), problem) >= worth_usd(rules.step_at(problem.tick), problem):
        return replace(kept, status="fallback", note=f"{reason}; the plan of tick {kept.made_tick} is gone on with")
    note = f"{reason}; rules plan, which beats going on with the plan of tick {kept.made_tick}"
    return replace(rules, status="fallback", bound_usd=bound_usd, note=note)


def has_run_out(plan: Plan, tick: int) -> bool:
    """Whether a plan of several steps is past its horizon; that of one step says what to keep doing."""
    return len(plan.steps) > 1 and tick - plan.made_tick >= sum(plan.step_ticks)


def _with_newcomers(step: PlanStep, standing: PlanInForce, problem: Problem) -> PlanStep:
    """The step with what the book promises since the plan was made, on the free racks that cost least to run: not to be
    left out, and not to be moved for a fee by the next plan.
    """
    more = np.maximum(problem.world.book.promised_mw - standing.promised_mw, 0.0)
    more[PROMISED_TIER_COUNT:] = 0.0
    if not np.count_nonzero(more):
        return step
    conditions = problem.conditions
    free = np.maximum(conditions.contract_room_mw - step.contracts_mw.sum(axis=1), 0.0)
    cheapest = np.argsort(conditions.rack_cost_usd_per_mwh, kind="stable")
    before = free[cheapest].cumsum() - free[cheapest]
    taken = np.clip(more.sum() - before, 0.0, free[cheapest])
    contracts = step.contracts_mw.copy()
    contracts[cheapest] += np.outer(taken, more / more.sum())
    return replace(step, contracts_mw=sealed(contracts))


def _with_miners_that_pay(step: PlanStep, problem: Problem) -> PlanStep:
    """The step with the miners that the rules would run beside its contracts and tokens."""
    conditions = problem.conditions
    drawn = inference_power_mw(conditions, row_sums(step.contracts_mw), step.merchant_mw)
    headroom = problem.config.fleet.grid_limit_mw - drawn
    return replace(step, miners_mw=sealed(miners_that_pay(problem, conditions, headroom)))
