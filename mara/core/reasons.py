"""Reasons of a tick in an operator's words: a headline, and reasons by site."""

from typing import Final

import numpy as np

from mara.core.contract import Tier
from mara.core.events import broken_promises
from mara.core.fleet import MINER_COUNT
from mara.core.plan import Plan
from mara.core.step import Step
from mara.core.units import TOLERANCE_MW
from mara.core.world import RunConfig

MAX_REASONS: Final = 12
MAX_OUTAGES: Final = 4
MAX_SCARCE: Final = 4
"""Most sentences about scarcity; the rest of the reasons need room too."""
LEAST_TOLD_USD: Final = 0.01
_KINDS: Final = ("air", "hydro", "immersion")


def headline_of(step: Step, config: RunConfig) -> str:
    """Write the headline: what is down, and what runs."""
    allocation = step.allocation
    mining, merchant = float(allocation.site_mining_it_mw.sum()), float(allocation.site_merchant_it_mw.sum())
    contracts = float(allocation.site_contracts_it_mw.sum())
    down = [f"{config.fleet.sites[s].name} is down. " for s in step.down]
    return (
        f"{''.join(down)}{contracts:.1f} MW of contracts, {merchant:.1f} MW of merchant inference "
        f"and {mining:.0f} MW of mining run."
    )


def reasons_of(step: Step, config: RunConfig, plan: Plan | None = None) -> tuple[str, ...]:
    """List the reasons: outages, scarcity by the plan's prices, then sites.

    Sites come with most idle miners first; what dispatch had to change comes last.
    """
    idle = curtailed_mw(step)
    price = step.observation.energy_price_usd_per_mwh
    limits = step.conditions.miner_break_even_usd_per_mwh
    sites = config.fleet.sites
    scarce = _scarce_lines(plan, step, config) if plan is not None else []
    lines: list[str] = []
    for s in np.argsort(-idle.sum(axis=1), kind="stable").tolist():
        kinds = [k for k in range(MINER_COUNT) if idle[s, k] > TOLERANCE_MW]
        if kinds:
            names = " and ".join(f"{_KINDS[k]} ({limits[s, k]:.0f})" for k in kinds)
            total = float(idle[s].sum())
            why = f"price {price[s]:.0f} USD/MWh, break-even of {names}"
            lines.append(f"{sites[s].name}: {total:.1f} MW of miners off, {why}.")
    lines += _shed_lines(step)
    lines += [
        f"{sites[d.site].name}: {d.power_mw:.1f} MW less than planned, {d.cause}." for d in step.allocation.deviations
    ]
    if not lines:
        cheapest = sites[int(np.argmin(price))].name
        lines.append(f"Every miner earns its power; the cheapest grid is {cheapest} at {price.min():.0f} USD/MWh.")
    return (*_outage_lines(step, config), *scarce, *lines)[:MAX_REASONS]


def _outage_lines(step: Step, config: RunConfig) -> list[str]:
    """List sites without all their machines, the worst first.

    A failure of this very tick is said to be one.
    """
    up, before = step.observation.availability_share, step.before.availability_share
    lines = []
    for s in np.argsort(up, kind="stable").tolist():
        name, now = config.fleet.sites[s].name, float(up[s])
        since = " since this tick" if now < float(before[s]) else ""
        if now == 0.0:
            lines.append(f"{name} is down{since}: none of its machines is available.")
        elif now < 1.0:
            lines.append(f"{name} has {now:.0%} of its machines{since}.")
    return lines[:MAX_OUTAGES]


def curtailed_mw(step: Step) -> np.ndarray:
    """Miners that are off because power costs more than they earn (S, 3) [MW]."""
    conditions = step.conditions
    off_mw = conditions.available_mw[:, :MINER_COUNT] - step.allocation.miners_mw
    return np.where(conditions.miner_margin_usd_per_mwh < 0.0, off_mw, 0.0)


def _scarce_lines(plan: Plan, step: Step, config: RunConfig) -> list[str]:
    """Tell the most valuable scarcities: racks, grid, and error budgets."""
    if plan.shadow is None:
        return []
    shadow, row = plan.shadow, plan.index_at(step.tick)
    found: list[tuple[float, str]] = []
    for s, site in enumerate(config.fleet.sites):
        if s in step.down:
            continue  # the plan was made before it fell: nothing there is worth more
        racks, grid = float(shadow.capacity_usd_per_mwh[row, s]), float(shadow.grid_usd_per_mwh[row, s])
        found.append((racks, f"{site.name} is full: one more MW of racks there is worth {racks:.2f} USD/h."))
        found.append((grid, f"{site.name} draws all its grid allows: one more MW there is worth {grid:.2f} USD/h."))
    for tier, value in zip(
        (Tier.PREMIUM, Tier.STANDARD, Tier.FLEXIBLE), shadow.budget_usd_per_mwh.tolist(), strict=True
    ):
        name = tier.name.capitalize()
        found.append((value, f"{name}'s error budget is used in full: one more MWh of it is worth {value:.2f} USD."))
    dearest = sorted((pair for pair in found if pair[0] >= LEAST_TOLD_USD), key=lambda pair: -pair[0])
    return [text for _, text in dearest[:MAX_SCARCE]]


def _shed_lines(step: Step) -> list[str]:
    broken = broken_promises(step)
    scheduled = step.allocation.scheduled & ~broken
    lines = []
    for tier in (Tier.STANDARD, Tier.FLEXIBLE):
        mask = scheduled & (step.before.book.tier == tier)
        if mask.any():
            power = float(step.before.book.power_mw[mask].sum())
            lines.append(
                f"{int(mask.sum())} {tier.name.lower()} contracts ({power:.1f} MW) rest inside their error budgets."
            )
        mask = broken & (step.before.book.tier == tier)
        if mask.any():
            power = float(step.before.book.power_mw[mask].sum())
            lines.append(
                f"{int(mask.sum())} {tier.name.lower()} promises ({power:.1f} MW) are broken on purpose: "
                "their power costs more than credit and goodwill."
            )
    return lines
