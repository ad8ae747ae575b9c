"""Counts of coincident peaks over a run: met nearly off, and hours stayed off for."""

from dataclasses import dataclass, field
from typing import TypedDict

from mara.core.arrays import Floats
from mara.core.fleet import Fleet
from mara.core.peak_avoidance import PeaksMet, peaks_met, priced_out_mw
from mara.core.power_calendar import power_of
from mara.core.power_state import PowerState
from mara.core.step import Step
from mara.core.units import MONTHS_PER_YEAR, TOLERANCE_MW
from mara.core.world import Conditions


class MonthPeakFigures(TypedDict):
    """Peaks of one site in a month that is billed, and what it did about them.

    Hours are those in which miners stayed off that would have paid but for the peak expected.
    """

    peaks_count: int
    off_count: int
    load_at_peaks_mw: float
    curtailed_h: float
    curtailed_mwh: float


class PeakFigures(TypedDict):
    """Peaks of one site over a run, and by month, such as 2025-07."""

    peaks_count: int
    off_count: int
    curtailed_h: float
    curtailed_mwh: float
    months: dict[str, MonthPeakFigures]


@dataclass(slots=True)
class PeakCounts:
    """Peaks by charge and month, and ticks and power that were curtailed for them."""

    dt_h: float
    met: dict[tuple[int, int], PeaksMet] = field(default_factory=dict)
    ticks: dict[tuple[int, int], int] = field(default_factory=dict)
    mw_ticks: dict[tuple[int, int], float] = field(default_factory=dict)

    def add(self, step: Step, conditions: Conditions, peak_usd_per_mwh: Floats, fleet: Fleet) -> None:
        """Add a tick with the conditions and expected peaks by which it was planned.

        Args:
            peak_usd_per_mwh: expected cost of a coincident peak of a megawatt-hour drawn (S,).
        """
        before, after = step.before.power, step.world.power
        assert before is not None
        assert after is not None
        if (before.month_number != after.month_number).any():
            self.note(before, fleet)
        out_mw = priced_out_mw(step.allocation, conditions, peak_usd_per_mwh)
        for q, charge in enumerate(power_of(fleet).peaks):
            key, mw = (q, int(after.month_number[charge.site])), float(out_mw[charge.site])
            if mw > TOLERANCE_MW:
                self.ticks[key] = self.ticks.get(key, 0) + 1
                self.mw_ticks[key] = self.mw_ticks.get(key, 0.0) + mw

    def note(self, state: PowerState, fleet: Fleet) -> None:
        """Note the peaks of the month under way: before it turns, and at the run's end."""
        for q, charge in enumerate(power_of(fleet).peaks):
            met = peaks_met(state, q, fleet)
            if met is not None:
                self.met[q, int(state.month_number[charge.site])] = met

    def report(self, fleet: Fleet) -> dict[str, PeakFigures]:
        """Tell the peaks by site, and each site's by month."""
        found: dict[str, PeakFigures] = {}
        for q, charge in enumerate(power_of(fleet).peaks):
            months = {
                f"{month // MONTHS_PER_YEAR:04d}-{month % MONTHS_PER_YEAR + 1:02d}": self._month((of, month), met)
                for (of, month), met in self.met.items()
                if of == q
            }
            found[fleet.sites[charge.site].id] = {
                "peaks_count": sum(month["peaks_count"] for month in months.values()),
                "off_count": sum(month["off_count"] for month in months.values()),
                "curtailed_h": sum(month["curtailed_h"] for month in months.values()),
                "curtailed_mwh": sum(month["curtailed_mwh"] for month in months.values()),
                "months": months,
            }
        return found

    def _month(self, key: tuple[int, int], met: PeaksMet) -> MonthPeakFigures:
        return {
            "peaks_count": met.peaks_count,
            "off_count": met.off_count,
            "load_at_peaks_mw": met.load_mw,
            "curtailed_h": self.ticks.get(key, 0) * self.dt_h,
            "curtailed_mwh": self.mw_ticks.get(key, 0.0) * self.dt_h,
        }
