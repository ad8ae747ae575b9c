"""Problems and cases of the linear program from hours of the default world.

Larger fleets are copies of its sites.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final

from bench.worlds import SEED, charter_of, steady_contracts
from mara.core.plan import Problem
from mara.core.sla import opened
from mara.core.step import advance
from mara.core.world import first_world
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.horizon import case_of, step_lengths
from mara.optimizers.rules.rules import Rules

CONTRACTS_PER_SITE: Final = 4.5
"""Contracts a site, as in the default world, where they fill 3/4 of the racks."""


def cases_of(sites: int, hours: int, count: int = 1) -> tuple[LpCase, ...]:
    """Make cases of successive hours from the second on, when contracts run."""
    problems = islice(_problems(sites, hours), 1, 1 + count)
    return tuple(case_of(problem, step_lengths(problem)) for problem in problems)


def present_problem() -> Problem:
    """Make the problem one hour into the default fleet's run, in five-minute ticks."""
    return next(islice(_problems(10, 24, tick_minutes=5), 12, None))


def _problems(sites: int, hours: int, tick_minutes: int = 60) -> Iterator[Problem]:
    config = charter_of(sites, tick_minutes=tick_minutes)
    feed, rules = SyntheticFeed(config, SEED), Rules()
    world = opened(first_world(config), steady_contracts(config, int(CONTRACTS_PER_SITE * sites)), config)
    tick = 0
    while True:
        seen = replace(feed.observe(tick), arrivals=())
        problem = Problem(config=config, world=world, observation=seen, forecast=feed.forecast(tick, hours))
        yield problem
        world = advance(world, seen, rules.plan(problem).step_at(tick), config).world
        tick += 1
