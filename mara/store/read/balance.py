"""Sum the ledger over a range of ticks, in exact integers."""

from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from mara.core.contract import TIER_KEYS
from mara.core.history import EnergyFlow, Ledger, LedgerSum, MoneyLine
from mara.core.units import MICRO_USD_PER_USD
from mara.errors import CommandError, RangeTooLong
from mara.store.read.query_scope import first_tick_of_next_day, site_number, sites_of, tick_range_of
from mara.store.read.read_model import ReadModel
from mara.store.schema.ledger import CASH, ENERGY_LEGS, MONEY_LEGS
from mara.store.schema.signal_tables import MeterRow
from mara.store.schema.tables import NamedRow, Tick, table_of

ROWS_A_QUERY: Final = 100_000
"""Entries summed in one query, few enough not to hold back the write-ahead log."""
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
    grid = read_model.run().config.grid
    first, end = tick_range_of(read_model, grid, from_, to)
    sums = _sums(read_model, first, end, site_id)
    return Ledger(
        site_id="" if site_id is None else sites_of(read_model)[site_number(read_model, site_id)],
        starts_at=grid.at(first),
        ends_at=grid.at(end),
        ticks_count=end - first,
        money=tuple(_money_line(leg, sums[leg]) for leg in MONEY_LEGS),
        cash_micro_usd=sums[CASH],
        energy=tuple(EnergyFlow(kind=leg.removesuffix("_wh"), amount_wh=sums[leg]) for leg in ENERGY_LEGS),
        metered_ticks_count=metered_ticks(
            read_model, first, end, None if site_id is None else site_number(read_model, site_id)
        ),
    )


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
    grid = read_model.run().config.grid
    first, end = tick_range_of(read_model, grid, from_, to)
    days: list[tuple[int, int]] = []
    while first < end:
        following = min(first_tick_of_next_day(first, grid), end)
        days.append((first, following))
        first = following
        if len(days) > MOST_DAYS:
            raise RangeTooLong(
                f"a ledger by day has at most {MOST_DAYS} days: ask for a shorter time, with from and to"
            )
    return tuple(ledger(read_model, grid.at(begin), grid.at(finish), site_id) for begin, finish in days)


def site_ledger(read_model: ReadModel, site_id: str, from_tick: int, to_tick: int) -> tuple[LedgerSum, ...]:
    """Sum a site's money lines over ``[from_tick, to_tick)``, in the ledger's order.

    Raises:
        CommandError: there is no such site, or the ticks run backwards.
    """
    sums = _sums(read_model, *_checked(from_tick, to_tick), site_id)
    return tuple(LedgerSum(kind=leg.removesuffix("_micro_usd"), amount_micro_usd=sums[leg]) for leg in MONEY_LEGS)


def profit_between(read_model: ReadModel, from_tick: int, to_tick: int) -> float:
    """The fleet's profit over ``[from_tick, to_tick)`` [USD]."""
    return earned_micro_usd(read_model, from_tick, to_tick) / MICRO_USD_PER_USD


def earned_micro_usd(read_model: ReadModel, from_tick: int, to_tick: int) -> int:
    """The fleet's profit over ``[from_tick, to_tick)`` in whole micro-USD."""
    first, end = _checked(from_tick, to_tick)
    profit = func.coalesce(func.sum(_TICK.revenue_micro_usd - _TICK.cost_micro_usd), 0)
    (total,) = read_model.ask(select(profit.label("profit")).where(_TICK.tick >= first, _TICK.tick < end))
    return int(total.profit)


def _checked(from_tick: int, to_tick: int) -> tuple[int, int]:
    if to_tick < from_tick:
        raise CommandError(f"ticks must not run backwards, {from_tick} to {to_tick} came")
    return from_tick, to_tick


def _sums(read_model: ReadModel, first: int, end: int, site_id: str | None) -> dict[str, int]:
    """The sum of each leg, by its column; the ledger is read a piece at a time."""
    site = None if site_id is None else site_number(read_model, site_id)
    rows_a_tick = 1 if site is not None else len(sites_of(read_model))
    length = max(1, ROWS_A_QUERY // rows_a_tick)
    totals = dict.fromkeys(_LEGS, 0)
    for start in range(max(first, 0), min(end, read_model.next_tick()), length):
        found = _piece(read_model, start, min(start + length, end), site)
        totals = {leg: total + int(getattr(found, leg)) for leg, total in totals.items()}
    return totals


def _piece(read_model: ReadModel, first: int, end: int, site: int | None) -> NamedRow:
    if site is None:
        return read_model.ask(_FLEET, first, end)[0]
    return read_model.ask(_SITE, first, end, site)[0]


_TICK: Final = table_of(Tick).c
_METER: Final = table_of(MeterRow).c
_SUMS: Final = ", ".join(f"coalesce(sum({leg}), 0) AS {leg}" for leg in _LEGS)
_FLEET: Final = f"SELECT {_SUMS} FROM ledger WHERE tick >= ? AND tick < ?"  # noqa: S608  # names of ours
# SQL text, because SQLite keeps the order of a CROSS JOIN: with the ticks first, each entry of a site is looked up by
# its key and those of other sites are not read.
_SITE: Final = (
    f"SELECT {_SUMS} FROM ticks t CROSS JOIN ledger l"  # noqa: S608  # names of ours
    " WHERE t.tick >= ? AND t.tick < ? AND l.site = ? AND l.tick = t.tick"
)


def _money_line(leg: str, amount_micro_usd: int) -> MoneyLine:
    name = leg.removesuffix("_micro_usd")
    kind, _, tier = name.rpartition("_")
    if tier in TIER_KEYS:
        return MoneyLine(kind=kind, tier=tier, amount_micro_usd=amount_micro_usd)
    return MoneyLine(kind=name, tier="", amount_micro_usd=amount_micro_usd)
