"""The linear program of a day stated in linopy.

linopy (https://linopy.readthedocs.io) is the modelling layer of PyPSA. The program is timed from a case to
costs, limits and a sparse matrix, which is what a solver takes.
"""

from typing import Any

import linopy
import pandas as pd
import xarray as xr

from bench.peers.program_axes import AXES, PROMISED, first_of, sizes_of, values_of
from mara.core.contract import Tier
from mara.core.fleet import MINERS, RACKS, Workload
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import columns_of
from mara.optimizers.lp.model import LpModel
from mara.optimizers.lp.rows import rack_room_mw


def build(case: LpCase, built: LpModel) -> Any:
    """State the program and lay out its matrix."""
    return stated(case, built).matrices.A


def profit_usd(case: LpCase, built: LpModel) -> float:
    """Solve it by HiGHS."""
    model = stated(case, built)
    model.solve(solver_name="highs", io_api="direct", output_flag=False)
    return -float(model.objective.value)


def stated(case: LpCase, built: LpModel) -> Any:
    """State the program; costs are taken from `built`, not computed again."""
    index = {axis: pd.RangeIndex(size, name=axis) for axis, size in sizes_of(case).items()}
    index["p"] = index["p"].rename("g")

    def array(values: Any, axes: str) -> Any:
        return xr.DataArray(values, coords=[index[axis] for axis in axes])

    model, columns = linopy.Model(), columns_of(case)
    v = {
        name: model.add_variables(lower=0.0, upper=array(values_of(built.upper_mw, name, columns), axes), name=name)
        for name, axes in AXES.items()
    }
    x, z, y, h = v["miners"], v["merchant"], v["contracts"], v["reserve"]
    promised, premium, standard, spot = y.sel(g=PROMISED), *(y.sel(g=g, drop=True) for g in (0, 1, int(Tier.SPOT)))
    racks, tokens, dt_h = case.available_mw[:, :, RACKS], array(case.tokens_per_mwh, "i"), array(case.dt_h, "t")
    power = (array(case.pue[:, :, MINERS], "tsk") * x).sum("k")
    power += (array(case.pue[:, :, RACKS], "tsi") * z).sum(["r", "i"])
    power += (array(case.pue[:, :, Workload.GPU], "ts") * y).sum("g")
    mined = x.sum("k")
    served_mw, mined_mw = first_of(case.served_now_mw, case), first_of(case.miners_now_mw, case)
    for left, sign, right in (
        (power, "<=", array(case.grid_limit_mw, "s")),
        (y.sum("g") + z.sum(["r", "i"]), "<=", array(racks.sum(axis=2), "ts")),
        (z.sum("r"), "<=", array(racks, "tsi")),
        (premium + standard + h, "<=", array(rack_room_mw(case), "ts")),
        (h.sum("s") - v["reserve_sum"], "=", 0.0),
        (premium + h - v["reserve_sum"], "<=", array(case.unbacked_mw, "t")),
        (promised.sum("s") + v["shed"] + v["breached"], "=", array(case.demand_mw[:, PROMISED], "tp")),
        (spot.sum("s"), "<=", array(case.demand_mw[:, Tier.SPOT], "t")),
        ((z * tokens).sum(["s", "i"]), "<=", array(case.demand_tokens_per_h, "tr")),
        (promised - promised.shift(t=1).fillna(0.0) - v["moved"], "<=", array(served_mw, "tsp")),
        (mined - mined.shift(t=1).fillna(0.0) - v["ramp"], "<=", array(mined_mw, "ts")),
        ((v["shed"] * dt_h).sum("t"), "<=", array(case.budget_mwh, "p")),
    ):
        model.add_constraints(left, sign, right)
    model.add_objective(
        sum((v[n] * array(values_of(built.cost_usd_per_mw, n, columns), axes)).sum() for n, axes in AXES.items())
    )
    return model
