"""Gains over other policies by UTC day."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mara.core.snapshot import Snapshot
from mara.core.units import MICRO_USD_PER_USD, MINUTES_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class DayGains:
    """Gains of the live run over other policies within one UTC day.

    Each is profit less the credits owed so far, of the live run less that of the other policy; see `ShadowGains`.

    Attributes:
        day: midnight at which the day begins.
        from_tick: first tick of the day in which both ran side by side.
        ticks_count: number of ticks compared so far.
        is_over: False for the day under way.
    """

    day: datetime
    from_tick: int
    ticks_count: int
    is_over: bool
    vs_rules_micro_usd: int
    vs_rules_same_budgets_micro_usd: int
    vs_static_breakeven_micro_usd: int
    vs_static_micro_usd: int
    sla_flexibility_micro_usd: int


def gains_today(snapshot: Snapshot) -> DayGains | None:
    """Return the gains of the UTC day under way; None where nothing is compared yet."""
    gains = snapshot.gains
    whole = (
        gains.optimizer_vs_rules_today_usd,
        gains.optimizer_vs_rules_same_budgets_today_usd,
        gains.optimizer_vs_static_breakeven_today_usd,
        gains.optimizer_vs_static_today_usd,
        gains.sla_flexibility_today_usd,
    )
    known = [round(gain_usd * MICRO_USD_PER_USD) for gain_usd in whole if gain_usd is not None]
    if gains.shadows_since_tick is None or gains.shadows_since_tick > snapshot.tick or len(known) < len(whole):
        return None
    minutes_today = snapshot.at.hour * MINUTES_PER_HOUR + snapshot.at.minute
    from_tick = max(gains.shadows_since_tick, snapshot.tick - minutes_today // snapshot.tick_minutes)
    return DayGains(
        day=snapshot.at.replace(hour=0, minute=0, second=0, microsecond=0),
        from_tick=from_tick,
        ticks_count=snapshot.tick + 1 - from_tick,
        is_over=False,
        vs_rules_micro_usd=known[0],
        vs_rules_same_budgets_micro_usd=known[1],
        vs_static_breakeven_micro_usd=known[2],
        vs_static_micro_usd=known[3],
        sla_flexibility_micro_usd=known[4],
    )


def gains_with_today(
    stored: tuple[DayGains, ...], snapshot: Snapshot, from_: datetime | None = None, to: datetime | None = None
) -> tuple[DayGains, ...]:
    """Add the UTC day under way to the days that are over.

    It is added where it overlaps ``[from_, to)``. A day that was stored since the snapshot is not told twice.
    """
    today = gains_today(snapshot)
    if today is None or any(one.day >= today.day for one in stored):
        return stored
    is_asked = (from_ is None or from_ < today.day + timedelta(days=1)) and (to is None or today.day < to)
    return (*stored, today) if is_asked else stored
