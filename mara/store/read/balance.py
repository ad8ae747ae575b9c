"""Sum the ledger over a range of ticks, in exact integers."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import func, select, text

from mara.core.contract import TIER_KEYS
from mara.core.history import EnergyFlow, Ledger, LedgerSum, MoneyLine
from mara.core.timegrid import TimeGrid
from mara.core.units import MICRO_USD_PER_USD, SECONDS_PER_DAY, SECONDS_PER_MINUTE
from mara.errors import CommandError, RangeTooLong
from mara.store.read.query_scope import by_days, first_tick_of_next_day, site_number, sites_of, tick_range_of
from mara.store.read.read_model import ReadModel
from mara.store.schema.ledger import CASH, ENERGY_LEGS, MONEY_LEGS
from mara.store.schema.signal_tables import MeterRow
from mara.store.schema.tables import Tick, table_of

MOST_DAYS: Final = 366
"""Most days that are summed one by one for one answer."""
_LEGS: Final = (CASH, *MONEY_LEGS, *ENERGY_LEGS)


def ledger(
    read_model: ReadModel, from_: datetime | None = None, to: datetime | None = None, site_id: str | None = None
) -> Ledger:
    """Sum all lines over ``[from_, to)``, of a site or of the fleet; None is no bound.

    Raises:
        CommandError: there is no such site, or a time has no time zone.
    """
    grid, site = read_model.run().config.grid, _site(read_model, site_id)
    first, end = tick_range_of(read_model, grid, from_, to)
    sums = _sums(read_model, first, end, site)
    return _ledger_of(read_model, site, first, end, sums, metered_ticks(read_model, first, end, site))


def metered_ticks(read_model: ReadModel, first: int, end: int, site: int | None = None) -> int:
    """Count the ticks in ``[first, end)`` that followed a site's meter; None: of all."""
    asked = select(func.count().label("ticks")).where(_METER.is_metered == 1, _METER.tick >= first, _METER.tick < end)
    (found,) = read_model.ask(asked if site is None else asked.where(_METER.site == site))
    return int(found.ticks)


def daily_ledgers(
    read_model: ReadModel, from_: datetime | None = None, to: datetime | None = None, site_id: str | None = None
) -> tuple[Ledger, ...]:
    """Sum all lines of each UTC day in ``[from_, to)``, oldest first; None: no bound.

    Raises:
        CommandError: there is no such site, or a time has no time zone.
        RangeTooLong: the range has more than `MOST_DAYS` days.
    """
    grid, site = read_model.run().config.grid, _site(read_model, site_id)
    first, end = tick_range_of(read_model, grid, from_, to)
    days: dict[int, tuple[int, int]] = {}
    start = first
    while start < end:
        following = min(first_tick_of_next_day(start, grid), end)
        days[_day_of(start, grid)] = start, following
        start = following
        if len(days) > MOST_DAYS:
            raise RangeTooLong(
                f"a ledger by day has at most {MOST_DAYS} days: ask for a shorter time, with from and to"
            )
    sums, metered = _sums_by_day(read_model, first, end, site), _metered_by_day(read_model, first, end, site)
    return tuple(
        _ledger_of(read_model, site, begin, finish, sums.get(day, _NOTHING), metered.get(day, 0))
        for day, (begin, finish) in days.items()
    )


def _ledger_of(
    read_model: ReadModel, site: int | None, first: int, end: int, sums: Mapping[str, int], metered: int
) -> Ledger:
    grid = read_model.run().config.grid
    return Ledger(
        site_id="" if site is None else sites_of(read_model)[site],
        starts_at=grid.at(first),
        ends_at=grid.at(end),
        ticks_count=end - first,
        money=tuple(_money_line(leg, sums[leg]) for leg in MONEY_LEGS),
        cash_micro_usd=sums[CASH],
        energy=tuple(EnergyFlow(kind=leg.removesuffix("_wh"), amount_wh=sums[leg]) for leg in ENERGY_LEGS),
        metered_ticks_count=metered,
    )


def _metered_by_day(read_model: ReadModel, first: int, end: int, site: int | None) -> dict[int, int]:
    """Count the ticks that followed a site's meter, by UTC day since 1970."""
    grid = read_model.run().config.grid
    day = (grid.start_epoch_s + _METER.tick * (grid.tick_minutes * SECONDS_PER_MINUTE)) // SECONDS_PER_DAY
    asked = select(day.label("day"), func.count().label("ticks")).where(_METER.is_metered == 1)
    asked = asked.where(_METER.tick >= first, _METER.tick < end).group_by(text("1"))
    found = read_model.ask(asked if site is None else asked.where(_METER.site == site))
    return {int(row.day): int(row.ticks) for row in found}


