"""Runs with power terms, in which a test sets the load of miners in the west."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from mara.core.arrays import sealed
from mara.core.finance import Line
from mara.core.plan import PowerStep
from mara.core.power_signals import PowerObservation
from mara.core.power_state import PowerState
from mara.core.power_terms import (
    PowerTerms,
    ReserveProduct,
)
from mara.core.step import Step, advance
from mara.core.world import RunConfig, World
from tests.builders import START, WEST, config, fleet, observation, step, world

USD = 1_000_000
PUE = 1.06
"""PUE of air miners at 15 C; their load is given in megawatts at the meter."""


def terms_of(export: Sequence[float] = (0.0, 0.0, 0.0), **parts: Any) -> PowerTerms:
    return PowerTerms(export_limit_mw=np.array(export), export_fee_usd_per_mwh=np.zeros(3), **parts)


def product(**parts: Any) -> ReserveProduct:
    given: dict[str, Any] = {
        "id": "rrs",
        "kind": "reserve",
        "sites": (WEST,),
        "response_s": 15.0,
        "duration_minutes": 60,
        "deployment_usd_per_mwh": 100.0,
    }
    return ReserveProduct(**given | parts)


def run_of(terms: PowerTerms, *, tick_minutes: int = 60, start: datetime = START) -> RunConfig:
    return config(replace(fleet(), power=terms), tick_minutes=tick_minutes, start=start)


def signals(
    of: RunConfig, demand_mw: float = 0.0, price: float = 0.0, called: float = 0.0, ends: float = 99
) -> PowerObservation:
    assert of.fleet.power is not None
    shape = (len(of.fleet.power.products), 3)
    return PowerObservation(
        system_demand_mw=sealed(np.full(3, demand_mw)),
        reserve_price_usd_per_mw_h=sealed(np.full(shape, price)),
        called_share=sealed(np.full(shape, called)),
        call_ends_tick=sealed(np.full(shape[0], ends if called else 0, dtype=np.int64)),
    )


def one(
    of: RunConfig,
    before: World,
    load_mw: float = 0.0,
    *,
    price: float = 50.0,
    charge: float = 0.0,
    discharge: float = 0.0,
    award: float = 0.0,
    **told: float,
) -> Step:
    """A tick in which the miners in the west draw some megawatts at the meter."""
    assert of.fleet.power is not None
    miners = np.zeros((3, 3))
    miners[WEST, 0] = load_mw / PUE
    west = np.array([1.0, 0.0, 0.0])
    plan = replace(
        step(of, miners=miners),
        power=PowerStep(
            charge_mw=charge * west,
            discharge_mw=discharge * west,
            award_mw=np.full((len(of.fleet.power.products), 1), award) * west,
            draw_limit_mw=of.fleet.grid_limit_mw,
        ),
    )
    seen = replace(observation(of, before.tick, price=price), power=signals(of, **told))
    return advance(before, seen, plan, of)


def ran(of: RunConfig, loads_mw: Sequence[float], **each: Any) -> list[Step]:
    steps: list[Step] = []
    before = world(of)
    for t, load in enumerate(loads_mw):
        steps.append(one(of, before, load, **{name: values[t] for name, values in each.items()}))
        before = steps[-1].world
    return steps


def usd(done: Step, line: Line, site: int = WEST) -> float:
    return int(done.settlement.lines_micro_usd[site, line]) / USD


def state_of(done: Step) -> PowerState:
    assert done.world.power is not None
    return done.world.power
