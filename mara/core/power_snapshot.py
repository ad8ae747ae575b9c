"""Snapshot of a fleet's power terms: bill, peaks, awards and batteries."""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Floats
from mara.core.power_settlement import PowerLine, open_accruals_micro_usd
from mara.core.step import Step
from mara.core.units import MICRO_USD_PER_USD
from mara.core.world import RunConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPart:
    """A part of a site's power bill in the month so far; a cost is negative."""

    kind: str
    """Part: energy, or a line of the power terms as the ledger's export has it."""
    amount_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardSnapshot:
    """Power that a site has sold to a grid product in the tick, at the meter."""

    product: str
    award_mw: float
    called_mw: float
    """Part of it that must stay away now."""
    delivered_mw: float
    call_ends_tick: int
    """Tick in which the call ends; 0 without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePowerSnapshot:
    """Power terms of one site after the tick."""

    site_id: str
    bill: tuple[BillPart, ...]
    """Bill of the local month so far, by part."""
    peak_mw: float | None
    """Highest counted power of the month so far; None without a demand charge."""
    peak_target_mw: float | None
    """Peak that the plan in force pays for; None without one."""
    next_mw_usd: float | None
    """Cost of one more megawatt of peak; None without a demand charge."""
    accrued_peak_usd: float
    """Coincident peaks of the open month as they stand: due in the next year."""
    system_peak_mw: float | None
    """Highest demand of the power system in the month so far; None where unknown."""
    load_at_peak_mw: float | None
    """Power that the site drew then."""
    peak_risk_share: tuple[float, ...]
    """Coincident peaks expected in each of the next 24 hours; empty without charges."""
    battery_mw: float
    """Delivered by the battery; below 0 it charges."""
    stored_mwh: float
    energy_mwh: float
    """Most that the battery stores; 0 without one."""
    exported_mw: float
    flexible_mw: float
    """Power that runs and may stop."""
    headroom_mw: float
    """Power that could be sold beyond the awards."""
    awards: tuple[AwardSnapshot, ...]


def power_snapshot_of(
    step: Step, config: RunConfig, peak_risk_share: Floats | None = None
) -> tuple[SitePowerSnapshot, ...]:
    """Build the snapshot of each site; empty for a fleet without power terms.

    Args:
        peak_risk_share: expected peaks in each of the next hours (24, S); None where unknown.
    """
    terms, done, state = config.fleet.power, step.allocation.power, step.world.power
    if terms is None or done is None or state is None:
        return ()
    accrued = open_accruals_micro_usd(state, config.fleet) / MICRO_USD_PER_USD
    demand = {charge.site: d for d, charge in enumerate(terms.demand)}
    peaks = {charge.site: q for q, charge in enumerate(terms.peaks)}
    parts = ("energy", *(line.name.lower() for line in PowerLine))
    plan, signals = step.plan.power, step.observation.power
    ends = np.zeros(len(terms.products), dtype=np.int64) if signals is None else signals.call_ends_tick
    sites = []
    for s, site_id in enumerate(config.fleet.site_ids):
        d, q = demand.get(s), peaks.get(s)
        seen = q is not None and state.system_peak_mw[q, 0] >= 0.0
        limit = None if plan is None else float(plan.draw_limit_mw[s])
        has_target = d is not None and limit is not None and limit < float(config.fleet.grid_limit_mw[s])
        sites.append(
            SitePowerSnapshot(
                site_id=site_id,
                bill=tuple(
                    BillPart(kind=kind, amount_usd=micro / MICRO_USD_PER_USD)
                    for kind, micro in zip(parts, state.bill_micro_usd[s].tolist(), strict=True)
                    if micro
                ),
                peak_mw=None if d is None else float(state.peak_mw[d]),
                peak_target_mw=limit if has_target else None,
                next_mw_usd=None if d is None else terms.demand[d].usd_per_mw_month,
                accrued_peak_usd=float(accrued[s]),
                system_peak_mw=float(state.system_peak_mw[q, 0]) if q is not None and seen else None,
                load_at_peak_mw=float(state.load_at_peak_mw[q, 0]) if q is not None and seen else None,
                peak_risk_share=() if q is None or peak_risk_share is None else tuple(peak_risk_share[:, s].tolist()),
                battery_mw=float(done.discharge_mw[s] - done.charge_mw[s]),
                stored_mwh=float(state.stored_mwh[s]),
                energy_mwh=float(terms.battery_energy_mwh[s]),
                exported_mw=float(done.exported_mw[s]),
                flexible_mw=float(done.flexible_mw[s]),
                headroom_mw=float(done.headroom_mw[s]),
                awards=tuple(
                    AwardSnapshot(
                        product=product.id,
                        award_mw=float(done.award_mw[p, s]),
                        called_mw=float(done.called_mw[p, s]),
                        delivered_mw=float(done.delivered_mw[p, s]),
                        call_ends_tick=int(ends[p]) if done.called_mw[p, s] > 0.0 else 0,
                    )
                    for p, product in enumerate(terms.products)
                    if done.award_mw[p, s] > 0.0 or done.called_mw[p, s] > 0.0
                ),
            )
        )
    return tuple(sites)
