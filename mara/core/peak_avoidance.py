"""Avoidance of coincident peaks: which of a month's peaks a site met nearly off.

And the load that was worth running but for the peak that was expected. Model: docs/model.md#power-terms-in-a-run
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.dispatch import Allocation
from mara.core.economics import off_for_peak_mw
from mara.core.fleet import Fleet
from mara.core.power_calendar import power_of
from mara.core.power_state import PowerState
from mara.core.units import MONTHS_PER_YEAR
from mara.core.world import Conditions

NEARLY_OFF_SHARE: Final = 0.1
"""Part of its most power below which a site counts as nearly off. Chosen."""
MOST_OFF_H: Final = 60.0
"""Most hours of a season that miners should stay off for its peaks. Chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeaksMet:
    """Highest intervals of a power system in a month, and what a site drew in them."""

    peaks_count: int
    """Peaks that came so far; at most those that the charge bills."""
    off_count: int
    """Peaks in which the site drew at most a tenth of its most power."""
    load_mw: float
    """Mean of what it drew in them; 0 without a peak."""


def peaks_met(state: PowerState, charge: int, fleet: Fleet) -> PeaksMet | None:
    """Count the peaks of a charge's month so far, and those met nearly off.

    None in a month that the charge does not bill.

    Args:
        charge: place of the charge among the fleet's coincident peak charges.
    """
    terms = power_of(fleet).peaks[charge]
    month = int(state.month_number[terms.site])
    if month < 0 or month % MONTHS_PER_YEAR + 1 not in terms.month_numbers:
        return None
    came = state.system_peak_mw[charge, : terms.peaks_count] >= 0.0
    load_mw = state.load_at_peak_mw[charge, : terms.peaks_count][came]
    most_mw = min(float(fleet.grid_limit_mw[terms.site]), float(fleet.nameplate_mw[terms.site].sum()))
    return PeaksMet(
        peaks_count=len(load_mw),
        off_count=int((load_mw <= NEARLY_OFF_SHARE * most_mw).sum()),
        load_mw=float(load_mw.mean()) if len(load_mw) else 0.0,
    )


def priced_out_mw(done: Allocation, conditions: Conditions, peak_usd_per_mwh: Floats) -> Floats:
    """Sum the idle miners that would pay but for the peak expected (S,), at the meter.

    Args:
        conditions: those by which the tick was planned.
        peak_usd_per_mwh: expected cost of the peak of a megawatt-hour drawn (S,).
    """
    return np.asarray(off_for_peak_mw(done.miners_mw, conditions, peak_usd_per_mwh).sum(axis=1))
