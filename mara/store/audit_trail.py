"""Whether a database still says what was written: pages, hash chains, and the trial balance of its ledger."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Final

import numpy as np
from sqlalchemy.engine import Connection

from mara.core.world import World
from mara.store import resume
from mara.store.chain import Digests, audit_hash, genesis_of, kept_digest, link_of, raw_digest, world_digest
from mara.store.codec import bytes_of, record_of
from mara.store.database import Database
from mara.store.ledger import CASH, ENERGY_LEGS, MONEY_LEGS
from mara.store.orders import order_findings
from mara.store.page import WITHOUT_BOOK
from mara.store.people import access_findings

MOST_FINDINGS: Final = 20

Ask = Callable[..., Any]
Rows = list[tuple[Any, ...]]


def findings_in(database: Database, connection: Connection) -> tuple[int, tuple[str, ...]]:
    """Ticks looked at, and what is wrong, in sentences. `connection` sees one state of the database throughout."""
    ask = connection.exec_driver_sql
    found = [f"page fault: {fault}" for fault in database.page_faults(connection)]
    if found:
        return 0, tuple(found)
    run = ask("SELECT run_id FROM runs").one_or_none()
    if run is None:
        return 0, tuple(islice(access_findings(connection), MOST_FINDINGS))
    chain = _Chain(database, connection, genesis_of(run[0]))
    for finding in (
        *chain.findings(),
        *_audit_findings(ask),
        *_part_findings(ask),
        *_balance_findings(connection),
        *access_findings(connection),
        *order_findings(connection),
    ):
        found.append(finding)
        if len(found) == MOST_FINDINGS:
            found.append(f"only the first {MOST_FINDINGS} are shown")
            break
    return chain.count, tuple(found)


@dataclass(slots=True)
class _Chain:
    """Walks the ticks in order beside the rows that their hashes cover."""

    database: Database
    connection: Connection
    link: bytes
    count: int = 0
    plan: bytes = b""
    worlds: dict[int, bytes] = field(default_factory=dict)

    def findings(self) -> Iterator[str]:
        ledger = _Stream(self._rows("SELECT * FROM ledger ORDER BY tick, site"))
        plans = _Stream(self._rows("SELECT from_tick, content FROM plans ORDER BY from_tick"))
        raw = tuple(
            _Stream(self._rows(query))
            for query in (
                "SELECT * FROM prices ORDER BY tick, site",
                "SELECT * FROM markets ORDER BY tick",
                "SELECT * FROM allocations ORDER BY tick, site",
            )
        )
        ticks = self._rows("SELECT tick, commands, raw_hash, kept_hash, world_hash, tick_hash FROM ticks ORDER BY tick")
        for tick, commands, *hashes, link in ticks:
            stored = Digests(raw=hashes[0], kept=hashes[1], world=hashes[2])
            changed = plans.take(tick)
            self.plan = changed[0][1] if changed else self.plan
            if kept_digest(_matrix(ledger.take(tick), np.int64), commands, self.plan) != stored.kept:
                yield f"tick {tick}: its ledger, commands or plan are not what was written"
            prices, market, allocations = (stream.take(tick) for stream in raw)
            if market and _raw_digest(prices, market, allocations) != stored.raw:
                yield f"tick {tick}: its prices, market or allocations are not what was written"
            if link_of(self.link, tick, stored) != link:
                yield f"tick {tick}: its hash does not follow from the tick before"
            self.link, self.worlds[tick + 1] = link, stored.world
            self.count += 1
        yield from self._world_findings(self.connection.exec_driver_sql)

    def _rows(self, query: str) -> Iterator[Sequence[Any]]:
        return self.database.rows_of(self.connection, query)

    def _world_findings(self, ask: Ask) -> Iterator[str]:
        seq, link = ask("SELECT seq, tick_hash FROM engine_state").one()
        if link != self.link or (self.count and seq not in self.worlds):
            yield f"the sequence stands at tick {seq}, the ticks do not end there"
        worlds = [(seq, resume.world_in(self.connection))]
        for tick, content in ask("SELECT tick, content FROM checkpoints ORDER BY tick"):
            worlds.append((tick, record_of(World, content)))
        for tick, world in worlds:
            light, book = bytes_of(world, without=WITHOUT_BOOK), bytes_of(world.book)
            if tick in self.worlds and world_digest(light, sha256(book).digest()) != self.worlds[tick]:
                yield f"tick {tick}: the stored world is not what was written"


class _Stream:
    """Rows ordered by tick, taken a tick at a time."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._groups = groupby(rows, key=itemgetter(0))
        self._next: tuple[int, Rows] | None = None

    def take(self, tick: int) -> Rows:
        """The rows of a tick; what lies before it is passed over."""
        while self._next is None or self._next[0] < tick:
            group = next(self._groups, None)
            if group is None:
                return []
            self._next = (group[0], [tuple(row) for row in group[1]])
        return self._next[1] if self._next[0] == tick else []


def _raw_digest(prices: Rows, market: Rows, allocations: Rows) -> bytes:
    return raw_digest(_matrix(prices, np.float64), market[0][1:], _matrix(allocations, np.int64))


def _matrix(rows: Rows, dtype: type) -> np.ndarray:
    return np.array([row[2:] for row in rows], dtype=dtype)


def _audit_findings(ask: Ask) -> Iterator[str]:
    last = b""
    audits = ask(
        "SELECT number, tick, actor, address, action, before_hash, after_hash, previous_hash, entry_hash"
        " FROM audit ORDER BY number"
    )
    for *entry, previous, own in audits:
        if previous != last or audit_hash(last, tuple(entry)) != own:
            yield f"audit entry {entry[0]} is not what was written"
        last = own


def _part_findings(ask: Ask) -> Iterator[str]:
    """What others had the store keep is what they gave; the world and its book are looked at with the chain."""
    for part, content, content_hash in ask("SELECT part, content, content_hash FROM engine_parts ORDER BY part"):
        if content_hash is not None and sha256(content).digest() != content_hash:
            yield f"the engine's part {part} is not what was written"


def _balance_findings(connection: Connection) -> Iterator[str]:
    """Both units add up to zero, and cash is what the world says."""
    ask = connection.exec_driver_sql
    for unit, legs in (("micro-USD", (CASH, *MONEY_LEGS)), ("Wh", ENERGY_LEGS)):
        total = ask(f"SELECT coalesce(sum({' + '.join(legs)}), 0) FROM ledger").scalar_one()  # noqa: S608  # names of ours
        if total:
            yield f"the ledger is out of balance by {total} {unit}"
    first = ask("SELECT content FROM checkpoints ORDER BY tick LIMIT 1").scalar_one()
    began_with = record_of(World, first).cash_micro_usd
    earned = -ask("SELECT coalesce(sum(cash_micro_usd), 0) FROM ledger").scalar_one()
    holds = resume.world_in(connection).cash_micro_usd
    if holds != began_with + earned:
        yield f"the world holds {holds} micro-USD, its ledger says {began_with + earned}"
    uneven = ask(
        "SELECT tick FROM ticks JOIN (SELECT tick, sum(cash_micro_usd) AS cash FROM ledger GROUP BY tick)"
        " AS sums USING (tick) WHERE revenue_micro_usd - cost_micro_usd + cash <> 0 LIMIT ?",
        (MOST_FINDINGS,),
    )
    for row in uneven:
        yield f"tick {row[0]}: its totals are not those of its ledger"
