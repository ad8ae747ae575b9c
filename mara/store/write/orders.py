"""Orders stored before they are confirmed, their outcomes, quotes and answers.

An order is a transaction of its own that waits until it would survive a power cut. The tick that obeys it writes its
outcome with the tick's other rows. However the program ends, an order therefore waits or was obeyed, once.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.engine import Connection

from mara.core.commands import Book, Cancel, Command, Exclude, GridNotice, Outage, Restore, Retract
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.store.encoding.codec import bytes_of, commands_bytes, commands_of, record_of
from mara.store.schema.order_tables import AnswerRow, OpenQuote, Order, OrderOutcome
from mara.store.schema.tables import NamedRow, Tick, table_of
from mara.store.write.chained_log import append_lines, chain_findings

MOST_QUOTES: Final = 1_000
"""Open quotes kept, the newest."""
MOST_ANSWERS: Final = 2_000
"""Answers kept for repeated requests, the newest."""
OBEYED: Final = "obeyed"
REFUSED: Final = "refused"
WITHDRAWN: Final = "withdrawn"

Aside = Callable[[str], AbstractContextManager[Connection]]
"""Opens a transaction that waits for the disk; its argument names the purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order to store.

    Attributes:
        answer: the confirmation that will be given.
        repeat_key: the idempotency key of the request; empty for none.
    """

    command: Command
    ordered_tick: int
    answer: bytes = b""
    repeat_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingOrder:
    """A stored order that no tick has obeyed yet."""

    number: int
    command: Command
    ordered_tick: int
    answer: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of an order in a tick; `reason` is empty where it was obeyed."""

    number: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer:
    """The first answer to a request with an idempotency key."""

    body_hash: bytes
    status: int
    headers: str
    body: bytes


class Orders:
    """Orders, open quotes and first answers of a store, for use from any thread.

    Every call is one short transaction.

    Raises, from every method: StoreError, nothing was stored, or it is not known whether it was.
    """

    def __init__(self, aside: Aside) -> None:
        self._aside = aside

    def add(self, *orders: NewOrder) -> tuple[WaitingOrder, ...]:
        """Store orders in one transaction, all or none of them."""
        with self._aside("an order") as connection:
            numbers = append_lines(connection, Order, map(_values_of, orders))
        return tuple(
            WaitingOrder(number=number, command=o.command, ordered_tick=o.ordered_tick, answer=o.answer)
            for number, o in zip(numbers, orders, strict=True)
        )

    def repeated(self, repeat_key: str) -> tuple[WaitingOrder, ...]:
        """Find the orders that the same request gave before, whatever their outcome."""
        with self._aside("an order") as connection:
            found = connection.execute(_ROWS.where(_ORDER.repeat_key == repeat_key).order_by(_ORDER.number))
            return tuple(_waiting(row) for row in found)

    def waiting(self) -> tuple[WaitingOrder, ...]:
        """List the orders without an outcome, in the order in which they were given."""
        with self._aside("orders that wait") as connection:
            found = connection.execute(_ROWS.where(_OUTCOME.number.is_(None)).order_by(_ORDER.number))
            return tuple(_waiting(row) for row in found)

    def withdraw(self, number: int, tick: int, reason: str) -> None:
        """Record that a waiting order was withdrawn."""
        with self._aside("an order") as connection:
            values = {"number": number, "tick": tick, "outcome": WITHDRAWN, "reason": reason}
            connection.execute(insert(OrderOutcome).values(**values))

    def booking(self, contract_id: str) -> Booking | None:
        """Find the confirmation that was given when a contract was booked.

        None where it was never booked, or its order was withdrawn or refused.

        Raises:
            StoreRefused: the confirmation cannot be read, or is of a newer Mara.
        """
        asked = (
            select(_ORDER.answer)
            .select_from(_BOTH)
            .where(_ORDER.about == contract_id, _ORDER.kind == kind_of_type(Book))
            .where(_OUTCOME.outcome.is_(None) | (_OUTCOME.outcome == OBEYED))
        )
        with self._aside("a booking") as connection:
            answer = connection.execute(asked).scalars().first()
        return record_of(Booking, answer) if answer else None

    def keep_quote(self, ask: QuoteRequest, quote: Quote) -> None:
        """Store a quote, and delete the oldest beyond `MOST_QUOTES`."""
        with self._aside("a quote") as connection:
            number = _next(connection, _QUOTE)
            values = {"quote_id": quote.id, "asked": bytes_of(ask), "offered": bytes_of(quote)}
            connection.execute(insert(OpenQuote).values(number=number, **values))
            connection.execute(delete(OpenQuote).where(_QUOTE.number <= number - MOST_QUOTES))

    def quotes(self) -> tuple[tuple[QuoteRequest, Quote], ...]:
        """List the stored quotes that were not booked, oldest first.

        Raises:
            StoreRefused: a quote cannot be read, or is of a newer Mara.
        """
        asked = select(_QUOTE.asked, _QUOTE.offered).order_by(_QUOTE.number)
        booked = select(_ORDER.about).where(_ORDER.kind == kind_of_type(Book))
        with self._aside("quotes") as connection:
            taken = set(connection.execute(booked).scalars())
            found = connection.execute(asked).all()
        kept = ((record_of(QuoteRequest, row.asked), record_of(Quote, row.offered)) for row in found)
        return tuple((ask, quote) for ask, quote in kept if f"c-{quote.id.removeprefix('q-')}" not in taken)

    def first_answer(self, place: str) -> FirstAnswer | None:
        """Find the first answer to a request.

        Args:
            place: the request's name, made of its caller, path and idempotency key.
        """
        asked = select(_ANSWER.body_hash, _ANSWER.status, _ANSWER.headers, _ANSWER.body).where(_ANSWER.place == place)
        with self._aside("a first answer") as connection:
            row = connection.execute(asked).mappings().one_or_none()
        return None if row is None else FirstAnswer(**row)

    def keep_answer(self, place: str, answer: FirstAnswer) -> None:
        """Store a first answer, and delete the oldest beyond `MOST_ANSWERS`."""
        with self._aside("a first answer") as connection:
            number = _next(connection, _ANSWER)
            values = {name: getattr(answer, name) for name in FirstAnswer.__slots__}
            connection.execute(
                delete(AnswerRow).where((_ANSWER.place == place) | (_ANSWER.number <= number - MOST_ANSWERS))
            )
            connection.execute(insert(AnswerRow).values(number=number, place=place, **values))


