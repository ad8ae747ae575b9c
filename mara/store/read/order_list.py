"""What was ordered, as whoever only reads the database sees it: orders with their state, and contracts on their way."""

from typing import Any, Final, get_args

from mara.core.commands import Book
from mara.core.contract import TIER_KEYS
from mara.core.history import ContractRow, OrderRow, OrderState
from mara.core.timegrid import TimeGrid
from mara.errors import CommandError
from mara.store.encoding.codec import commands_of
from mara.store.read.read_model import ReadModel

MOST_ORDERS: Final = 1_000
_ROWS: Final = (
    "SELECT o.number, kind, about, actor, ordered_tick, coalesce(outcome, 'waiting'), tick, coalesce(reason, '')"
    " FROM orders o LEFT JOIN order_outcomes w ON w.number = o.number"
)
_WAITING: Final = (
    "SELECT o.command, o.ordered_tick FROM orders o LEFT JOIN order_outcomes w ON w.number = o.number"
    " WHERE kind = 'book' AND w.number IS NULL"
)


def orders(reading: ReadModel, state: str = "all", limit: int = MOST_ORDERS) -> tuple[OrderRow, ...]:
    """What was ordered, the newest first.

    Raises:
        CommandError: a state that is none, or a limit below 1.
    """
    known = ("all", *get_args(OrderState))
    if state not in known:
        raise CommandError(f"orders may be {', '.join(known)}, {state!r} came: choose one of these")
    if limit < 1:
        raise CommandError(f"a limit must be at least 1, {limit} came")
    where = {"all": "0 = 0", "waiting": "outcome IS NULL"}.get(state, "outcome = ?")
    values = () if state in ("all", "waiting") else (state,)
    found = reading.ask(f"{_ROWS} WHERE {where} ORDER BY o.number DESC LIMIT ?", *values, min(limit, MOST_ORDERS))
    grid = reading.run().config.grid
    return tuple(_row(row, grid) for row in found)


def order(reading: ReadModel, number: int) -> OrderRow:
    """One order.

    Raises:
        CommandError: there is none of that number.
    """
    found = reading.ask(f"{_ROWS} WHERE o.number = ?", number)
    if not found:
        raise CommandError(f"there is no order {number}: GET /api/orders names them")
    return _row(found[0], reading.run().config.grid)


def waiting_contracts(reading: ReadModel) -> tuple[ContractRow, ...]:
    """Contracts that are booked and wait for their tick, the newest first."""
    grid, next_tick = reading.run().config.grid, reading.next_tick()
    found = reading.ask(f"{_WAITING} ORDER BY o.number DESC")
    return tuple(_contract(content, ordered, next_tick, grid) for content, ordered in found)


def waiting_contract(reading: ReadModel, contract_id: str) -> ContractRow | None:
    """A contract that is booked and waits for its tick.

    Raises:
        CommandError: it was booked, and refused or withdrawn.
    """
    found = reading.ask(f"{_WAITING} AND about = ?", contract_id)
    if found:
        content, ordered = found[0]
        return _contract(content, ordered, reading.next_tick(), reading.run().config.grid)
    over = reading.ask(f"{_ROWS} WHERE about = ? AND kind = 'book' AND outcome <> 'obeyed'", contract_id)
    if over:
        row = _row(over[0], reading.run().config.grid)
        raise CommandError(f"contract {contract_id} was {row.state} in tick {row.tick}: {row.reason or 'as asked'}")
    return None


def _row(found: Any, grid: TimeGrid) -> OrderRow:
    number, kind, about, by, ordered_tick, state, tick, reason = found
    return OrderRow(
        number=number,
        kind=kind,
        about=about,
        by=by,
        ordered_tick=ordered_tick,
        ordered_at=grid.at(ordered_tick),
        state=state,
        tick=tick,
        reason=reason,
    )


def _contract(content: bytes, ordered_tick: int, next_tick: int, grid: TimeGrid) -> ContractRow:
    """As it will be when the next tick obeys its booking."""
    (command,) = commands_of(content)
    assert isinstance(command, Book)
    request, starts = command.request, next_tick + 1
    return ContractRow(
        id=request.id,
        tier=TIER_KEYS[request.tier],
        customer=request.customer,
        power_mw=request.power_mw,
        rate_usd_per_mwh=command.rate_usd_per_mwh,
        timezone=request.timezone,
        booked_at=grid.at(ordered_tick),
        starts_at=grid.at(starts),
        ends_at=grid.at(starts + request.duration_ticks),
        is_live=False,
        closed_windows_count=0,
        good_ticks=0,
        bad_ticks=0,
        excluded_ticks=0,
        availability_share=None,
        charge_micro_usd=0,
        credit_micro_usd=0,
        state="waiting",
    )
