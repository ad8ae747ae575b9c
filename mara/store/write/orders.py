"""Orders on disk before they are confirmed: what waits for its tick, what became of the rest, and quotes still open.

An order is a transaction of its own that waits until it would survive a power cut; the tick that obeys it writes its
outcome with everything else of the tick. So whatever ends the program, an order waits or is obeyed, once.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.engine import Connection

from mara.core.commands import Book, Cancel, Command, Exclude, Outage, Restore
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.store.encoding.chain import audit_hash, linked
from mara.store.encoding.codec import bytes_of, commands_bytes, commands_of, record_of
from mara.store.schema.order_tables import AnswerRow, OpenQuote, Order, OrderOutcome

MOST_QUOTES: Final = 1_000
MOST_ANSWERS: Final = 2_000
"""Kept for repeats, the newest."""
OBEYED: Final = "obeyed"
REFUSED: Final = "refused"
WITHDRAWN: Final = "withdrawn"

Aside = Callable[[str], AbstractContextManager[Connection]]
"""A transaction of the one writer that waits for the disk; `doing` says what for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order as it is written down. `answer` is what is told of it, `repeat_key` the request that asked for it."""

    command: Command
    ordered_tick: int
    answer: bytes = b""
    repeat_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingOrder:
    """An order that no tick has obeyed yet."""

    number: int
    command: Command
    ordered_tick: int
    answer: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a tick does to an order; `reason` is empty where it is obeyed."""

    number: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAnswer:
    """What a request that names itself was answered."""

    body_hash: bytes
    status: int
    headers: str
    body: bytes


class Orders:
    """Orders, open quotes and first answers of a store, for any thread; every call is one short transaction.

    Raises, from every method: StoreError, nothing was stored, or it is not known whether it was.
    """

    def __init__(self, aside: Aside) -> None:
        self._aside = aside

    def add(self, *orders: NewOrder) -> tuple[WaitingOrder, ...]:
        """Write orders down, all or none of them, in one transaction."""
        with self._aside("an order") as connection:
            last = connection.execute(_LAST).one_or_none()
            first, link = (1, b"") if last is None else (int(last[0]) + 1, bytes(last[1]))
            for number, order in enumerate(orders, start=first):
                values = _values_of(number, order)
                previous, link = link, audit_hash(link, tuple(values.values()))
                connection.execute(insert(Order).values(**values, previous_hash=previous, entry_hash=link))
        return tuple(
            WaitingOrder(number=first + n, command=o.command, ordered_tick=o.ordered_tick, answer=o.answer)
            for n, o in enumerate(orders)
        )

    def repeated(self, repeat_key: str) -> tuple[WaitingOrder, ...]:
        """What the same request ordered before, whatever became of it."""
        with self._aside("an order") as connection:
            found = connection.execute(_ROWS.where(_ORDER.repeat_key == repeat_key).order_by(_ORDER.number))
            return tuple(_waiting(row) for row in found)

    def waiting(self) -> tuple[WaitingOrder, ...]:
        """What no tick has obeyed yet, in the order in which it was ordered."""
        with self._aside("orders that wait") as connection:
            found = connection.execute(_ROWS.where(_OUTCOME.number.is_(None)).order_by(_ORDER.number))
            return tuple(_waiting(row) for row in found)

    def withdraw(self, number: int, tick: int, reason: str) -> None:
        """Let an order go that waits."""
        with self._aside("an order") as connection:
            values = {"number": number, "tick": tick, "outcome": WITHDRAWN, "reason": reason}
            connection.execute(insert(OrderOutcome).values(**values))

    def booking(self, contract_id: str) -> Booking | None:
        """What was told of the contract when it was booked; None where it was not, or is withdrawn or refused."""
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
        """Remember an offer, and let go of the oldest beyond `MOST_QUOTES`."""
        with self._aside("a quote") as connection:
            number = _next(connection, _QUOTE)
            values = {"quote_id": quote.id, "asked": bytes_of(ask), "offered": bytes_of(quote)}
            connection.execute(insert(OpenQuote).values(number=number, **values))
            connection.execute(delete(OpenQuote).where(_QUOTE.number <= number - MOST_QUOTES))

    def quotes(self) -> tuple[tuple[QuoteRequest, Quote], ...]:
        """Offers that were kept, the oldest first, but for those that were booked."""
        asked = select(_QUOTE.asked, _QUOTE.offered).order_by(_QUOTE.number)
        booked = select(_ORDER.about).where(_ORDER.kind == kind_of_type(Book))
        with self._aside("quotes") as connection:
            taken = set(connection.execute(booked).scalars())
            found = connection.execute(asked).all()
        kept = ((record_of(QuoteRequest, ask), record_of(Quote, quote)) for ask, quote in found)
        return tuple((ask, quote) for ask, quote in kept if f"c-{quote.id.removeprefix('q-')}" not in taken)

    def first_answer(self, place: str) -> FirstAnswer | None:
        """What a request was answered the first time."""
        asked = select(_ANSWER.body_hash, _ANSWER.status, _ANSWER.headers, _ANSWER.body).where(_ANSWER.place == place)
        with self._aside("a first answer") as connection:
            row = connection.execute(asked).one_or_none()
        return None if row is None else FirstAnswer(body_hash=row[0], status=row[1], headers=row[2], body=row[3])

    def keep_answer(self, place: str, answer: FirstAnswer) -> None:
        """Remember a first answer, and let go of the oldest beyond `MOST_ANSWERS`."""
        with self._aside("a first answer") as connection:
            number = _next(connection, _ANSWER)
            values = {name: getattr(answer, name) for name in FirstAnswer.__slots__}
            connection.execute(
                delete(AnswerRow).where((_ANSWER.place == place) | (_ANSWER.number <= number - MOST_ANSWERS))
            )
            connection.execute(insert(AnswerRow).values(number=number, place=place, **values))


