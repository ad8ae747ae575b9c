"""Failover of Premium in the default world loses no tick that could be kept.

No packing of whole contracts would have served one of the lost ticks. The short form lets every site and every pair of
sites fail in a world that has run for some hours, under a plan that knows nothing of it and under one that does. With
``SOAK=1`` thirty days of seeds 1 to 7 are run, under rules and under the linear program: two minutes of a processor
each.
"""

import os
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from mara.assembly.runs import rehearsal_of
from mara.core.arrays import sealed
from mara.core.contract import Tier
from mara.core.plan import Problem
from mara.optimizers.rules.rules import Rules
from mara.settings import read_settings
from tests.builders import dispatched
from tests.premium_packing import avoidable_misses

HOURS = 4
LEFT_SHARE = 0.3
SEEDS = (1, 7)
MONTH_TICKS = 30 * 288


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_fails_premium_goes_wherever_any_packing_holds_it(seed: int) -> None:
    engine = rehearsal_of(read_settings({}, {"seed": seed, "optimizer": "rules"}))
    for _ in range(HOURS * 12):
        reading = engine.read_feed()
        engine.world = engine.advance(reading, engine.optimizer.plan(engine.problem(reading))).step.world
    problem, sites = engine.problem(engine.read_feed()), range(engine.config.fleet.site_count)
    unaware = engine.optimizer.plan(problem).step_at(problem.tick)
    moved_mw, avoidable = 0.0, []
    for failing in [*combinations(sites, 1), *combinations(sites, 2)]:
        for left_share in (0.0, LEFT_SHARE):
            up = problem.world.availability_share.copy()
            up[list(failing)] *= left_share
            seen = replace(problem.observation, availability_share=sealed(up))
            for plan in (unaware, Rules().plan(_seeing(problem, seen)).step_at(problem.tick)):
                done = dispatched(plan, problem.world, seen, engine.config)
                moved_mw += float(done.moved_mw[:, Tier.PREMIUM].sum())
                if avoidable_misses(problem.world, seen, done, engine.config):
                    avoidable.append((failing, left_share))
    assert not avoidable
    assert moved_mw > 0.0


def _seeing(problem: Problem, seen: object) -> Problem:
    return replace(problem, observation=seen)  # type: ignore[arg-type]


@pytest.mark.skipif(not os.environ.get("SOAK"), reason="two minutes of a processor each: set SOAK=1")
@pytest.mark.parametrize("optimizer", ["rules", "lp"])
@pytest.mark.parametrize("seed", range(1, 8))
def test_no_premium_tick_of_a_month_is_lost_that_could_have_been_kept(seed: int, optimizer: str) -> None:
    engine = rehearsal_of(read_settings({}, {"seed": seed, "optimizer": optimizer}))
    avoidable: list[int] = []
    for tick in range(MONTH_TICKS):
        reading = engine.read_feed()
        step = engine.advance(reading, engine.optimizer.plan(engine.problem(reading))).step
        if avoidable_misses(step.before, step.observation, step.allocation, engine.config):
            avoidable.append(tick)
        engine.world = step.world
    assert not avoidable
    assert np.isfinite(engine.world.cash_micro_usd)