def order_findings(connection: Connection) -> Iterator[str]:
    """Report orders and outcomes that are not as written, for `mara db check`."""
    yield from chain_findings(connection, Order)
    yield from _outcome_findings(connection)


def _outcome_findings(connection: Connection) -> Iterator[str]:
    """Report outcomes that differ from the commands that ticks obeyed.

    So are those without an order. An order without its outcome would be obeyed twice.
    """
    for number in connection.execute(_STRAY).scalars():
        yield f"order_outcomes, number {number}: there is no such order"
    obeyed = select(_OUTCOME.tick, _ORDER.number, _ORDER.command).select_from(_BOTH).where(_OUTCOME.outcome == OBEYED)
    told: dict[int, list[NamedRow]] = {}
    for row in connection.execute(obeyed.order_by(_OUTCOME.tick, _ORDER.number)):
        told.setdefault(row.tick, []).append(row)
    first = connection.execute(select(func.min(_ORDER.ordered_tick))).scalar()
    if first is None:
        return
    asked = select(_TICK.tick, _TICK.commands).where(_TICK.commands.is_not(None), _TICK.tick >= first)
    for tick in connection.execute(asked.order_by(_TICK.tick)):
        left = [commands_bytes((one,)) or b"" for one in commands_of(tick.commands)]
        for order in told.pop(tick.tick, ()):
            if order.command in left:
                left.remove(order.command)
            else:
                yield _not_obeyed(order)
        if left:
            yield f"order_outcomes: {len(left)} of what tick {tick.tick} obeyed are not told of"
    for orders in told.values():
        yield from map(_not_obeyed, orders)


def _not_obeyed(order: NamedRow) -> str:
    return f"order_outcomes, number {order.number}: said to be obeyed in tick {order.tick}, which did not obey it"


def about(command: Command) -> str:
    """The id of what a command concerns, such as a site; empty for all contracts."""
    match command:
        case Book():
            return command.request.id
        case Cancel() | Exclude():
            return command.contract_id
        case Outage() | Restore():
            return command.site_id
        case Retract():
            return command.site_id or command.contract_id
        case GridNotice():
            return command.event_id


def kind_of(command: Command) -> str:
    """The stored name of a command's kind."""
    return kind_of_type(type(command))


def kind_of_type(kind: type[Command]) -> str:
    """The stored name of a kind of command."""
    return kind.__name__.lower()


def outcome_rows(tick: int, outcomes: Sequence[Outcome]) -> list[tuple[Any, ...]]:
    """Rows of `order_outcomes` that a tick writes."""
    return [(o.number, tick, REFUSED if o.reason else OBEYED, o.reason) for o in outcomes]


def _values_of(order: NewOrder) -> dict[str, Any]:
    command = order.command
    return {
        "kind": kind_of(command),
        "about": about(command),
        "command": commands_bytes((command,)),
        "answer": order.answer,
        "actor": command.by,
        "address": command.address,
        "ordered_tick": order.ordered_tick,
        "repeat_key": order.repeat_key,
    }


def _waiting(row: NamedRow) -> WaitingOrder:
    (command,) = commands_of(row.command)
    return WaitingOrder(number=row.number, command=command, ordered_tick=row.ordered_tick, answer=row.answer)


def _next(connection: Connection, table: Any) -> int:
    return int(connection.execute(select(func.coalesce(func.max(table.number), 0))).scalar_one()) + 1


_TICK: Final = table_of(Tick).c
_ORDER: Final = table_of(Order).c
_OUTCOME: Final = table_of(OrderOutcome).c
_QUOTE: Final = table_of(OpenQuote).c
_ANSWER: Final = table_of(AnswerRow).c
_BOTH: Final = table_of(Order).outerjoin(table_of(OrderOutcome), _ORDER.number == _OUTCOME.number)
_STRAY: Final = select(_OUTCOME.number).where(_OUTCOME.number.not_in(select(_ORDER.number))).order_by(_OUTCOME.number)
_ROWS: Final = select(_ORDER.number, _ORDER.command, _ORDER.ordered_tick, _ORDER.answer).select_from(_BOTH)
