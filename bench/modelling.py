"""The same program written in two modelling layers, to see what writing it as arrays saves. Both are optional.

What is compared is the way from a case to what a solver takes: costs, limits and a sparse matrix.
"""

from collections.abc import Iterator
from typing import Any

import linopy
import numpy as np
import pandas as pd
import xarray as xr
from pyomo import environ as pyo
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, Tier
from mara.core.fleet import MINER_COUNT, MINERS, RACK_KIND_COUNT, RACKS, Workload
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import Columns, columns_of
from mara.optimizers.lp.model import LpModel
from mara.optimizers.lp.rows import rack_room_mw

PROMISED = list(range(PROMISED_TIER_COUNT))
AXES = {
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


def linopy_rows(case: LpCase, built: LpModel) -> Any:
    """The program's matrix by way of linopy."""
    return linopy_model(case, built).matrices.A


def pyomo_rows(case: LpCase, built: LpModel) -> Any:
    """The program's matrix by way of pyomo."""
    return LinearStandardFormCompiler().write(pyomo_model(case, built)).A


def linopy_model(case: LpCase, built: LpModel) -> Any:
    """MODEL section 5 in linopy, for sites without a hedge; costs are taken from `built`, not computed again."""
    index = {axis: pd.RangeIndex(size, name=axis) for axis, size in _sizes(case).items()}
    index["p"] = pd.RangeIndex(PROMISED_TIER_COUNT, name="g")

    def array(values: Any, axes: str) -> Any:
        return xr.DataArray(values, coords=[index[axis] for axis in axes])

    model, columns = linopy.Model(), columns_of(case)
    v = {
        name: model.add_variables(lower=0.0, upper=array(_of(built.upper, name, columns), axes), name=name)
        for name, axes in AXES.items()
    }
    x, z, y, h = v["miners"], v["merchant"], v["contracts"], v["reserve"]
    promised, premium, standard, spot = y.sel(g=PROMISED), *(y.sel(g=g, drop=True) for g in (0, 1, int(Tier.SPOT)))
    racks, tokens, dt_h = case.available_mw[:, :, RACKS], array(case.tokens_per_mwh, "i"), array(case.dt_h, "t")
    power = (array(case.pue[:, :, MINERS], "tsk") * x).sum("k")
    power += (array(case.pue[:, :, RACKS], "tsi") * z).sum(["r", "i"])
    power += (array(case.pue[:, :, Workload.GPU], "ts") * y).sum("g")
    mined = x.sum("k")
    for left, sign, right in (
        (power, "<=", array(case.grid_limit_mw, "s")),
        (y.sum("g") + z.sum(["r", "i"]), "<=", array(racks.sum(axis=2), "ts")),
        (z.sum("r"), "<=", array(racks, "tsi")),
        (premium + standard + h, "<=", array(rack_room_mw(case), "ts")),
        (h.sum("s") - v["reserve_sum"], "=", 0.0),
        (premium + h - v["reserve_sum"], "<=", 0.0),
        (promised.sum("s") + v["shed"] + v["breached"], "=", array(case.demand_mw[:, PROMISED], "tp")),
        (spot.sum("s"), "<=", array(case.demand_mw[:, Tier.SPOT], "t")),
        ((z * tokens).sum(["s", "i"]), "<=", array(case.demand_tokens_per_h, "tr")),
        (promised - promised.shift(t=1).fillna(0.0) - v["moved"], "<=", array(_first(case.served_now_mw, case), "tsp")),
        (mined - mined.shift(t=1).fillna(0.0) - v["ramp"], "<=", array(_first(case.miners_now_mw, case), "ts")),
        ((v["shed"] * dt_h).sum("t"), "<=", array(case.budget_mwh, "p")),
    ):
        model.add_constraints(left, sign, right)
    model.add_objective(sum((v[n] * array(_of(built.cost, n, columns), axes)).sum() for n, axes in AXES.items()))
    return model


def pyomo_model(case: LpCase, built: LpModel) -> Any:
    """The same in pyomo."""
    columns, sizes = columns_of(case), _sizes(case) | {"p": PROMISED_TIER_COUNT}
    model = pyo.ConcreteModel()
    v: dict[str, Any] = {}
    for name, axes in AXES.items():
        upper = _of(built.upper, name, columns)
        places = [range(sizes[axis]) for axis in axes]
        v[name] = pyo.Var(*places, bounds=lambda _, *at, upper=upper: (0.0, float(upper[at])))
        model.add_component(name, v[name])
    model.rows = pyo.ConstraintList()
    for row in _rows(case, v):
        model.rows.add(row)
    model.profit = pyo.Objective(
        expr=sum(
            pyo.quicksum(float(cost) * v[name][at] for at, cost in np.ndenumerate(_of(built.cost, name, columns)))
            for name in AXES
        )
    )
    return model


def _rows(case: LpCase, v: dict[str, Any]) -> Iterator[Any]:
    x, z, y, h, held = v["miners"], v["merchant"], v["contracts"], v["reserve"], v["reserve_sum"]
    t_all, s_all, r_all = range(case.steps), range(case.sites), range(case.regions)
    k_all, i_all, g_all = range(MINER_COUNT), range(RACK_KIND_COUNT), range(TIER_COUNT)
    pue, racks, room = case.pue.tolist(), case.available_mw[:, :, RACKS].tolist(), rack_room_mw(case).tolist()
    served, mined, demand = _first(case.served_now_mw, case), _first(case.miners_now_mw, case), case.demand_mw.tolist()
    total = pyo.quicksum
    for t in t_all:
        for s in s_all:
            at = pue[t][s]
            load = total(at[k] * x[t, s, k] for k in k_all) + total(at[Workload.GPU] * y[t, s, g] for g in g_all)
            load += total(at[MINER_COUNT + i] * z[t, r, s, i] for r in r_all for i in i_all)
            yield load <= float(case.grid_limit_mw[s])
            inference = total(z[t, r, s, i] for r in r_all for i in i_all)
            yield total(y[t, s, g] for g in g_all) + inference <= sum(racks[t][s])
            for i in i_all:
                yield total(z[t, r, s, i] for r in r_all) <= racks[t][s][i]
            yield y[t, s, 0] + y[t, s, 1] + h[t, s] <= room[t][s]
            yield y[t, s, 0] + h[t, s] - held[t] <= 0.0
            for g in PROMISED:
                before = y[t - 1, s, g] if t else 0.0
                yield y[t, s, g] - before - v["moved"][t, s, g] <= float(served[t, s, g])
            before = total(x[t - 1, s, k] for k in k_all) if t else 0.0
            yield total(x[t, s, k] for k in k_all) - before - v["ramp"][t, s] <= float(mined[t, s])
        yield total(h[t, s] for s in s_all) - held[t] == 0.0
        for g in PROMISED:
            yield total(y[t, s, g] for s in s_all) + v["shed"][t, g] + v["breached"][t, g] == demand[t][g]
        yield total(y[t, s, Tier.SPOT.value] for s in s_all) <= demand[t][Tier.SPOT]
        for r in r_all:
            tokens = total(float(case.tokens_per_mwh[i]) * z[t, r, s, i] for s in s_all for i in i_all)
            yield tokens <= float(case.demand_tokens_per_h[t, r])
    for g in PROMISED:
        yield total(float(case.dt_h[t]) * v["shed"][t, g] for t in t_all) <= float(case.budget_mwh[g])


def _sizes(case: LpCase) -> dict[str, int]:
    assert not case.hedge_mw.any()
    kinds = {"k": MINER_COUNT, "i": RACK_KIND_COUNT, "g": TIER_COUNT}
    return {"t": case.steps, "r": case.regions, "s": case.sites} | kinds


def _of(values: Any, name: str, columns: Columns) -> Any:
    """A variable's numbers, by step and then as it is laid out."""
    table = values.reshape(-1, columns.width)
    place = getattr(columns, name)
    return table[:, place[0]] if name == "reserve_sum" else table[:, place]


def _first(values: Any, case: LpCase) -> Any:
    """What runs now, at the first step, and zeros."""
    table = np.zeros((case.steps, *values.shape))
    table[0] = values
    return table
