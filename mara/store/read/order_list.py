"""Read orders with their state, and contracts that are booked but not yet live."""

from collections.abc import Sequence
from typing import Final, get_args

from sqlalchemy import func, select

from mara.core.commands import Book
from mara.core.contract import TIER_KEYS
from mara.core.history import ContractRow, OrderRow, OrderState
from mara.core.timegrid import TimeGrid
from mara.errors import CommandError
from mara.store.encoding.codec import commands_of
from mara.store.read.read_model import ReadModel
from mara.store.schema.order_tables import Order, OrderOutcome
from mara.store.schema.tables import NamedRow, table_of
from mara.store.write.orders import OBEYED, kind_of_type

MOST_ORDERS: Final = 1_000
_NO_OUTCOME: Final = "waiting"
_ORDER: Final = table_of(Order).c
_OUTCOME: Final = table_of(OrderOutcome).c
_BOTH: Final = table_of(Order).outerjoin(table_of(OrderOutcome), _OUTCOME.number == _ORDER.number)
_STATE: Final = func.coalesce(_OUTCOME.outcome, _NO_OUTCOME)
_ROWS: Final = select(
    _ORDER.number,
    _ORDER.kind,
    _ORDER.about,
    _ORDER.actor,
    _ORDER.ordered_tick,
    _STATE.label("state"),
    _OUTCOME.tick,
    func.coalesce(_OUTCOME.reason, "").label("reason"),
).select_from(_BOTH)
_IS_BOOKING: Final = _ORDER.kind == kind_of_type(Book)
_WAITING_BOOKINGS: Final = (
    select(_ORDER.command, _ORDER.ordered_tick).select_from(_BOTH).where(_IS_BOOKING, _OUTCOME.number.is_(None))
)


def orders(read_model: ReadModel, state: str = "all", limit: int = MOST_ORDERS) -> tuple[OrderRow, ...]:
    """List orders, newest first.

    Raises:
        CommandError: the state is unknown, or the limit is below 1.
    """
    known = ("all", *get_args(OrderState))
    if state not in known:
        raise CommandError(f"orders may be {', '.join(known)}, {state!r} came: choose one of these")
    if limit < 1:
        raise CommandError(f"a limit must be at least 1, {limit} came")
    asked = _ROWS if state == "all" else _ROWS.where(_STATE.in_((state,)))
    found = read_model.ask(asked.order_by(_ORDER.number.desc()).limit(min(limit, MOST_ORDERS)))
    grid = read_model.run().config.grid
    return tuple(_order_row(row, grid) for row in found)


def order(read_model: ReadModel, number: int) -> OrderRow:
    """Read one order.

    Raises:
        CommandError: there is no order of that number.
    """
    found = read_model.ask(_ROWS.where(_ORDER.number == number))
    if not found:
        raise CommandError(f"there is no order {number}: GET /api/orders names them")
    return _order_row(found[0], read_model.run().config.grid)


def orders_about(
    read_model: ReadModel, abouts: Sequence[str], kinds: Sequence[str], from_tick: int, to_tick: int, limit: int
) -> tuple[OrderRow, ...]:
    """List orders given in ticks ``[from_tick, to_tick)``, newest first.

    Args:
        abouts: ids of the sites and contracts; of any where it is empty.
        kinds: kinds of orders; all where it is empty.
    """
    asked = _ROWS.where(_ORDER.ordered_tick >= from_tick, _ORDER.ordered_tick < to_tick)
    asked = asked.where(_ORDER.about.in_(tuple(abouts))) if abouts else asked
    asked = asked.where(_ORDER.kind.in_(tuple(kinds))) if kinds else asked
    grid = read_model.run().config.grid
    return tuple(_order_row(row, grid) for row in read_model.ask(asked.order_by(_ORDER.number.desc()).limit(limit)))


def waiting_contracts(read_model: ReadModel) -> tuple[ContractRow, ...]:
    """List contracts that are booked and wait for their tick, newest first."""
    grid, next_tick = read_model.run().config.grid, read_model.next_tick()
    found = read_model.ask(_WAITING_BOOKINGS.order_by(_ORDER.number.desc()))
    return tuple(_contract_row(row, next_tick, grid) for row in found)


def waiting_bookings(read_model: ReadModel) -> tuple[Book, ...]:
    """List the bookings that wait for their tick, in the order of their orders."""
    found = read_model.ask(_WAITING_BOOKINGS.order_by(_ORDER.number))
    return tuple(_booking_in(row) for row in found)


def waiting_contract(read_model: ReadModel, contract_id: str) -> ContractRow | None:
    """Find a contract that is booked and waits for its tick.

    Raises:
        CommandError: its booking was refused or withdrawn.
    """
    found = read_model.ask(_WAITING_BOOKINGS.where(_ORDER.about == contract_id))
    if found:
        return _contract_row(found[0], read_model.next_tick(), read_model.run().config.grid)
    over = read_model.ask(_ROWS.where(_ORDER.about == contract_id, _IS_BOOKING, _OUTCOME.outcome != OBEYED))
    if over:
        row = _order_row(over[0], read_model.run().config.grid)
        raise CommandError(f"contract {contract_id} was {row.state} in tick {row.tick}: {row.reason or 'as asked'}")
    return None


def _order_row(row: NamedRow, grid: TimeGrid) -> OrderRow:
    return OrderRow(
        number=row.number,
        kind=row.kind,
        about=row.about,
        by=row.actor,
        ordered_tick=row.ordered_tick,
        ordered_at=grid.at(row.ordered_tick),
        state=row.state,
        tick=row.tick,
        reason=row.reason,
    )


def _contract_row(row: NamedRow, next_tick: int, grid: TimeGrid) -> ContractRow:
    """Describe a waiting contract as it will be once the next tick obeys its booking."""
    command = _booking_in(row)
    request, starts = command.request, next_tick + 1
    return ContractRow(
        id=request.id,
        tier=TIER_KEYS[request.tier],
        customer=request.customer,
        power_mw=request.power_mw,
        rate_usd_per_mwh=command.rate_usd_per_mwh,
        timezone=request.timezone,
        booked_at=grid.at(row.ordered_tick),
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


def _booking_in(row: NamedRow) -> Book:
    (command,) = commands_of(row.command)
    assert isinstance(command, Book)
    return command
