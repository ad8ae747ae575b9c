"""The linear program of a day stated in PyPSA.

PyPSA (https://docs.pypsa.org) optimizes power networks, so a fleet is stated as one:

- a site is a bus of power, fed by a generator at the price of its grid, and a bus of racks, fed by what is available;
- a miner kind is a link from power to mining, at 1/PUE;
- a tier at a site is a link from racks to the tier's demand that also draws PUE times its power, and merchant inference
  is such a link to the tokens of a region;
- contracts are loads, what is shed or breached are generators at their price, and what may be sold is a generator of
  sign −1.

PyPSA has no price for a change between two steps, no reserve that the loss of any one site must find elsewhere, and no
budget over a horizon. They are variables and constraints added to `network.model`, which is its documented way for what
components do not state. The whole program is therefore solved, and its optimum must equal Mara's.
"""

import logging
from collections.abc import Iterable
from itertools import product
from typing import Any, Final

import numpy as np
import pandas as pd
import pypsa

from bench.peers.program_axes import PROMISED, check
from mara.core.arrays import Floats
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, Tier
from mara.core.fleet import MINER_COUNT, MINERS, RACK_KIND_COUNT, RACKS, Workload
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.model import LpModel
from mara.optimizers.lp.rows import rack_room_mw

SOLVER: Final = {
    "solver_name": "highs",
    "io_api": "direct",
    "output_flag": False,
    "threads": 1,
    "solver": "simplex",
}
"""Options of HiGHS, as Mara sets them for a program of this size."""

pypsa.options.api.legacy_string_dtype = False
for name in ("linopy", "pypsa"):
    logging.getLogger(name).setLevel(logging.ERROR)


def build(case: LpCase, _: LpModel) -> Any:
    """State the program as a network; what a solver takes is its `model`."""
    check(case)
    network = pypsa.Network(snapshots=pd.RangeIndex(case.steps, name="snapshot"))
    network.snapshot_weightings.loc[:, :] = case.dt_h[:, None]
    _add_sites(network, case)
    _add_miners(network, case)
    _add_contracts(network, case)
    _add_merchant(network, case)
    network.optimize.create_model(include_objective_constant=False)
    _add_changes(network.model, case)
    _add_reserve(network.model, case)
    _add_budgets(network.model, case)
    return network


def profit_usd(case: LpCase, built: LpModel) -> float:
    """Solve it by HiGHS."""
    return optimized(build(case, built))


def solved(network: Any) -> float:
    """Hand the model to HiGHS, read the solution and return the profit [USD]."""
    return _profit_usd(network, *network.model.solve(**SOLVER))


def optimized(network: Any) -> float:
    """Do the same, and bring all results into the network."""
    return _profit_usd(network, *network.optimize.solve_model(**SOLVER))


def _profit_usd(network: Any, status: str, condition: str) -> float:
    if status != "ok":
        raise RuntimeError(f"PyPSA found no optimum: {condition}")
    return -float(network.model.objective.value)


def _add_sites(network: Any, case: LpCase) -> None:
    """Add power at the grid's price, racks, and room for contracts and a reserve."""
    sites = range(case.sites)
    racks_mw, room_mw = case.available_mw[:, :, RACKS].sum(axis=2), rack_room_mw(case)
    grid_mw = np.tile(case.grid_limit_mw, (case.steps, 1))
    price = case.price_usd_per_mwh + case.carbon_price_usd_per_t * case.carbon_t_per_mwh
    for kind, most_mw in (("power", grid_mw), ("racks", racks_mw), ("room", room_mw)):
        buses = _names(kind, sites)
        network.add("Bus", buses)
        _add_generators(network, _names(f"{kind} supply", sites), buses, most_mw, price if kind == "power" else None)
    _add_generators(network, _names("reserve", sites), _names("room", sites), room_mw, sign=-1.0)


