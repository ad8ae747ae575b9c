"""Claims about a tick in the engine's own words, each number a computed fact.

They explain a plan whose maker gave no claims of its own.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import Tier
from mara.core.events import broken_promises
from mara.core.grounding import ClaimKind, Direction, Draft, faults_of, rendered
from mara.core.plan import Claim, Plan
from mara.core.step import Step
from mara.core.units import G_PER_T, MICRO_USD_PER_USD, TOLERANCE_MW
from mara.core.world import RunConfig

LEAST_TOLD_USD_PER_H: Final = 0.005
"""Gain that is told; a smaller one would be told as nothing."""
PROMISED: Final = (Tier.PREMIUM, Tier.STANDARD, Tier.FLEXIBLE)


def claims_of(step: Step, plan: Plan, config: RunConfig) -> tuple[Claim, ...]:
    """Explain the tick: outages, then claims by the plan's maker or by templates.

    Templates speak of counterfactual gains and of the plan's duals.
    """
    down = [config.fleet.sites[s].name for s in step.down]
    outages = tuple(Claim(kind="other", text=f"{name} is down: none of its machines is available.") for name in down)
    made = plan.provenance
    if made is not None and made.claims and not made.failure:  # of before the outage: nothing more of such a site
        return outages + tuple(claim for claim in made.claims if not any(name in claim.text for name in down))
    facts = facts_of(step, plan, config)
    names = {f"s{s + 1:02}": site.name for s, site in enumerate(config.fleet.sites)}
    drafts = tuple(_drafts(step, facts))
    faults = faults_of("Own claims", drafts, facts, names) if drafts else ()
    assert not faults, faults
    return outages + tuple(Claim(kind=draft.kind, text=rendered(draft.text, facts, names)) for draft in drafts)


def facts_of(step: Step, plan: Plan, config: RunConfig) -> dict[str, float]:
    """Gather the facts that sentences may cite, by key, whose end is the unit.

    They are gains, load, price and PUE of each site, and rates and costs of tiers by the plan's duals.
    """
    gains, per_h = step.gains, 1.0 / config.grid.dt_h
    usd_per_h = per_h / MICRO_USD_PER_USD
    facts = {
        "now.climate_saving_usd_per_h": gains.climate_micro_usd * usd_per_h,
        "now.time_zone_gain_usd_per_h": gains.time_zone_micro_usd * usd_per_h,
        "now.interaction_usd_per_h": gains.interaction_micro_usd * usd_per_h,
        "now.scheduled_off_mw": float(step.before.book.power_mw @ (step.allocation.scheduled & ~broken_promises(step))),
        "now.carbon_avoided_t_per_h": gains.carbon_avoided_g * per_h / G_PER_T,
    }
    conditions = step.conditions
    load = step.allocation.site_contracts_it_mw + step.allocation.site_merchant_it_mw
    for s in range(config.fleet.site_count):
        facts[f"s{s + 1:02}.load_mw"] = float(load[s])
        facts[f"s{s + 1:02}.price_usd_per_mwh"] = float(step.observation.energy_price_usd_per_mwh[s])
        facts[f"s{s + 1:02}.cooling_pue"] = float(conditions.rack_pue[s])
    if plan.shadow is not None:
        margins = -plan.shadow.demand_usd_per_mwh[plan.index_at(step.tick)]
        for tier in PROMISED:
            rate = list_rate_usd_per_mwh(tier, config)
            facts[f"{tier.name.lower()}.rate_usd_per_mwh"] = rate
            facts[f"{tier.name.lower()}.serving_usd_per_mwh"] = rate - float(margins[tier])
    return facts


def _drafts(step: Step, facts: dict[str, float]) -> Iterator[Draft]:
    load = step.allocation.site_contracts_it_mw + step.allocation.site_merchant_it_mw
    if float(load.sum()) > TOLERANCE_MW:
        gains = (_climate(step, facts, load), _time_zone(step, facts, load))
        yield from (gain for gain in gains if abs(facts[gain.refs[0]]) >= LEAST_TOLD_USD_PER_H)
    yield from _serving(facts)
    if facts["now.scheduled_off_mw"] > TOLERANCE_MW:
        ref = "now.scheduled_off_mw"
        yield _draft("sla", f"Contracts of {{{{{ref}}}}} rest inside their error budgets.", ref)


def _climate(step: Step, facts: dict[str, float], load: np.ndarray) -> Draft:
    ref, carbon = "now.climate_saving_usd_per_h", "now.carbon_avoided_t_per_h"
    pue = step.conditions.rack_pue
    best = _most_loaded_of(np.argsort(pue, kind="stable"), load)
    saved = (
        "Running where cooling is cheap saves"
        if facts[ref] >= 0.0
        else "Running where cooling is dear changes profit by"
    )
    text = (
        f"{saved} {{{{{ref}}}}} and {{{{{carbon}}}}} of carbon against an even spread: "
        f"s{best:02} carries {{{{s{best:02}.load_mw}}}} at a PUE of {{{{s{best:02}.cooling_pue}}}}."
    )
    return _draft("climate_savings", text, ref)


def _time_zone(step: Step, facts: dict[str, float], load: np.ndarray) -> Draft:
    ref = "now.time_zone_gain_usd_per_h"
    best = _most_loaded_of(np.argsort(step.observation.energy_price_usd_per_mwh, kind="stable"), load)
    gained = (
        "Running where power is cheap at this hour gains"
        if facts[ref] >= 0.0
        else "Prices at this hour change profit by"
    )
    text = (
        f"{gained} {{{{{ref}}}}} against an even spread: "
        f"s{best:02} carries {{{{s{best:02}.load_mw}}}} at {{{{s{best:02}.price_usd_per_mwh}}}}."
    )
    return _draft("timezone_optimization", text, ref)


def _most_loaded_of(order: np.ndarray, load: np.ndarray) -> int:
    """Number, from one, of the most loaded site in the better half of an order."""
    better = order[: max(1, (len(order) + 1) // 2)]
    return int(better[np.argmax(load[better])]) + 1


def _serving(facts: dict[str, float]) -> Iterator[Draft]:
    """Compare the dual cost of the tier with the least margin with its list rate."""
    left = {
        tier: facts[f"{tier.name.lower()}.rate_usd_per_mwh"] - facts[f"{tier.name.lower()}.serving_usd_per_mwh"]
        for tier in PROMISED
        if f"{tier.name.lower()}.serving_usd_per_mwh" in facts
    }
    if not left:
        return
    name = min(left, key=left.__getitem__).name.lower()
    cost, rate = f"{name}.serving_usd_per_mwh", f"{name}.rate_usd_per_mwh"
    pays = "still pays" if facts[cost] < facts[rate] else "does not pay"
    text = (
        f"One more megawatt of {name} load {pays}: serving it would cost the rest of the fleet {{{{{cost}}}}}, "
        f"its list rate is {{{{{rate}}}}}."
    )
    yield _draft("sla", text, cost)


def _draft(kind: ClaimKind, text: str, ref: str, direction: Direction = "none") -> Draft:
    return Draft(kind=kind, text=text, direction=direction, refs=(ref,))
