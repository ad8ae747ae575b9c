"""The program's variables as named arrays, the form that modelling layers use."""

from typing import Any, Final

import numpy as np

from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT
from mara.core.fleet import MINER_COUNT, RACK_KIND_COUNT
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import Columns

PROMISED: Final = list(range(PROMISED_TIER_COUNT))
AXES: Final = {
    "miners": "tsk",
    "merchant": "trsi",
    "contracts": "tsg",
    "moved": "tsp",
    "reserve": "ts",
    "reserve_sum": "t",
    "ramp": "ts",
    "shed": "tp",
    "breached": "tp",
}
"""The axes of each variable.

Steps t, regions r, sites s, miner kinds k, rack kinds i, tiers g, promised tiers p.
"""


def check(case: LpCase) -> None:
    """Assert that the peers can state a case.

    They have no hedges, no broken contracts and no tiers that rest in place.
    """
    assert not case.hedge_mw.any()
    assert not case.breakable_mw.any()
    assert not case.rests_in_place.any()


def sizes_of(case: LpCase) -> dict[str, int]:
    """Count the places along each axis of a case."""
    check(case)
    kinds = {"k": MINER_COUNT, "i": RACK_KIND_COUNT, "g": TIER_COUNT}
    return {"t": case.steps, "r": case.regions, "s": case.sites, "p": PROMISED_TIER_COUNT} | kinds


def values_of(values: Any, name: str, columns: Columns) -> Any:
    """Pick a variable's numbers out of all columns, by step and its own axes."""
    table = values.reshape(-1, columns.width)
    place = getattr(columns, name)
    return table[:, place[0]] if name == "reserve_sum" else table[:, place]


def first_of(values: Any, case: LpCase) -> Any:
    """Make an array of present loads at the first step, and zeros at all others."""
    table = np.zeros((case.steps, *values.shape))
    table[0] = values
    return table
