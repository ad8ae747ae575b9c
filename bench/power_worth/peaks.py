"""How many of ERCOT's four summer peaks a warning on the day's morning catches, by the hours that are curtailed for it.

Each day at midnight the hours of the day get the risk that runs use (`mara.optimizers.flexibility.peak_risk`), from the
demand forecast of the day and the demand of the days before; an hour whose risk reaches a threshold is curtailed. The
files have no measured demand: it is the forecast itself, or drawn around it with an error of 2 % by day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.power_state import DAYS_KEPT
from mara.core.power_terms import CoincidentPeakCharge
from mara.optimizers.flexibility.peak_risk import peak_risk_share

CHARGE: Final = CoincidentPeakCharge(
    site=0, usd_per_mw_year=60_000.0, month_numbers=(6, 7, 8, 9), peaks_count=1, interval_minutes=60
)
THRESHOLDS: Final = (0.01, 0.02, 0.05, 0.10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Peaks caught, and hours curtailed, in a summer."""

    threshold_share: float
    caught_count: int
    curtailed_hours: int


def risks(
    days: Sequence[Sequence[datetime]], forecast_mw: Sequence[Floats], demand_mw: Sequence[Floats]
) -> list[Floats]:
    """Risk of each hour of each day, as it is known when the day begins.

    Args:
        days: local time of each hour of each day.
    """
    found: list[Floats] = []
    month_peak_mw, daily_mw = -1.0, [-1.0] * DAYS_KEPT
    for number, local in enumerate(days):
        if number and local[0].month != days[number - 1][0].month:
            month_peak_mw = -1.0
        daily_mw = [-1.0, *daily_mw[:-1]]
        found.append(
            peak_risk_share(
                forecast_mw[number],
                local,
                np.ones(len(local)),
                charge=CHARGE,
                month_peaks_mw=np.array([month_peak_mw]),
                daily_peaks_mw=np.array(daily_mw),
            )
        )
        daily_mw[0] = float(demand_mw[number].max())
        month_peak_mw = max(month_peak_mw, daily_mw[0])
    return found


def recalls(
    days: Sequence[Sequence[datetime]], risk_share: Sequence[Floats], demand_mw: Sequence[Floats]
) -> tuple[Recall, ...]:
    """Count for each threshold the months whose highest hour was curtailed, and the hours of all of them."""
    months = np.array([at.month for day in days for at in day])
    risk, demand = np.concatenate(risk_share), np.concatenate(demand_mw)
    peaks = peak_hours(months, demand)
    counted = np.isin(months, CHARGE.month_numbers)
    return tuple(
        Recall(
            threshold_share=threshold,
            caught_count=int((risk[peaks] >= threshold).sum()),
            curtailed_hours=int((risk[counted] >= threshold).sum()),
        )
        for threshold in THRESHOLDS
    )


def peak_hours(months: Ints, demand_mw: Floats) -> Ints:
    """Find the highest hour of each month that counts."""
    return np.array(
        [
            int(np.where(months == month, demand_mw, -np.inf).argmax())
            for month in CHARGE.month_numbers
            if (months == month).any()
        ]
    )


def accrued_usd(load_mw: Floats, peaks: Ints) -> float:
    """Price the load at a summer's peaks, due in the next year [USD]."""
    return float(load_mw[peaks].sum()) * CHARGE.usd_per_mw