def _add_miners(network: Any, case: LpCase) -> None:
    """Add a link for each kind that takes power and mines with 1/PUE of it."""
    sites, pue, available_mw = range(case.sites), case.pue[:, :, MINERS], case.available_mw[:, :, MINERS]
    buses, names = _names("mining", sites), _names("miner", sites, range(MINER_COUNT))
    network.add("Bus", buses)
    _add_generators(network, _names("mined", sites), buses, available_mw.sum(axis=2), sign=-1.0)
    network.add(
        "Link",
        names,
        bus0=np.repeat(_names("power", sites), MINER_COUNT),
        bus1=np.repeat(buses, MINER_COUNT),
        efficiency=_table(1.0 / pue, names),
        p_nom=1.0,
        p_max_pu=_table(available_mw * pue, names),
        marginal_cost=_table(-case.mining_value_usd_per_mwh[:, None, :] / pue, names),
    )


def _add_contracts(network: Any, case: LpCase) -> None:
    """Add a link for each site and tier: it takes racks and PUE times its power.

    Premium and Standard take room too, which a reserve may not take then.
    """
    sites, tiers = range(case.sites), range(TIER_COUNT)
    buses, names = _names("tier", tiers), _names("contract", sites, tiers)
    promised = buses[:PROMISED_TIER_COUNT]
    demand_mw = case.demand_mw[:, PROMISED]
    network.add("Bus", buses)
    network.add("Load", _names("demand", PROMISED), bus=promised, p_set=_table(demand_mw, _names("demand", PROMISED)))
    _add_generators(network, _names("shed", PROMISED), promised, case.shed_limit_mw, case.goodwill_usd_per_mwh)
    _add_generators(network, _names("breached", PROMISED), promised, demand_mw, case.credit_usd_per_mwh)
    _add_generators(network, ["spot sold"], buses[-1:], case.demand_mw[:, [Tier.SPOT]], sign=-1.0)
    backed = np.isin(tiers, (Tier.PREMIUM, Tier.STANDARD))
    network.add(
        "Link",
        names,
        bus0=np.repeat(_names("racks", sites), TIER_COUNT),
        bus1=np.tile(buses, case.sites),
        bus2=np.repeat(_names("power", sites), TIER_COUNT),
        efficiency2=_table(-np.repeat(case.pue[:, :, [Workload.GPU]], TIER_COUNT, axis=2), names),
        bus3=np.where(np.tile(backed, case.sites), np.repeat(_names("room", sites), TIER_COUNT), ""),
        efficiency3=-1.0,
        p_nom=np.repeat(case.available_mw[:, :, RACKS].sum(axis=2).max(axis=0), TIER_COUNT),
        marginal_cost=np.tile(-case.rate_usd_per_mwh, case.sites),
    )


def _add_merchant(network: Any, case: LpCase) -> None:
    """Add a link for each region, site and rack kind.

    It takes racks of the kind and PUE times its power, and sells tokens.
    """
    sites, regions, kinds = range(case.sites), range(case.regions), range(RACK_KIND_COUNT)
    tokens, racks = _names("tokens", regions), _names("kind", sites, kinds)
    network.add("Bus", tokens)
    network.add("Bus", racks)
    _add_generators(network, _names("tokens sold", regions), tokens, case.demand_tokens_per_h, sign=-1.0)
    from_racks, names = _names("to kind", sites, kinds), _names("merchant", regions, sites, kinds)
    network.add(
        "Link",
        from_racks,
        bus0=np.repeat(_names("racks", sites), RACK_KIND_COUNT),
        bus1=racks,
        p_nom=1.0,
        p_max_pu=_table(case.available_mw[:, :, RACKS], from_racks),
    )
    pue = np.broadcast_to(case.pue[:, None, :, RACKS], case.token_value_usd_per_mwh.shape)
    network.add(
        "Link",
        names,
        bus0=np.tile(racks, case.regions),
        bus1=np.repeat(tokens, case.sites * RACK_KIND_COUNT),
        efficiency=np.tile(case.tokens_per_mwh, case.regions * case.sites),
        bus2=np.tile(np.repeat(_names("power", sites), RACK_KIND_COUNT), case.regions),
        efficiency2=_table(-pue, names),
        p_nom=np.tile(case.available_mw[:, :, RACKS].max(axis=0).ravel(), case.regions),
        marginal_cost=_table(-case.token_value_usd_per_mwh, names),
    )


