"""Power bill of the month so far by part, and its forecast to the month's end.

Parts that grow with the hours go on as in the month so far; charges on peaks stand, unless the plan pays for a higher
one. Model: docs/model.md#power-terms-in-a-run
"""

from dataclasses import dataclass
from typing import Final

from mara.core.power_settlement import PowerLine
from mara.core.power_state import PowerState
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, MICRO_USD_PER_USD

PARTS: Final = ("energy", *(line.name.lower() for line in PowerLine))
"""Parts of a bill, in the order of `PowerState.bill_micro_usd`."""
STANDING_PARTS: Final = frozenset({"demand_charge", "coincident_peak", "take_or_pay"})
"""Parts that do not grow with the hours."""
LEAST_BILLED_H: Final = float(HOURS_PER_DAY)
"""Hours of a bill before which nothing is forecast.

A part of a day is unlike a day.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPart:
    """A part of a site's power bill in the month so far; a cost is negative."""

    kind: str
    """Part: energy, or a line of the power terms as the ledger's export has it."""
    amount_usd: float
    month_end_usd: float | None = None
    """Amount expected at the month's end; None in the first day of a bill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillHours:
    """Hours of a site's calendar month that are billed, and those that are left."""

    billed_h: float
    left_h: float

    @property
    def growth(self) -> float | None:
        """Month's hours over those billed, a multiple; None in the first day."""
        return 1.0 + self.left_h / self.billed_h if self.billed_h >= LEAST_BILLED_H else None


def bill_hours(tick: int, timezone: str, grid: TimeGrid) -> BillHours:
    """Count the hours of the month that are billed after a tick, and those left.

    A bill begins with the run at the earliest.
    """
    first, end = grid.first_tick_of_month(tick, timezone), grid.next_month_tick(tick, timezone)
    return BillHours(billed_h=(tick + 1 - first) * grid.dt_h, left_h=(end - tick - 1) * grid.dt_h)


def bill_of(state: PowerState, site: int, hours: BillHours, peak_cost_usd: float) -> tuple[BillPart, ...]:
    """List the parts of a site's bill that are not zero.

    Args:
        peak_cost_usd: demand charge of the peak that the plan pays for.
    """
    parts = []
    for kind, micro_usd in zip(PARTS, state.bill_micro_usd[site].tolist(), strict=True):
        amount, growth = micro_usd / MICRO_USD_PER_USD, hours.growth
        end: float | None = None
        if growth is not None:
            end = amount if kind in STANDING_PARTS else amount * growth
            end = min(end, -peak_cost_usd) if kind == "demand_charge" else end
        if micro_usd or end:
            parts.append(BillPart(kind=kind, amount_usd=amount, month_end_usd=end))
    return tuple(parts)
