"""What a plan's step is worth in a tick, by the linear program's own accounting: for plans that have no objective."""

import numpy as np

from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, budgets_of
from mara.core.dispatch import dispatch
from mara.core.placement import placed_mw
from mara.core.plan import PlanStep, Problem
from mara.optimizers.lp.accounting import profit_usd
from mara.optimizers.lp.horizon import case_of
from mara.optimizers.lp.schedule import Schedule


def worth_usd(step: PlanStep, problem: Problem) -> float:
    """Profit of the tick less the program's penalties for what is moved, started, rested and breached [USD]."""
    world = problem.world
    done = dispatch(step, world, problem.observation, problem.conditions, problem.config)
    rests = world.book.power_mw * (done.scheduled & (budgets_of(world.book, world.accounts) > world.accounts.bad_ticks))
    shed = np.bincount(world.book.tier, weights=rests, minlength=TIER_COUNT).astype(np.float64)
    placed = placed_mw(done.site, world.book, problem.config.fleet.site_count)
    schedule = Schedule(
        miners_mw=done.miners_mw[None],
        merchant_mw=done.merchant_mw[None],
        contracts_mw=done.contracts_mw[None],
        shed_mw=shed[None, :PROMISED_TIER_COUNT],
        rested_mw=(placed - done.contracts_mw[:, :PROMISED_TIER_COUNT])[None],
    )
    return profit_usd(schedule, case_of(problem, (1,)))
