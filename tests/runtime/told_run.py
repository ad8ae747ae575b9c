"""A stored run of two days with one event of each kind that explanations mention.

They are an afternoon of high prices, a move, an outage, a refused request, and a credit.
"""

from pathlib import Path

import numpy as np

from mara.core.contract import ContractRequest, Tier
from mara.core.events import events_of
from mara.core.step import advance
from mara.core.world import Observation, RunConfig, World, first_world
from mara.optimizers.rules.rules import Rules
from mara.store.encoding.records import run_record
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from tests import builders
from tests.builders import EAST, NORTH, WEST

TICKS = 48
"""Number of ticks of an hour each, from 1 July 2025 00:00 UTC on."""
DEAR = range(14, 18)
"""Ticks in which the west's power is far above every break-even."""
MOVE_TICK = 20
"""From here on the north is cheap."""
DOWN = range(30, 33)
"""Ticks in which the north has no machines."""
BRIEFLY_DOWN_TICK = 5
DEAR_EVERYWHERE_TICK = 44
SHORT_TICKS = 10
BOOKED_ID = "c-0123456789abcdef"
"""The shape of what an order books."""
CALM_USD_PER_MWH = 50.0
DEAR_USD_PER_MWH = 300.0
CHEAP_USD_PER_MWH = 10.0


def told_charter() -> RunConfig:
    return builders.config(tick_minutes=60)


def seen(of: RunConfig, tick: int) -> Observation:
    price = np.full(3, CALM_USD_PER_MWH)
    price[WEST] = DEAR_USD_PER_MWH if tick in DEAR else CALM_USD_PER_MWH
    price[NORTH] = CHEAP_USD_PER_MWH if tick >= MOVE_TICK else CALM_USD_PER_MWH + 1.0
    if tick == DEAR_EVERYWHERE_TICK:
        price[:] = DEAR_USD_PER_MWH
    up = np.ones(3)
    up[NORTH] = 0.0 if tick in DOWN or tick == BRIEFLY_DOWN_TICK else 1.0
    up[EAST] = 0.5 if tick == 40 else 1.0
    return builders.observation(of, tick, price=price, up=up, carbon=100.0, arrivals=_arrivals() if tick == 1 else ())


def _arrivals() -> tuple[ContractRequest, ...]:
    asks = (
        ("c1-000001-0", Tier.PREMIUM, "Cirrus Forecasts", 1.0, 24 * 10),
        ("c1-000001-1", Tier.FLEXIBLE, "Nimbus Games", 2.0, 24 * 10),
        ("c1-000001-2", Tier.FLEXIBLE, "Nimbus Games", 1.5, 24 * 10),
        (BOOKED_ID, Tier.STANDARD, "Basalt Render", 1.0, SHORT_TICKS),
        ("c1-000001-4", Tier.STANDARD, "Basalt Render", 500.0, 24),
    )
    return tuple(
        ContractRequest(id=name, tier=tier, customer=who, power_mw=mw, duration_ticks=ticks, timezone="UTC")
        for name, tier, who, mw, ticks in asks
    )


def told_run(path: Path, ticks: int = TICKS, raw_days: int = 90) -> ReadModel:
    """The run, stored in a file that the caller closes."""
    return told_run_at(f"sqlite:///{path}", ticks, raw_days)


def told_run_at(url: str, ticks: int = TICKS, raw_days: int = 90) -> ReadModel:
    """The run, stored in a database."""
    config = told_charter()
    store = Store.open(url, raw_days=raw_days)
    run = run_record(config, seed=1, optimizer="rules", feed="told", version="0.0.0")
    store.begin(run, first_world(config))
    world: World = first_world(config)
    for tick in range(ticks):
        observation = seen(config, tick)
        problem = builders.problem(config, world, observation)
        plan = Rules().plan(problem)
        step = advance(world, observation, plan.step_at(tick), config, ())
        store.append(step, plan, events_of(step, config))
        world = step.world
    store.close()
    return ReadModel.open(url)
