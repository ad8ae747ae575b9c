"""The table of gains by day: a row for each UTC day whose comparison is over."""

from datetime import UTC, datetime
from typing import Any

from mara.core.day_gains import DayGains
from mara.core.units import SECONDS_PER_DAY
from mara.store.schema.tables import BY_ROWID, NamedRow, Row, key, whole


class DayGainsRow(Row, table=True):
    """Gains of the live run over other policies in a UTC day.

    `day` counts days since 1970; the row is written by the first tick of the next day, `closed_tick`.
    """

    __tablename__ = "daily_gains"
    __table_args__ = BY_ROWID
    day: int = key()
    closed_tick: int = whole()
    from_tick: int = whole()
    ticks_count: int = whole()
    vs_rules_micro_usd: int = whole()
    vs_rules_same_budgets_micro_usd: int = whole()
    vs_static_breakeven_micro_usd: int = whole()
    vs_static_micro_usd: int = whole()
    sla_flexibility_micro_usd: int = whole()


def day_gains_values(gains: DayGains, closed_tick: int) -> tuple[Any, ...]:
    """Return the row of a day's gains, which the tick `closed_tick` writes."""
    return (
        int(gains.day.timestamp()) // SECONDS_PER_DAY,
        closed_tick,
        gains.from_tick,
        gains.ticks_count,
        gains.vs_rules_micro_usd,
        gains.vs_rules_same_budgets_micro_usd,
        gains.vs_static_breakeven_micro_usd,
        gains.vs_static_micro_usd,
        gains.sla_flexibility_micro_usd,
    )


def day_gains_of(row: NamedRow) -> DayGains:
    """Convert a stored row for the outside."""
    return DayGains(
        day=datetime.fromtimestamp(int(row.day) * SECONDS_PER_DAY, UTC),
        from_tick=row.from_tick,
        ticks_count=row.ticks_count,
        is_over=True,
        vs_rules_micro_usd=row.vs_rules_micro_usd,
        vs_rules_same_budgets_micro_usd=row.vs_rules_same_budgets_micro_usd,
        vs_static_breakeven_micro_usd=row.vs_static_breakeven_micro_usd,
        vs_static_micro_usd=row.vs_static_micro_usd,
        sla_flexibility_micro_usd=row.sla_flexibility_micro_usd,
    )
