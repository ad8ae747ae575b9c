"""Simple rules on the power terms, for planners without a solver.

They are what an operator would do by hand: the price of the present tick includes the coincident peak that may be
now; batteries charge in the cheapest quarter of the hours ahead and deliver in the dearest; what runs and may stop is
offered to the product that pays most; and a billed peak is not raised where what runs above it does not pay.
Model: docs/model.md#15-baselines
"""

from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.arrays import Floats, row_sums, sealed
from mara.core.fleet import MINERS, RACKS
from mara.core.plan import PlanStep, PowerStep, Problem
from mara.core.power_calendar import power_of
from mara.optimizers.flexibility.expected_terms import all_rows, expected_terms, peak_price_now

CHEAP_SHARE: Final = 0.25
"""Part of the hours ahead in which batteries charge, and in which they deliver."""


def with_peak_price(problem: Problem) -> Problem:
    """Raise the present price by the coincident peak that is expected now.

    For whoever decides by the price of the tick alone: rules, and whole contracts and tokens that carry out a plan.
    """
    terms = problem.config.fleet.power
    if terms is None or not terms.peaks:
        return problem
    more = peak_price_now(problem)
    if not np.count_nonzero(more):
        return problem
    seen = problem.observation
    price = sealed(seen.energy_price_usd_per_mwh + more)
    # What was computed ahead holds for the price without the peak.
    return replace(problem, observation=replace(seen, energy_price_usd_per_mwh=price), outlook=None)


def peak_limit_mw(problem: Problem) -> Floats | None:
    """Limit sites to the peak that is paid for, unless load pays for more (S,).

    That is what the best own load earns in the hours ahead that count, beside the price of a megawatt more. None for a
    fleet without demand charges.
    """
    fleet = problem.config.fleet
    if fleet.power is None or not fleet.power.demand:
        return None
    lengths, rows = all_rows(problem)
    expected = expected_terms(problem, lengths, rows)
    charges, conditions = expected.demand, problem.conditions
    hours = np.array(lengths) * problem.config.grid.dt_h
    cost = problem.forecast.energy_price_usd_per_mwh[rows] + expected.adder_usd_per_mwh + expected.peak_usd_per_mwh
    margin = np.maximum(_best_worth_usd_per_mwh(problem) - cost - conditions.carbon_cost_usd_per_mwh, 0.0)
    limit = problem.conditions.grid_limit_mw.copy()
    for d in np.argsort(charges.peak_so_far_mw, kind="stable").tolist():
        s, counts = int(charges.site[d]), charges.counts[:, d]
        # Charges that count in the same hours stack up: a higher peak pays for all of them.
        below = (charges.site == s) & (charges.peak_so_far_mw <= charges.peak_so_far_mw[d]) & charges.counts[0]
        if counts[0] and hours[counts] @ margin[counts, s] < charges.usd_per_mw[below].sum():
            limit[s] = min(limit[s], charges.peak_so_far_mw[d])
    return sealed(limit)


def _best_worth_usd_per_mwh(problem: Problem) -> Floats:
    """Value a megawatt-hour at the meter of the best miners, or of inference (S,)."""
    conditions, nameplate = problem.conditions, problem.config.fleet.nameplate_mw
    worth = np.concatenate(
        [
            np.tile(conditions.mining_value_usd_per_mwh, (len(nameplate), 1)),
            conditions.merchant_value_usd_per_mwh.max(axis=0),
        ],
        axis=1,
    )
    is_mining = (nameplate[:, MINERS] > 0.0).any(axis=1)
    can = nameplate > 0.0
    can[is_mining, RACKS] = False
    return np.asarray(np.where(can, worth / conditions.pue, 0.0).max(axis=1))


def with_simple_power(step: PlanStep, problem: Problem, limit_mw: Floats | None = None) -> PlanStep:
    """Add batteries and awards by simple rules to a step.

    Args:
        limit_mw: most that sites should draw (S,); batteries charge with what the load leaves of it.
    """
    fleet = problem.config.fleet
    if fleet.power is None:
        return step
    charge, discharge = _batteries(problem)
    if limit_mw is not None:
        charge = np.minimum(charge, np.maximum(limit_mw - _site_mw(step, problem), 0.0))
    power = PowerStep(
        charge_mw=sealed(charge),
        discharge_mw=sealed(discharge),
        award_mw=sealed(_awards(problem)),
        draw_limit_mw=problem.conditions.grid_limit_mw if limit_mw is None else limit_mw,
    )
    return replace(step, power=power)


def _site_mw(step: PlanStep, problem: Problem) -> Floats:
    """Sum the power of a step's load at each meter (S,)."""
    conditions = problem.conditions
    own = np.concatenate([step.miners_mw, step.merchant_mw.sum(axis=0)], axis=1) * conditions.pue
    return row_sums(own) + row_sums(step.contracts_mw) * conditions.rack_pue


def _batteries(problem: Problem) -> tuple[Floats, Floats]:
    """Charge in cheap hours and deliver in dear ones, where the spread pays (S,) [MW]."""
    terms = power_of(problem.config.fleet)
    ahead = problem.forecast.energy_price_usd_per_mwh
    cheap, dear = np.quantile(ahead, [CHEAP_SHARE, 1.0 - CHEAP_SHARE], axis=0)
    now = problem.observation.energy_price_usd_per_mwh
    there_and_back = terms.efficiency_in_share * terms.efficiency_out_share
    pays = dear - cheap / there_and_back > terms.wear_usd_per_mwh
    return (
        np.where(pays & (now <= cheap), terms.battery_power_mw, 0.0),
        np.where(pays & (now >= dear), terms.battery_power_mw, 0.0),
    )


def _awards(problem: Problem) -> Floats:
    """Offer all that a site has to the product that pays most (P, S).

    Dispatch takes what there is.
    """
    config, conditions = problem.config, problem.conditions
    terms = power_of(config.fleet)
    award = np.zeros((len(terms.products), config.fleet.site_count))
    signals = problem.observation.power
    if not terms.products or signals is None:
        return award
    called = np.array([product.expected_deployment_share for product in terms.products])[:, None]
    paid = np.array([product.deployment_usd_per_mwh for product in terms.products])[:, None]
    lost = np.maximum(conditions.miner_margin_usd_per_mwh.max(axis=1), 0.0)
    price = problem.forecast.power.reserve_price_usd_per_mw_h[0] if problem.forecast.power is not None else None
    earned = (signals.reserve_price_usd_per_mw_h if price is None else price) + called * (paid - lost)
    best = earned.argmax(axis=0)
    sites = np.arange(config.fleet.site_count)
    pays = earned[best, sites] > 0.0
    award[best[pays], sites[pays]] = conditions.grid_limit_mw[pays]
    return award
