"""Tables written between ticks: orders, outcomes, open quotes and stored answers."""

from sqlalchemy import ForeignKey, Text
from sqlmodel import Field

from mara.store.schema.tables import BY_ROWID, NOW, WHOLE, Row, binary, key, whole, words


class Order(Row, table=True):
    """An order, written before it is confirmed and never changed.

    `about` is the id of the site or contract, `command` the encoded command, `answer` the confirmation that was given
    (a booking), `repeat_key` the idempotency key of the request, empty for none. A hash chain covers every column but
    `stored_at`.
    """

    __tablename__ = "orders"
    __table_args__ = BY_ROWID
    number: int = key()
    kind: str = words()
    about: str = Field(sa_type=Text, index=True)
    command: bytes = binary()
    answer: bytes = binary()
    actor: str = words()
    address: str = words()
    ordered_tick: int = whole()
    repeat_key: str = Field(sa_type=Text, index=True)
    previous_hash: bytes = binary()
    entry_hash: bytes = binary()
    stored_at: int = whole(server_default=NOW)


class OrderOutcome(Row, table=True):
    """The outcome of an order: `obeyed`, `refused` or `withdrawn` in a tick.

    An order without an outcome waits.
    """

    __tablename__ = "order_outcomes"
    __table_args__ = BY_ROWID
    number: int = Field(
        primary_key=True,
        sa_type=WHOLE,
        sa_column_args=(ForeignKey("orders.number"),),
        sa_column_kwargs={"autoincrement": False},
    )
    tick: int = whole()
    outcome: str = words()
    reason: str = words()


class OpenQuote(Row, table=True):
    """A quote that may still be booked after a restart; the oldest are deleted."""

    __tablename__ = "quotes"
    __table_args__ = BY_ROWID
    number: int = key()
    quote_id: str = words(unique=True)
    asked: bytes = binary()
    offered: bytes = binary()


class AnswerRow(Row, table=True):
    """The stored answer to a request with an idempotency key; the oldest are deleted."""

    __tablename__ = "answers"
    __table_args__ = BY_ROWID
    number: int = key()
    place: str = words(unique=True)
    body_hash: bytes = binary()
    status: int = whole()
    headers: str = words()
    body: bytes = binary()