def _add_changes(model: Any, case: LpCase) -> None:
    """Charge what a site serves or mines more than in the step before.

    PyPSA limits ramps and does not price them.
    """
    contracts = model.variables["Link-p"].sel(name=_names("contract", range(case.sites), PROMISED))
    mined = model.variables["Generator-p"].sel(name=_names("mined", range(case.sites)))
    moving_usd_per_mw = np.tile(case.migration_usd_per_mw, case.sites)
    for name, flow, now_mw, usd_per_mw in (
        ("moved", contracts, case.served_now_mw.ravel(), moving_usd_per_mw),
        ("started", mined, case.miners_now_mw, np.full(case.sites, case.restart_usd_per_mw)),
    ):
        before_mw = np.zeros((case.steps, len(now_mw)))
        before_mw[0] = now_mw
        more = model.add_variables(lower=0.0, coords=flow.coords, name=name)
        change = flow - flow.shift(snapshot=1).fillna(0.0) - more
        model.add_constraints(change, "<=", _table(before_mw, flow.indexes["name"]), name=name)
        model.objective += (more * pd.Series(usd_per_mw, flow.indexes["name"])).sum()


def _add_reserve(model: Any, case: LpCase) -> None:
    """Ask that a reserve elsewhere holds the Premium of any one site."""
    sites = pd.RangeIndex(case.sites)
    premium = model.variables["Link-p"].sel(name=_names("contract", sites, [Tier.PREMIUM])).assign_coords(name=sites)
    reserve = model.variables["Generator-p"].sel(name=_names("reserve", sites)).assign_coords(name=sites)
    held = model.add_variables(lower=0.0, coords=[reserve.indexes["snapshot"]], name="held")
    model.add_constraints(reserve.sum("name") - held, "=", 0.0, name="held")
    unbacked_mw = _table(np.repeat(case.unbacked_mw[:, None], case.sites, axis=1), sites)
    model.add_constraints(premium + reserve - held, "<=", unbacked_mw, name="any one site")


def _add_budgets(model: Any, case: LpCase) -> None:
    """Bound what each promised tier sheds over the horizon."""
    names = _names("shed", PROMISED)
    shed = model.variables["Generator-p"].sel(name=names)
    dt_h = pd.Series(case.dt_h, shed.indexes["snapshot"])
    budget_mwh = pd.Series(case.budget_mwh, pd.Index(names, name="name"))
    model.add_constraints((shed * dt_h).sum("snapshot"), "<=", budget_mwh, name="budget")


def _add_generators(
    network: Any, names: list[str], buses: list[str], most: Floats, cost: Floats | None = None, *, sign: float = 1.0
) -> None:
    """Add one generator a bus; `most` (H, N) and `cost` (N,) or (H, N) are by name."""
    network.add(
        "Generator",
        names,
        bus=buses,
        sign=sign,
        p_nom=1.0,
        p_max_pu=_table(most, names),
        marginal_cost=0.0 if cost is None else _table(np.broadcast_to(cost, most.shape), names),
    )


def _names(kind: str, *axes: Iterable[int]) -> list[str]:
    return [" ".join([kind, *map(str, map(int, at))]) for at in product(*axes)]


def _table(values: Floats, names: Any) -> pd.DataFrame:
    """Table of values by snapshot and name, with all other axes flattened to names."""
    snapshots = pd.RangeIndex(len(values), name="snapshot")
    return pd.DataFrame(values.reshape(len(values), -1), index=snapshots, columns=pd.Index(names, name="name"))
