"""Facts that the advisor's tools return, by key; each key ends in its unit.

Differences and changes are computed here, so that the model never calculates.
"""

from dataclasses import replace
from typing import Final

from mara.core.arrays import Floats, sealed
from mara.core.finance import Line
from mara.core.fleet import MINERS, RACKS
from mara.core.plan import PlanStep, Problem
from mara.core.step import Step, advance
from mara.core.units import G_PER_T, MICRO_USD_PER_USD
from mara.optimizers.advisor.evaluator import CONTRACTS, LOADS, PlanEvaluator, Projection, evaluator_of, loads_of
from mara.optimizers.lp.horizon import plan_steps

MINER_NAMES: Final = ("air_miner", "hydro_miner", "immersion_miner")
RACK_LOADS: Final = slice(3, len(LOADS))


def site_key(site: int) -> str:
    """Name a site for the model, such as ``s01``.

    The site's own id and name may have been typed by anybody, and are not shown.
    """
    return f"s{site + 1:02}"


def overview_facts(evaluator: PlanEvaluator) -> dict[str, float]:
    """List the facts that open a conversation: the plan in force, and each site."""
    conditions = evaluator.problem.conditions
    observation = evaluator.problem.observation
    facts = {
        f"in_force_{key}": value
        for key, value in _outcome_facts(_rehearsed(evaluator, evaluator.step), evaluator).items()
    }
    for s in range(len(conditions.grid_limit_mw)):
        key = site_key(s)
        facts[f"{key}_price_usd_per_mwh"] = float(observation.energy_price_usd_per_mwh[s])
        facts[f"{key}_carbon_g_per_kwh"] = float(observation.carbon_intensity_g_per_kwh[s])
        facts[f"{key}_cooling_pue"] = float(conditions.rack_pue[s])
        facts[f"{key}_availability_share"] = float(observation.availability_share[s])
        facts[f"{key}_racks_mw"] = float(conditions.racks_mw[s])
        facts |= {
            f"{key}_{load}_mw": float(mw) for load, mw in zip(LOADS, evaluator.in_force_mw[s], strict=True) if mw > 0
        }
    return facts


def site_facts(evaluator: PlanEvaluator, site: int) -> dict[str, float]:
    """List all facts of a site: power, weather, machines, load and dual prices."""
    problem, plan = evaluator.problem, evaluator.plan
    conditions, observation = problem.conditions, problem.observation
    facts = {
        "price_usd_per_mwh": observation.energy_price_usd_per_mwh[site],
        "price_in_an_hour_usd_per_mwh": _next_hour_usd_per_mwh(evaluator, site),
        "carbon_g_per_kwh": observation.carbon_intensity_g_per_kwh[site],
        "renewable_share": observation.renewable_share[site],
        "dry_bulb_c": observation.dry_bulb_c[site],
        "wet_bulb_c": observation.wet_bulb_c[site],
        "availability_share": observation.availability_share[site],
        "cooling_pue": conditions.rack_pue[site],
        "rack_energy_usd_per_mwh": conditions.rack_cost_usd_per_mwh[site],
        "grid_limit_site_mw": conditions.grid_limit_mw[site],
        "racks_mw": conditions.racks_mw[site],
        "racks_free_mw": conditions.racks_mw[site] - evaluator.in_force_mw[site, RACK_LOADS].sum(),
    }
    for k, name in enumerate(MINER_NAMES):
        facts[f"{name}_available_mw"] = conditions.available_mw[site, k]
        facts[f"{name}_break_even_usd_per_mwh"] = conditions.miner_break_even_usd_per_mwh[site, k]
    facts |= {f"{load}_mw": mw for load, mw in zip(LOADS, evaluator.in_force_mw[site], strict=True)}
    if plan.shadow is not None:
        row = plan.index_at(problem.tick)
        facts["one_more_rack_mw_usd_per_mwh"] = plan.shadow.capacity_usd_per_mwh[row, site]
        facts["one_more_grid_mw_usd_per_mwh"] = plan.shadow.grid_usd_per_mwh[row, site]
    return {key: float(value) for key, value in facts.items()}


def _next_hour_usd_per_mwh(evaluator: PlanEvaluator, site: int) -> float:
    prices = evaluator.problem.forecast.energy_price_usd_per_mwh
    return float(prices[min(1, len(prices) - 1), site])


