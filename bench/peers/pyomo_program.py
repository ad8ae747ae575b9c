"""The linear program of a day stated in pyomo.

pyomo (https://pyomo.readthedocs.io) is a modelling layer. The program is timed from a case to
costs, limits and a sparse matrix, which is what a solver takes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pyomo import environ as pyo
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from bench.peers.program_axes import AXES, PROMISED, first_of, sizes_of, values_of
from mara.core.contract import TIER_COUNT, Tier
from mara.core.fleet import MINER_COUNT, RACK_KIND_COUNT, RACKS, Workload
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import columns_of
from mara.optimizers.lp.model import LpModel
from mara.optimizers.lp.rows import rack_room_mw


def build(case: LpCase, built: LpModel) -> Any:
    """State the program and lay out its matrix."""
    return LinearStandardFormCompiler().write(stated(case, built)).A


def profit_usd(case: LpCase, built: LpModel) -> float:
    """Solve it by HiGHS."""
    model = stated(case, built)
    pyo.SolverFactory("appsi_highs").solve(model)
    return -float(pyo.value(model.profit))


def stated(case: LpCase, built: LpModel) -> Any:
    """State the program; costs are taken from `built`, not computed again."""
    columns, sizes = columns_of(case), sizes_of(case)
    model = pyo.ConcreteModel()
    v: dict[str, Any] = {}
    for name, axes in AXES.items():
        upper = values_of(built.upper_mw, name, columns)
        places = [range(sizes[axis]) for axis in axes]
        v[name] = pyo.Var(*places, bounds=lambda _, *at, upper=upper: (0.0, float(upper[at])))
        model.add_component(name, v[name])
    model.rows = pyo.ConstraintList()
    for row in _rows(case, v):
        model.rows.add(row)
    model.profit = pyo.Objective(
        expr=sum(
            pyo.quicksum(
                float(cost) * v[name][at]
                for at, cost in np.ndenumerate(values_of(built.cost_usd_per_mw, name, columns))
            )
            for name in AXES
        )
    )
    return model


def _rows(case: LpCase, v: dict[str, Any]) -> Iterator[Any]:
    x, z, y, h, held = v["miners"], v["merchant"], v["contracts"], v["reserve"], v["reserve_sum"]
    t_all, s_all, r_all = range(case.steps), range(case.sites), range(case.regions)
    k_all, i_all, g_all = range(MINER_COUNT), range(RACK_KIND_COUNT), range(TIER_COUNT)
    pue, racks, room = case.pue.tolist(), case.available_mw[:, :, RACKS].tolist(), rack_room_mw(case).tolist()
    served, mined = first_of(case.served_now_mw, case), first_of(case.miners_now_mw, case)
    demand = case.demand_mw.tolist()
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
            yield y[t, s, 0] + h[t, s] - held[t] <= float(case.unbacked_mw[t])
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
