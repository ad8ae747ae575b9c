"""The ledger added up over a span, exactly: integers, line by line, with the trial balance of what was added."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from mara.core.contract import TIER_KEYS
from mara.core.history import EnergyFlow, Ledger, MoneyLine
from mara.core.snapshot import LedgerSum
from mara.core.units import MICRO_USD_PER_USD
from mara.errors import CommandError
from mara.store.read.query_scope import site_number, sites_of, span_of
from mara.store.read.read_model import ReadModel
from mara.store.schema.ledger import CASH, ENERGY_LEGS, MONEY_LEGS

ROWS_A_QUERY: Final = 100_000
"""About this many entries are added up at a time, so that no reader holds back the write-ahead log for long."""
_LEGS: Final = (CASH, *MONEY_LEGS, *ENERGY_LEGS)


def ledger(
    reading: ReadModel, from_: datetime | None = None, to: datetime | None = None, site_id: str | None = None
) -> Ledger:
    """All lines over ``[from_, to)``, of a site or of the fleet; None is no bound.

    Raises:
        CommandError: no such site, or a moment without time zone.
    """
    grid = reading.run().config.grid
    first, end = span_of(reading, grid, from_, to)
    cash, *sums = _sums(reading, first, end, site_id)
    money, energy = sums[: len(MONEY_LEGS)], sums[len(MONEY_LEGS) :]
    return Ledger(
        site_id="" if site_id is None else sites_of(reading)[site_number(reading, site_id)],
        starts_at=grid.at(first),
        ends_at=grid.at(end),
        ticks_count=end - first,
        money=tuple(_money_line(leg, amount) for leg, amount in zip(MONEY_LEGS, money, strict=True)),
        cash_micro_usd=cash,
        energy=tuple(
            EnergyFlow(kind=leg.removesuffix("_wh"), amount_wh=amount)
            for leg, amount in zip(ENERGY_LEGS, energy, strict=True)
        ),
    )


def site_ledger(reading: ReadModel, site_id: str, from_tick: int, to_tick: int) -> tuple[LedgerSum, ...]:
    """A site's money lines over ``[from_tick, to_tick)`` in the ledger's order.

    Raises:
        CommandError: no such site, or ticks that run backwards.
    """
    sums = _sums(reading, *_checked(from_tick, to_tick), site_id)[1 : 1 + len(MONEY_LEGS)]
    return tuple(
        LedgerSum(kind=leg.removesuffix("_micro_usd"), amount_micro_usd=amount)
        for leg, amount in zip(MONEY_LEGS, sums, strict=True)
    )


def profit_between(reading: ReadModel, from_tick: int, to_tick: int) -> float:
    """What the fleet earned over ``[from_tick, to_tick)`` [USD]."""
    return earned_micro_usd(reading, from_tick, to_tick) / MICRO_USD_PER_USD


def earned_micro_usd(reading: ReadModel, from_tick: int, to_tick: int) -> int:
    """The same exactly, as whole micro-dollars."""
    query = "SELECT coalesce(sum(revenue_micro_usd - cost_micro_usd), 0) FROM ticks WHERE tick >= ? AND tick < ?"
    return int(reading.ask(query, *_checked(from_tick, to_tick))[0][0])


def _checked(from_tick: int, to_tick: int) -> tuple[int, int]:
    if to_tick < from_tick:
        raise CommandError(f"ticks must not run backwards, {from_tick} to {to_tick} came")
    return from_tick, to_tick


def _sums(reading: ReadModel, first: int, end: int, site_id: str | None) -> list[int]:
    """Each leg added up, a piece at a time."""
    site = None if site_id is None else site_number(reading, site_id)
    rows_a_tick = 1 if site is not None else len(sites_of(reading))
    length = max(1, ROWS_A_QUERY // rows_a_tick)
    totals = [0] * len(_LEGS)
    for start in range(max(first, 0), min(end, reading.next_tick()), length):
        found = _piece(reading, start, min(start + length, end), site)
        totals = [total + int(amount) for total, amount in zip(totals, found, strict=True)]
    return totals


def _piece(reading: ReadModel, first: int, end: int, site: int | None) -> Sequence[int]:
    if site is None:
        return reading.ask(_FLEET, first, end)[0]
    return reading.ask(_SITE, first, end, site)[0]


_SUMS: Final = ", ".join(f"coalesce(sum({leg}), 0)" for leg in _LEGS)
_FLEET: Final = f"SELECT {_SUMS} FROM ledger WHERE tick >= ? AND tick < ?"  # noqa: S608  # names of ours
# The ticks come first, so that each entry of a site is looked up by its key and those of other sites are not read.
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
