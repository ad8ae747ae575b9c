"""The tables of what is asked for between ticks: orders and what became of them, open quotes, first answers."""

from sqlalchemy import ForeignKey, Text
from sqlmodel import Field

from mara.store.schema.tables import BY_ROWID, NOW, WHOLE, Row, binary, key, whole, words


class Order(Row, table=True):
    """Something ordered, from before it was confirmed: never changed; what became of it stands in `order_outcomes`.

    `about` is the site's or contract's id, `command` of `codec`, `answer` what whoever ordered was told (a booking),
    `repeat_key` of the request that asked, empty for none. A chain of hashes covers every column but `stored_at`.
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
    """How an order ended: `obeyed` in a tick, `refused` there with a reason, or `withdrawn`; without a row it waits."""

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
    """An offer that may still be booked, so that a restart need not forget it; of `codec`. The oldest are let go."""

    __tablename__ = "quotes"
    __table_args__ = BY_ROWID
    number: int = key()
    quote_id: str = words(unique=True)
    asked: bytes = binary()
    offered: bytes = binary()


class AnswerRow(Row, table=True):
    """The first answer to a request that names itself, given again whenever it comes again. The oldest are let go."""

    __tablename__ = "answers"
    __table_args__ = BY_ROWID
    number: int = key()
    place: str = words(unique=True)
    body_hash: bytes = binary()
    status: int = whole()
    headers: str = words()
    body: bytes = binary()