def projection_facts(evaluator: PlanEvaluator, projection: Projection) -> dict[str, float]:
    """Compare a projected proposal with the plan in force and with the optimum.

    The facts are numbers by key, whose end is the unit.
    """
    was = _outcome_facts(_rehearsed(evaluator, evaluator.step), evaluator)
    now = _outcome_facts(_rehearsed(evaluator, projection.step), evaluator)
    facts = {
        "moved_mw": projection.moved_mw,
        "moved_share": projection.moved_share,
        "profit_usd_per_h": projection.profit_usd,
        "optimum_profit_usd_per_h": projection.profit_usd + projection.regret_usd,
        "regret_usd_per_h": projection.regret_usd,
        "regret_share": projection.regret_share,
    }
    for key, value in now.items():
        facts |= {key: value, f"in_force_{key}": was[key], _change_of(key): value - was[key]}
    return facts


def _change_of(key: str) -> str:
    """Name the change of a fact; the unit stays last."""
    unit = next(unit for unit in ("usd_per_h", "t_per_h", "mw") if key.endswith(unit))
    return f"{key.removesuffix(unit)}change_{unit}"


def what_if_facts(evaluator: PlanEvaluator, site: int, quantity: str, value: float) -> dict[str, float]:
    """Compare the optimum with the one for a changed number of one site.

    Args:
        evaluator: evaluator of the tick.
        site: index of the site.
        quantity: a key of `QUANTITIES`.
        value: value of the quantity in this hour, in the unit of its name.

    Raises:
        PlanError: the program is not solved in time.
    """
    altered = _altered(evaluator.problem, site, _FIELDS[quantity], value)
    other = evaluator_of(altered, evaluator.plan, budgets=evaluator.budgets)
    gained = other.optimum.certificate.objective_usd - evaluator.optimum.certificate.objective_usd
    before, after = _first_hour(evaluator)[site], _first_hour(other)[site]
    facts = {"profit_change_usd": gained}
    for name, loads in (("miners", MINERS), ("merchant", RACKS), ("contracts", CONTRACTS)):
        was, now = float(before[loads].sum()), float(after[loads].sum())
        facts |= {f"{name}_before_mw": was, f"{name}_after_mw": now, f"{name}_change_mw": now - was}
    return facts


def _altered(problem: Problem, site: int, field: str, value: float) -> Problem:
    """Change one number of one site, now and in the forecast of this hour."""
    now = getattr(problem.observation, field).copy()
    now[site] = value
    observation = replace(problem.observation, **{field: sealed(now)})
    if not hasattr(problem.forecast, field):
        return replace(problem, observation=observation)
    hours = getattr(problem.forecast, field).copy()
    hours[0, site] = value
    return replace(problem, observation=observation, forecast=replace(problem.forecast, **{field: sealed(hours)}))


def _first_hour(evaluator: PlanEvaluator) -> Floats:
    """Read the optimum's allocation in its first hour (S, 9) [MW]."""
    return loads_of(plan_steps(evaluator.optimum.primal_mw, evaluator.columns, evaluator.case.steps)[0])


def _rehearsed(evaluator: PlanEvaluator, step: PlanStep) -> Step:
    """Compute the next tick under a step as the engine would, and store nothing."""
    problem = evaluator.problem
    return advance(problem.world, problem.observation, step, problem.config)


def _outcome_facts(step: Step, evaluator: PlanEvaluator) -> dict[str, float]:
    """List a tick's costs, emissions, loads and gains, as rates per hour."""
    per_h = 1.0 / evaluator.problem.config.grid.dt_h
    usd_per_h = per_h / MICRO_USD_PER_USD
    lines = step.settlement.lines_micro_usd.sum(axis=0)
    return {
        "energy_cost_usd_per_h": -float(lines[Line.ENERGY]) * usd_per_h,
        "carbon_t_per_h": float(step.settlement.emissions_g.sum()) * per_h / G_PER_T,
        "contracts_mw": float(step.allocation.site_contracts_it_mw.sum()),
        "mining_mw": float(step.allocation.site_mining_it_mw.sum()),
        "merchant_mw": float(step.allocation.site_merchant_it_mw.sum()),
        "climate_saving_usd_per_h": step.gains.climate_micro_usd * usd_per_h,
        "time_zone_gain_usd_per_h": step.gains.time_zone_micro_usd * usd_per_h,
        "interaction_usd_per_h": step.gains.interaction_micro_usd * usd_per_h,
        "carbon_avoided_t_per_h": step.gains.carbon_avoided_g * per_h / G_PER_T,
    }


_FIELDS: Final = {
    "price_usd_per_mwh": "energy_price_usd_per_mwh",
    "carbon_g_per_kwh": "carbon_intensity_g_per_kwh",
    "dry_bulb_c": "dry_bulb_c",
    "availability_share": "availability_share",
}
QUANTITIES: Final = {
    "price_usd_per_mwh": (-1_000.0, 20_000.0),
    "carbon_g_per_kwh": (0.0, 2_000.0),
    "dry_bulb_c": (-60.0, 60.0),
    "availability_share": (0.0, 1.0),
}
"""Quantities that `what_if_facts` may change, with their lower and upper bounds."""
