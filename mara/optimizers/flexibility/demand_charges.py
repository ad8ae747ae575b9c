"""Demand charges over the steps of a plan, month by month.

Model: docs/model.md#power-terms-in-a-run
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.core.plan import Problem
from mara.core.power_calendar import demand_counts, power_of
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_HOUR
from mara.optimizers.flexibility.month_program import PeakWorth, peak_worth

LEAST_RISE_SHARE: Final = 0.02
"""Part of a charge by which its price must rise to be a step of its own.

Chosen: each step costs rows.
"""


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

    A month whose hours are all like those of the horizon has one peak for all of them: each pays its part. Where days
    are remembered, those to come are like the mean of them and the horizon, and what a higher peak is worth there is
    taken off its price: where nothing is left of that, the peak is a target that may be drawn without paying.

    Args:
        begins_s: begin of each step [s since 1970]. local: local times of the sites then. hours: its length (H,).
    """
    config, state = problem.config, problem.world.power
    assert state is not None
    fleet, terms = config.fleet, power_of(config.fleet)
    counted = np.stack([demand_counts(fleet, s // SECONDS_PER_HOUR) for s in begins_s]) > 0.0
    sites, rates, owed, counts = [], [], [], []
    for d, charge in enumerate(terms.demand):
        s, worth = charge.site, peak_worth(problem, d)
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
            ahead = _Ahead(
                usd_per_mw_month=charge.usd_per_mw_month,
                left_days=left_h / HOURS_PER_DAY,
                own_days=float(hours[inside].sum()) / HOURS_PER_DAY,
            )
            for from_mw, usd_per_mw in _steps(ahead, max(so_far_mw, ratchet_mw), worth):
                sites.append(s)
                rates.append(usd_per_mw)
                owed.append(from_mw)
                counts.append(counted[:, d] & inside)
            so_far_mw, earlier_mw, first = 0.0, np.append(so_far_mw, earlier_mw[:-1]), end
    if not sites:
        return no_charges(len(hours))
    return DemandCharges(
        site=np.array(sites), usd_per_mw=np.array(rates), peak_so_far_mw=np.array(owed), counts=np.stack(counts, axis=1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ahead:
    """A charge in a month that a horizon reaches into.

    Days that are left, and those of them in the horizon.
    """

    usd_per_mw_month: float
    left_days: float
    own_days: float

    def alike_usd_per_mw(self) -> float:
        """Price of a peak where all days left are like those of the horizon."""
        return self.usd_per_mw_month / max(self.left_days / self.own_days, 1.0)

    def usd_per_mw(self, usd_per_mw_day: float, own_share: float) -> float:
        """Price of a peak beside what it is worth on a remembered day.

        Below zero it pays for itself. Days to come are like the horizon by `own_share`, which counts them with its own:
        the price is divided by them.
        """
        after_days = max(self.left_days - self.own_days, 0.0)
        elsewhere = (1.0 - own_share) * after_days * usd_per_mw_day
        return (self.usd_per_mw_month - elsewhere) / (1.0 + own_share * after_days / self.own_days)


def _steps(ahead: _Ahead, owed_mw: float, worth: PeakWorth | None) -> list[tuple[float, float]]:
    """List where the price of a peak rises, and by how much.

    The first is the peak so far, or the target.
    """
    if worth is None:
        return [(owed_mw, ahead.alike_usd_per_mw())]
    prices = [ahead.usd_per_mw(usd, worth.today_share) for usd in (*worth.usd_per_mw_day.tolist(), 0.0)]
    # Firm load has no worth of its own here; it is priced as where nothing is known, and no dearer than other load.
    table = [
        (0.0, min(ahead.alike_usd_per_mw(), prices[0])),
        *zip((*worth.from_mw, worth.most_mw), prices, strict=True),
    ]
    steps: list[tuple[float, float]] = []
    paid_usd = 0.0
    for n, (from_mw, usd_per_mw) in enumerate(table):
        is_passed = n + 1 < len(table) and table[n + 1][0] <= owed_mw
        if not is_passed and usd_per_mw - paid_usd > LEAST_RISE_SHARE * ahead.alike_usd_per_mw():
            steps.append((max(from_mw, owed_mw), usd_per_mw - paid_usd))
            paid_usd = usd_per_mw
    return steps
