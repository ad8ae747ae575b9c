"""Benchmark of a battery's year against an independent program, solved by scipy.

Prices are ERCOT's, each local day alone: 1 MW and 2 MWh, 85 % there and back split evenly, half full at both ends of a
day; hours day-ahead and quarters in real time. The published referee of such batteries is the same day-by-day optimum.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from mara.core.arrays import Floats
from mara.optimizers.problem_answer import answer_by_lp, plain_of
from mara.optimizers.problem_file import problem_of

POWER_MW: Final = 1.0
ENERGY_MWH: Final = 2.0
ONE_WAY_SHARE: Final = 0.85**0.5
HALF: Final = 0.5
FILES: Final = {"day-ahead": ("NP4-190-CD_DAM_SPP.csv", 1.0), "real-time": ("NP6-905-CD_RTM_SPP.csv", 0.25)}
"""File and length of a step [h] of each market."""


def days_of(folder: Path, market: str) -> dict[str, list[float]]:
    """Read the prices of each local day, in the file's order [USD/MWh].

    A day has 23 to 25 hours.
    """
    days: dict[str, list[float]] = defaultdict(list)
    with (folder / FILES[market][0]).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            days[row["DeliveryDate"]].append(float(row["SettlementPointPrice"]))
    return dict(days)


def problem_with(price_usd_per_mwh: Sequence[float], dt_h: float) -> dict[str, Any]:
    """State a day as a problem file of `mara plan`: one site with a battery alone."""
    steps = len(price_usd_per_mwh)
    return {
        "dt_h": dt_h,
        "sites": ["battery"],
        "price": [[price] for price in price_usd_per_mwh],
        "carbon_t_per_mwh": [[0.0]] * steps,
        "pue": [[[1.0] * 5]] * steps,
        "grid_limit_mw": [POWER_MW],
        "available_mw": [[0.0] * 5],
        "hedge_mw": [0.0],
        "mining_value_usd_per_mwh": [[0.0] * 3] * steps,
        "token_value_usd_per_mwh": [0.0, 0.0],
        "token_per_mwh": [0.0, 0.0],
        "token_demand": [0.0] * steps,
        "demand_mw": [[0.0] * steps] * 4,
        "budget_mwh": [0.0] * 3,
        "rate_usd_per_mwh": [0.0] * 4,
        "credit_usd_per_mwh": [0.0] * 3,
        "migration_usd_per_mw": [0.0] * 3,
        "restart_usd_per_mw": 0.0,
        "sellback_spread": 0.0,
        "carbon_price_usd_per_t": 0.0,
        "served_now_mw": [[0.0] * 3],
        "miners_now_mw": [0.0],
        "export_limit_mw": [POWER_MW],
        "battery": {
            "power_mw": [POWER_MW],
            "energy_mwh": [ENERGY_MWH],
            "efficiency_in_share": [ONE_WAY_SHARE],
            "efficiency_out_share": [ONE_WAY_SHARE],
            "wear_usd_per_mwh": [0.0],
            "start_mwh": [HALF * ENERGY_MWH],
            "end_mwh": [HALF * ENERGY_MWH],
        },
    }


def planned(price_usd_per_mwh: Sequence[float], dt_h: float) -> dict[str, Any]:
    """Answer a day's problem as `mara plan --json` does, from file text to answer."""
    filed = problem_of(json.dumps(problem_with(price_usd_per_mwh, dt_h)))
    return plain_of(answer_by_lp(filed.case), filed.case, 0.0)


def referee_usd(price_usd_per_mwh: Sequence[float], dt_h: float) -> float:
    """Find a day's best profit by a program in which energy is a running sum [USD]."""
    return profit_usd(schedule_mw(price_usd_per_mwh, dt_h), price_usd_per_mwh, dt_h)


def profit_usd(charge_mw: Floats, price_usd_per_mwh: Sequence[float] | Floats, dt_h: float) -> float:
    """Settle a schedule at prices [USD]."""
    return -float(charge_mw.dot(price_usd_per_mwh)) * dt_h


def schedule_mw(
    price_usd_per_mwh: Sequence[float] | Floats,
    dt_h: float,
    start_mwh: float = HALF * ENERGY_MWH,
    end_mwh: float = HALF * ENERGY_MWH,
) -> Floats:
    """Find the best schedule from one state of charge to another: power drawn in each step, less than 0 when feeding.

    Steps have a direction where the price is not above zero; elsewhere going both ways loses money.
    """
    price = np.asarray(price_usd_per_mwh, dtype=np.float64) * dt_h
    steps = len(price)
    directed = np.flatnonzero(price <= 0.0)
    one, sums = np.eye(steps), np.tril(np.ones((steps, steps)))
    stored = np.hstack([sums * ONE_WAY_SHARE * dt_h, -sums * dt_h / ONE_WAY_SHARE, np.zeros((steps, len(directed)))])
    most, least = np.full(steps, ENERGY_MWH - start_mwh), np.full(steps, -start_mwh)
    most[-1] = least[-1] = end_mwh - start_mwh
    rows, none, side = one[directed], np.zeros((len(directed), steps)), POWER_MW * np.eye(len(directed))
    constraints = [LinearConstraint(stored, least, most)]
    if len(directed):
        constraints.append(LinearConstraint(np.hstack([rows, none, -side]), -np.inf, 0.0))
        constraints.append(LinearConstraint(np.hstack([none, rows, side]), -np.inf, POWER_MW))
    count = 2 * steps
    found = milp(
        np.concatenate([price, -price, np.zeros(len(directed))]),
        constraints=constraints,
        bounds=Bounds(0.0, np.concatenate([np.full(count, POWER_MW), np.ones(len(directed))])),
        integrality=np.concatenate([np.zeros(count), np.ones(len(directed))]),
        options={"mip_rel_gap": 1e-10},
    )
    assert found.status == 0, found.message
    return np.asarray(found.x[:steps] - found.x[steps:count])
