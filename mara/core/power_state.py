"""State of a fleet's power terms: a tick's batteries and awards, and the memory."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mara.core.arrays import LATER, Floats, Ints, sealed
from mara.core.power_terms import TAKE_OR_PAY, PowerTerms
from mara.core.units import HOURS_PER_DAY

RATCHET_MONTHS: Final = 11
"""Months before the present one whose peaks a ratchet looks at."""
DAYS_KEPT: Final = 31
"""Days whose highest system demand is remembered, today among them."""
DAYS_SEEN: Final = 14
"""Whole days whose prices a demand charge remembers: each weekday twice."""
SEEN_BLOCK_H: Final = 4
"""Hours of a block, whose prices are remembered as their mean."""
BILL_COUNT: Final = 12
"""Parts of a bill: energy and the eleven lines of the power terms."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenPrices:
    """Prices of the last days at the sites of D demand charges, by block of hours.

    Attributes:
        usd_per_mwh: mean of each block of each local day, newest first, today's the first; NaN unknown (D, 15, 6).
    """

    usd_per_mwh: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CallSoFar:
    """Energy of the calls under way, over P products and S sites.

    Attributes:
        called_mwh, short_mwh: that had to stay away so far, and what of it did not (P, S).
    """

    called_mwh: Floats
    short_mwh: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerState:
    """All that the power terms remember, over S sites and P products.

    Months are calendar months of each site. D are demand charges, Q coincident peak charges, T take-or-pay contracts.

    Attributes:
        month_number: month of the last tick, counted from year 0 (S,); -1 before the first.
        stored_mwh: energy in batteries (S,). delivered_mwh: what they delivered in the UTC day so far (S,).
        interval_mwh, interval_ticks: drawn in the unfinished interval, and its ticks so far (D,).
        peak_mw: highest counted mean of the month (D,).
        earlier_peaks_mw: those of the months before, newest first (D, 11).
        charged_micro_usd: posted for the month so far (D,).
        system_interval_mwh, load_interval_mwh, system_interval_ticks: the unfinished interval (Q,).
        system_peak_mw: highest system demands of the month, highest first; -1 for none yet (Q, N).
        load_at_peak_mw: what the site drew then (Q, N).
        daily_peak_mw: highest system demand of each day, newest first, today's the first; -1 unknown (Q, 31).
        award_mw: sold in the last tick (P, S).
        call_ends_tick: end of each product's call in the last tick, 0 without one (P,).
        called_base_mw: flexible power before the calls under way, else of the last tick (S,).
        reserve_micro_usd: earned by products in the month so far, less what was clawed back (P, S).
        taken_mwh: taken under take-or-pay contracts in the calendar year so far (T,).
        bill_micro_usd: the month's bill by part, a cost negative (S, 12): energy, then the lines of the power terms.
        accrued_micro_usd: coincident peaks accrued since the run began, due in the year after each.
        seen: prices that plans under demand charges remember; None without such a charge, and in runs that began
            before there was such a memory.
        calls: what calls under way asked for; None without products, and in runs that began before there was such a
            memory, whose calls claw back in each tick.
    """

    month_number: Ints
    stored_mwh: Floats
    delivered_mwh: Floats
    interval_mwh: Floats
    interval_ticks: Ints
    peak_mw: Floats
    earlier_peaks_mw: Floats
    charged_micro_usd: Ints
    system_interval_mwh: Floats
    load_interval_mwh: Floats
    system_interval_ticks: Ints
    system_peak_mw: Floats
    load_at_peak_mw: Floats
    daily_peak_mw: Floats
    award_mw: Floats
    call_ends_tick: Ints
    called_base_mw: Floats
    reserve_micro_usd: Ints
    taken_mwh: Floats
    bill_micro_usd: Ints
    accrued_micro_usd: int = 0
    seen: SeenPrices | None = field(default=None, metadata=LATER)
    calls: CallSoFar | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerAllocation:
    """Batteries, awards and calls of a tick [MW], at the meter.

    Attributes:
        charge_mw, discharge_mw: of the batteries; never both at a site (S,).
        drawn_mw, exported_mw: taken from the grid connection and fed into it; never both (S,).
        award_mw: sold to each product (P, S).
        called_mw, delivered_mw: part of earlier awards that must stay away, and what of it does (P, S).
        flexible_mw: what runs and may stop, batteries' charging less their discharging included (S,).
        headroom_mw: what could be sold beyond the awards (S,).
    """

    charge_mw: Floats
    discharge_mw: Floats
    drawn_mw: Floats
    exported_mw: Floats
    award_mw: Floats
    called_mw: Floats
    delivered_mw: Floats
    flexible_mw: Floats
    headroom_mw: Floats


def first_power_state(terms: PowerTerms) -> PowerState:
    """State before tick 0: batteries as they begin, nothing billed, nothing sold."""
    s, d, q, p = terms.site_count, len(terms.demand), len(terms.peaks), len(terms.products)
    most = max((charge.peaks_count for charge in terms.peaks), default=0)
    annual = sum(contract.kind == TAKE_OR_PAY for contract in terms.supplies)
    return PowerState(
        month_number=_whole(s, fill=-1),
        stored_mwh=terms.start_mwh,
        delivered_mwh=_none(s),
        interval_mwh=_none(d),
        interval_ticks=_whole(d),
        peak_mw=_none(d),
        earlier_peaks_mw=_none(d, RATCHET_MONTHS),
        charged_micro_usd=_whole(d),
        system_interval_mwh=_none(q),
        load_interval_mwh=_none(q),
        system_interval_ticks=_whole(q),
        system_peak_mw=_none(q, most, fill=-1.0),
        load_at_peak_mw=_none(q, most),
        daily_peak_mw=_none(q, DAYS_KEPT, fill=-1.0),
        award_mw=_none(p, s),
        call_ends_tick=_whole(p),
        called_base_mw=_none(s),
        reserve_micro_usd=_whole(p, s),
        taken_mwh=_none(annual),
        bill_micro_usd=_whole(s, BILL_COUNT),
        seen=SeenPrices(usd_per_mwh=_none(d, DAYS_SEEN + 1, HOURS_PER_DAY // SEEN_BLOCK_H, fill=np.nan)) if d else None,
        calls=CallSoFar(called_mwh=_none(p, s), short_mwh=_none(p, s)) if p else None,
    )


def _none(*shape: int, fill: float = 0.0) -> Floats:
    return sealed(np.full(shape, fill))


def _whole(*shape: int, fill: int = 0) -> Ints:
    return sealed(np.full(shape, fill, dtype=np.int64))
