"""Risk that a power system has one of the month's highest intervals, step by step.

The chance of a day is that its expected demand exceeds the month's peaks so far, times the chance that too few of the
days left of the month rise higher. Those are taken to be like the last thirty days. A day's chance is spread over its
steps by expected demand.

Model: docs/model.md#power-terms-in-a-run
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from math import comb, erf, exp, lgamma, sqrt
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.power_terms import CoincidentPeakCharge

DEMAND_SD_SHARE: Final = 0.02
"""Error of an expected day's peak, as a share of it.

Chosen: that of a day-ahead forecast.
"""
WITHIN_DAY_SHARE: Final = 0.01
"""Shortfall below the day's peak at which a step's weight falls to 1/e. Chosen."""


def peak_risk_share(
    demand_mw: Floats,
    local: Sequence[datetime],
    hours: Floats,
    *,
    charge: CoincidentPeakCharge,
    month_peaks_mw: Floats,
    daily_peaks_mw: Floats,
) -> Floats:
    """Estimate how many of the month's peaks each step is expected to have (H,).

    Args:
        demand_mw: expected demand of the system in each step, NaN where unknown (H,).
        local: local time at the begin of each step (H,).
        hours: length of each step (H,).
        month_peaks_mw: the present month's highest intervals, highest first; -1 for none yet.
        daily_peaks_mw: each day's peak, today's first; -1 where unknown.
    """
    risk = np.zeros(len(local))
    before = daily_peaks_mw[1:][daily_peaks_mw[1:] >= 0.0]
    now = local[0]
    for day in sorted({at.date() for at in local}):
        steps = [t for t, at in enumerate(local) if at.date() == day and np.isfinite(demand_mw[t])]
        if not steps or day.month not in charge.month_numbers:
            continue
        expected = demand_mw[steps]
        highest = float(expected.max())
        to_beat = float(month_peaks_mw[charge.peaks_count - 1]) if day.month == now.month else -1.0
        if day == now.date():
            to_beat = max(to_beat, float(daily_peaks_mw[0]))
        exceeds = 1.0 if to_beat < 0.0 else _normal((highest - to_beat) / (DEMAND_SD_SHARE * highest))
        above = int((before > highest).sum())
        chance = exceeds * _at_most(charge.peaks_count - 1, _days_left(day), above=above, seen=len(before))
        weight = np.exp((expected - highest) / (WITHIN_DAY_SHARE * highest)) * hours[steps]
        risk[steps] = chance * weight / weight.sum()
    return risk


def _days_left(day: date) -> int:
    """Count the days of the month after a day."""
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return int((following - day).days) - 1


def _at_most(count: int, days: int, *, above: int, seen: int) -> float:
    """Chance that at most so many of the days to come are higher.

    `above` of the days `seen` were. All days are alike, so that it is the beta-binomial distribution with a uniform
    prior: of a day unlike any other, one in all days of the month.
    """
    a, b = above + 1.0, seen - above + 1.0
    return sum(
        comb(days, k) * exp(_log_beta(a + k, b + days - k) - _log_beta(a, b)) for k in range(min(count, days) + 1)
    )


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _normal(z: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * (1.0 + erf(z / sqrt(2.0)))