def site_ledger(read_model: ReadModel, site_id: str, from_tick: int, to_tick: int) -> tuple[LedgerSum, ...]:
    """Sum a site's money lines over ``[from_tick, to_tick)``, in the ledger's order.

    Raises:
        CommandError: there is no such site, or the ticks run backwards.
    """
    sums = _sums(read_model, *_checked(from_tick, to_tick), site_number(read_model, site_id))
    return tuple(LedgerSum(kind=leg.removesuffix("_micro_usd"), amount_micro_usd=sums[leg]) for leg in MONEY_LEGS)


def profit_between(read_model: ReadModel, from_tick: int, to_tick: int) -> float:
    """The fleet's profit over ``[from_tick, to_tick)`` [USD].

    Raises:
        CommandError: the ticks run backwards.
    """
    return earned_micro_usd(read_model, from_tick, to_tick) / MICRO_USD_PER_USD


def earned_micro_usd(read_model: ReadModel, from_tick: int, to_tick: int) -> int:
    """The fleet's profit over ``[from_tick, to_tick)`` in whole micro-USD.

    Raises:
        CommandError: the ticks run backwards.
    """
    first, end = _checked(from_tick, to_tick)
    profit = func.coalesce(func.sum(_TICK.revenue_micro_usd - _TICK.cost_micro_usd), 0)
    (total,) = read_model.ask(select(profit.label("profit")).where(_TICK.tick >= first, _TICK.tick < end))
    return int(total.profit)


def _checked(from_tick: int, to_tick: int) -> tuple[int, int]:
    if to_tick < from_tick:
        raise CommandError(f"ticks must not run backwards, {from_tick} to {to_tick} came")
    return from_tick, to_tick


def _sums(read_model: ReadModel, first: int, end: int, site: int | None) -> dict[str, int]:
    """The sum of each leg over ``[first, end)``, by its column."""
    days = _sums_by_day(read_model, first, end, site).values()
    return {leg: sum(day[leg] for day in days) for leg in _LEGS}


def _sums_by_day(read_model: ReadModel, first: int, end: int, site: int | None) -> dict[int, dict[str, int]]:
    """The sum of each leg in each UTC day of ``[first, end)``, by days since 1970.

    Whole days that are over are read as they are stored, the ends of the range as entries.
    """
    grid = read_model.run().config.grid
    rows_a_tick = 1 if site is not None else len(sites_of(read_model))
    asked, values = (_FLEET, ()) if site is None else (_SITE, (site,))
    sums: dict[int, dict[str, int]] = {}
    for piece in by_days(max(first, 0), min(end, read_model.next_tick()), grid, rows_a_tick):
        for row in read_model.ask(asked[piece.table], piece.first, piece.end, *values):
            if row.first_tick is not None:
                of_day = sums.setdefault(_day_of(row.first_tick, grid), dict(_NOTHING))
                for leg in _LEGS:
                    of_day[leg] += int(getattr(row, leg))
    return sums


def _day_of(tick: int, grid: TimeGrid) -> int:
    """Days since 1970 at the start of a tick."""
    return grid.epoch_s(tick) // SECONDS_PER_DAY


def _site(read_model: ReadModel, site_id: str | None) -> int | None:
    return None if site_id is None else site_number(read_model, site_id)


_TICK: Final = table_of(Tick).c
_METER: Final = table_of(MeterRow).c
_NOTHING: Final = MappingProxyType(dict.fromkeys(_LEGS, 0))
_SUMS: Final = ", ".join(f"sum({leg}) AS {leg}" for leg in _LEGS)
_FLEET: Final = {
    "ledger": f"SELECT min(tick) AS first_tick, {_SUMS} FROM ledger WHERE tick >= ? AND tick < ?",  # noqa: S608  # names of ours
    "ledger_days": f"SELECT tick AS first_tick, {_SUMS} FROM ledger_days"  # noqa: S608
    " WHERE tick >= ? AND tick < ? GROUP BY tick",
}
# SQL text, because SQLite keeps the order of a CROSS JOIN: with the ticks first, each entry of a site is looked up by
# its key and those of other sites are not read.
_SITE: Final = {
    "ledger": f"SELECT min(l.tick) AS first_tick, {_SUMS} FROM ticks t CROSS JOIN ledger l"  # noqa: S608
    " WHERE t.tick >= ? AND t.tick < ? AND l.site = ? AND l.tick = t.tick",
    "ledger_days": f"SELECT tick AS first_tick, {', '.join(_LEGS)} FROM ledger_days"  # noqa: S608
    " WHERE tick >= ? AND tick < ? AND site = ?",
}


def _money_line(leg: str, amount_micro_usd: int) -> MoneyLine:
    name = leg.removesuffix("_micro_usd")
    kind, _, tier = name.rpartition("_")
    if tier in TIER_KEYS:
        return MoneyLine(kind=kind, tier=tier, amount_micro_usd=amount_micro_usd)
    return MoneyLine(kind=name, tier="", amount_micro_usd=amount_micro_usd)
