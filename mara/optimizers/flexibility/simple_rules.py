"""Simple rules on the power terms, for planners without a solver.

They are what an operator would do by hand: the price of the present tick includes the coincident peak that may be
now; batteries charge in the cheapest quarter of the hours ahead and deliver in the dearest; what runs and may stop is
offered to the product that pays most. Model: docs/model.md#15-baselines
"""

from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.arrays import Floats, sealed
from mara.core.plan import PlanStep, PowerStep, Problem
from mara.core.power_calendar import power_of
from mara.optimizers.flexibility.expected_terms import all_rows, expected_terms

CHEAP_SHARE: Final = 0.25
"""Part of the hours ahead in which batteries charge, and in which they deliver."""


def with_peak_price(problem: Problem) -> Problem:
    """Raise the present price by the coincident peak that is expected now."""
    terms = problem.config.fleet.power
    if terms is None or not terms.peaks:
        return problem
    lengths, rows = all_rows(problem)
    more = expected_terms(problem, lengths, rows).peak_usd_per_mwh[0]
    seen = problem.observation
    price = sealed(seen.energy_price_usd_per_mwh + more)
    # What was computed ahead holds for the price without the peak.
    return replace(problem, observation=replace(seen, energy_price_usd_per_mwh=price), outlook=None)


def with_simple_power(step: PlanStep, problem: Problem) -> PlanStep:
    """Add batteries and awards by simple rules to a step."""
    fleet = problem.config.fleet
    if fleet.power is None:
        return step
    charge, discharge = _batteries(problem)
    power = PowerStep(
        charge_mw=sealed(charge),
        discharge_mw=sealed(discharge),
        award_mw=sealed(_awards(problem)),
        draw_limit_mw=fleet.grid_limit_mw,
    )
    return replace(step, power=power)


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
    award[best[pays], sites[pays]] = config.fleet.grid_limit_mw[pays]
    return award
