"""Demand charges over the steps of a plan, month by month.

Model: docs/model.md#power-terms-in-a-run
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.core.plan import Problem
from mara.core.power_calendar import demand_counts, power_of
from mara.core.units import SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandCharges:
    """Prices of the highest power drawn in H steps, any number of them at a site.

    Several at one site add up: those of different hours or months, or steps of one price that rises with the peak.

    Attributes:
        site: site of each (D,).
        usd_per_mw: price of a megawatt beyond `peak_so_far_mw` (D,).
        peak_so_far_mw: power that may be drawn without paying: what the billing period has had, or is to have (D,).
        counts: steps that lie in the charge's hours and billing period (H, D).
    """

    site: Ints
    usd_per_mw: Floats
    peak_so_far_mw: Floats
    counts: Bools


def no_charges(steps: int) -> DemandCharges:
    """Charge no peak in a number of steps."""
    none = np.zeros(0)
    return DemandCharges(
        site=np.zeros(0, dtype=np.int64),
        usd_per_mw=none,
        peak_so_far_mw=none,
        counts=np.zeros((steps, 0), dtype=np.bool_),
    )


def charges_ahead(
    problem: Problem, begins_s: Sequence[int], local: Sequence[tuple[datetime, ...]], hours: Floats
) -> DemandCharges:
    """Price higher peaks in each month that a horizon reaches into.

    A month whose hours are all like those of the horizon has one peak for all of them: each pays its part. So the time
    that is left decides together how high the peak may be, and at the month's end the last hours decide alone.

    Args:
        begins_s: begin of each step [s since 1970]. local: local times of the sites then. hours: its length (H,).
    """
    config, state = problem.config, problem.world.power
    assert state is not None
    fleet, terms = config.fleet, power_of(config.fleet)
    counted = np.stack([demand_counts(fleet, s // SECONDS_PER_HOUR) for s in begins_s]) > 0.0
    sites, rates, owed, counts = [], [], [], []
    for d, charge in enumerate(terms.demand):
        s = charge.site
        months = np.array([12 * at[s].year + at[s].month for at in local])
        so_far_mw, earlier_mw, first = float(state.peak_mw[d]), state.earlier_peaks_mw[d], problem.tick
        if 12 * local[0][s].year + local[0][s].month - 1 != state.month_number[s] >= 0:
            # The last tick was the month's last: what it remembers is turned over when the next is settled.
            so_far_mw, earlier_mw = 0.0, np.append(so_far_mw, earlier_mw[:-1])
        for month in range(months[0], months[-1] + 1):
            inside = months == month
            end = config.grid.next_month_tick(first, fleet.sites[s].timezone)
            left_h = (end - first) * config.grid.dt_h
            ratchet_mw = charge.ratchet_share * float(earlier_mw.max())
            sites.append(s)
            rates.append(charge.usd_per_mw_month / max(left_h / float(hours[inside].sum()), 1.0))
            owed.append(max(so_far_mw, ratchet_mw))
            counts.append(counted[:, d] & inside)
            so_far_mw, earlier_mw, first = 0.0, np.append(so_far_mw, earlier_mw[:-1]), end
    if not sites:
        return no_charges(len(hours))
    return DemandCharges(
        site=np.array(sites), usd_per_mw=np.array(rates), peak_so_far_mw=np.array(owed), counts=np.stack(counts, axis=1)
    )
