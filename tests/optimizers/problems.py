"""Problems for optimizers: random ones of every kind, and known difficult ones."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from hypothesis import strategies as st

from mara.core.arrays import sealed
from mara.core.contract import UNPLACED, Tier
from mara.core.plan import Problem
from tests.builders import config, contract, fleet, observation, problem, world

NO_MACHINES = ((0, 0, 0, 0, 0),) * 3
MINERS_ONLY = ((2_000, 0, 1_000, 0, 0), (0, 1_000, 1_000, 0, 0), (1_000, 500, 0, 0, 0))


@lru_cache(maxsize=2_000)
def random_problem(seed: int) -> Problem:
    """Draw a problem with prices of either sign, outages, heat and contracts anywhere.

    Contracts run or are scheduled off, with and without budget.
    """
    draw = np.random.default_rng(seed)
    of = config(
        fleet(limit_mw=draw.choice([3.0, 12.0, 16.0, 100.0], 3), hedge_mw=float(draw.choice([0.0, 3.0]))),
        tick_minutes=int(draw.choice([5, 60])),
    )
    count = int(draw.integers(0, 12))
    contracts = tuple(
        contract(
            f"c{i}", Tier(int(draw.integers(4))), round(float(draw.lognormal(0.2, 0.7)), 2), starts=-100, ticks=600
        )
        for i in range(count)
    )
    at, running = draw.integers(UNPLACED, 3, count), draw.choice([0.0, 1.0], (3, 3))
    state = world(
        of,
        contracts,
        at=at.tolist(),
        served=((draw.random(count) < 0.8) & (at != UNPLACED)).tolist(),
        bad=draw.integers(0, 90, count).tolist(),
        miners=running,
    )
    state = replace(
        state,
        miner_off_ticks=sealed(np.where(running > 0.0, 0, draw.integers(1, 4, (3, 3)))),
        availability_share=sealed(draw.choice([0.0, 0.5, 1.0], 3)),
    )
    seen = observation(
        of,
        price=draw.normal(60.0, 80.0, 3) + draw.choice([0.0, 0.0, -400.0, 2_000.0], 3),
        carbon=draw.uniform(0.0, 900.0, 3),
        dry=draw.uniform(-20.0, 52.0, 3),
        wet=draw.uniform(-20.0, 30.0, 3),
        up=draw.choice([0.0, 0.4, 1.0], 3, p=[0.15, 0.15, 0.7]),
        hashprice=float(draw.choice([0.0, 30.0, 55.0, 300.0])),
        token_price=float(draw.choice([0.0, 0.02, 0.25])),
        multiplier=draw.choice([0.44, 0.8, 1.5], 3),
        demand=draw.choice([0.0, 1e9, 3e10, 1e13], 3),
    )
    return problem(of, state, seen, hours=6)


def edge_problems() -> dict[str, Problem]:
    """Problems that often break optimizers, by name."""
    of, none, miners = config(), config(fleet(units=NO_MACHINES)), config(fleet(units=MINERS_ONLY))
    tiers = tuple(contract(t.name, t, 2.0) for t in Tier)
    live = world(of, tiers, at=[0, 1, 2, 2])
    return {
        "nothing at all": problem(none, world(none), observation(none)),
        "contracts and no machines": problem(none, world(none, tiers), observation(none, demand=1e12)),
        "no racks": problem(miners, world(miners, tiers), observation(miners, demand=1e12)),
        "no contracts": problem(of, world(of), observation(of, demand=1e12)),
        "no demand": problem(of, live, observation(of)),
        "all sites out": problem(of, live, observation(of, up=0.0, demand=1e12)),
        "all sites back": problem(of, replace(live, availability_share=sealed(np.zeros(3))), observation(of)),
        "no grid": problem(config(fleet(limit_mw=0.0)), live, observation(of, demand=1e12)),
        "prices far below zero": problem(of, live, observation(of, price=-1_000.0, demand=1e12)),
        "prices at the cap": problem(of, live, observation(of, price=20_000.0, demand=1e12)),
        "worthless hashes and tokens": problem(of, live, observation(of, hashprice=0.0, token_price=0.0, demand=1e12)),
        "deadly heat": problem(of, live, observation(of, dry=55.0, wet=35.0)),
        "more promised than there are racks": problem(of, world(of, tiers * 5), observation(of)),
    }


EDGES = edge_problems()
problems = st.one_of(st.integers(0, 2**32).map(random_problem), st.sampled_from(list(EDGES.values())))