def order_findings(connection: Connection) -> Iterator[str]:
    """Orders that are not what was written, or not what ticks obeyed, as sentences for `mara db check`."""
    names = ("number", "kind", "about", "command", "answer", "actor", "address", "ordered_tick", "repeat_key")
    columns = [_ORDER[name] for name in names]
    rows = connection.execute(select(*columns, _ORDER.previous_hash, _ORDER.entry_hash).order_by(_ORDER.number))
    yield from (f"orders, number {entry[0]}: not what was written" for entry, holds in linked(rows) if not holds)
    yield from _outcome_findings(connection)


def _outcome_findings(connection: Connection) -> Iterator[str]:
    """What ticks obeyed is what orders are said to have come to; without a word of it, one would be obeyed twice."""
    obeyed = select(_OUTCOME.tick, _ORDER.number, _ORDER.command).select_from(_BOTH).where(_OUTCOME.outcome == OBEYED)
    said: dict[int, list[tuple[int, bytes]]] = {}
    for tick, number, command in connection.execute(obeyed.order_by(_OUTCOME.tick, _ORDER.number)):
        said.setdefault(tick, []).append((number, command))
    first = connection.execute(select(func.min(_ORDER.ordered_tick))).scalar()
    if first is None:
        return
    asked = "SELECT tick, commands FROM ticks WHERE commands IS NOT NULL AND tick >= ? ORDER BY tick"
    for tick, content in connection.exec_driver_sql(asked, (first,)):
        left = [commands_bytes((one,)) or b"" for one in commands_of(content)]
        for number, command in said.pop(tick, ()):
            if command in left:
                left.remove(command)
            else:
                yield f"order_outcomes, number {number}: said to be obeyed in tick {tick}, which did not obey it"
        if left:
            yield f"order_outcomes: {len(left)} of what tick {tick} obeyed are not told of"
    for tick, orders in said.items():
        for number, _ in orders:
            yield f"order_outcomes, number {number}: said to be obeyed in tick {tick}, which did not obey it"


def about(command: Command) -> str:
    """The id of the site or contract that a command is about; empty for all contracts."""
    match command:
        case Book():
            return command.request.id
        case Cancel() | Exclude():
            return command.contract_id
        case Outage() | Restore():
            return command.site_id


def kind_of(command: Command) -> str:
    """A command's kind as it is stored."""
    return kind_of_type(type(command))


def kind_of_type(kind: type[Command]) -> str:
    """A kind of commands as it is stored."""
    return kind.__name__.lower()


def outcome_rows(tick: int, outcomes: Sequence[Outcome]) -> list[tuple[Any, ...]]:
    """Rows of `order_outcomes` that a tick writes."""
    return [(o.number, tick, REFUSED if o.reason else OBEYED, o.reason) for o in outcomes]


def _values_of(number: int, order: NewOrder) -> dict[str, Any]:
    command = order.command
    return {
        "number": number,
        "kind": kind_of(command),
        "about": about(command),
        "command": commands_bytes((command,)),
        "answer": order.answer,
        "actor": command.by,
        "address": command.address,
        "ordered_tick": order.ordered_tick,
        "repeat_key": order.repeat_key,
    }


def _waiting(row: Any) -> WaitingOrder:
    number, content, tick, answer = row
    (command,) = commands_of(content)
    return WaitingOrder(number=number, command=command, ordered_tick=tick, answer=answer)


def _next(connection: Connection, table: Any) -> int:
    return int(connection.execute(select(func.coalesce(func.max(table.number), 0))).scalar_one()) + 1


_ORDER: Final = Order.__table__.c  # type: ignore[attr-defined]  # SQLModel hides it
_OUTCOME: Final = OrderOutcome.__table__.c  # type: ignore[attr-defined]
_QUOTE: Final = OpenQuote.__table__.c  # type: ignore[attr-defined]
_ANSWER: Final = AnswerRow.__table__.c  # type: ignore[attr-defined]
_BOTH: Final = Order.__table__.outerjoin(OrderOutcome.__table__, _ORDER.number == _OUTCOME.number)  # type: ignore[attr-defined]
_LAST: Final = select(_ORDER.number, _ORDER.entry_hash).order_by(_ORDER.number.desc()).limit(1)
_ROWS: Final = select(_ORDER.number, _ORDER.command, _ORDER.ordered_tick, _ORDER.answer).select_from(_BOTH)
