"""The versions of the simulation rules that made a run, each with its first tick.

A line is written with the first tick of each version and kept for ever. Lines form a hash chain like the audit's, so
that nobody can hide a changed tick by claiming other rules for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

import mara
from mara.core.rules_version import RULES_CHANGES, RULES_VERSION
from mara.store.encoding.chain import audit_hash, linked
from mara.store.encoding.layout import united
from mara.store.schema.tables import BY_ROWID, EnginePart, Row, binary, key, table_of, whole, words
from mara.store.write.tick_write import BOOK, WORLD


class RulesLine(Row, table=True):
    """A change of rules: the version that holds from `from_tick` on.

    Of several lines with one tick the newest holds.
    """

    __tablename__ = "rules_in_force"
    __table_args__ = BY_ROWID
    number: int = key()
    from_tick: int = whole()
    rules_version: int = whole()
    mara_version: str = words()
    previous_hash: bytes = binary()
    entry_hash: bytes = binary()


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesInForce:
    """A version of the rules, its first tick and the version of Mara that applied it."""

    from_tick: int
    rules_version: int
    mara_version: str

    @property
    def are_ours(self) -> bool:
        """True when this program applies the same rules and can recompute their ticks."""
        return self.rules_version == RULES_VERSION

    def __str__(self) -> str:
        return f"rules version {self.rules_version} (Mara {self.mara_version})"


def rules_in(connection: Connection) -> tuple[RulesInForce, ...]:
    """Read the versions of the rules that made ticks, oldest first."""
    found = connection.execute(select(_LINE.from_tick, _LINE.rules_version, _LINE.mara_version).order_by(_LINE.number))
    return tuple(
        RulesInForce(from_tick=row.from_tick, rules_version=row.rules_version, mara_version=row.mara_version)
        for row in found
    )


def rules_of(tick: int, held: tuple[RulesInForce, ...]) -> RulesInForce:
    """Find the rules that made a tick among all that held in a run."""
    return [rules for rules in held if rules.from_tick <= tick][-1]


def not_ours(what: str, rules: RulesInForce) -> str:
    """Say that something was made by other rules and is not recomputed."""
    changed = "; ".join(RULES_CHANGES[n] for n in range(rules.rules_version + 1, RULES_VERSION + 1))
    here = f"this program has version {RULES_VERSION}" + (f" ({changed})" if changed else "")
    return f"{what} made by {rules}; {here}: not recomputed"


def notes_on(held: tuple[RulesInForce, ...], end_tick: int) -> Iterator[str]:
    """Describe the ticks before `end_tick` that other rules made, a line a range."""
    if all(rules.are_ours for rules in held):
        return
    ends = [*(rules.from_tick for rules in held[1:]), end_tick]
    for rules, end in zip(held, ends, strict=True):
        if rules.are_ours:
            yield f"from tick {rules.from_tick} on {rules} holds"
        elif end > rules.from_tick:
            yield not_ours(f"ticks {rules.from_tick} to {end - 1} were", rules)


def are_ours_in(connection: Connection) -> bool:
    """True when the newest rules of a database are those of this program."""
    held = rules_in(connection)
    return bool(held) and held[-1].are_ours


def write_ours(connection: Connection, tick: int) -> None:
    """Record that this program's rules hold from a tick on; keep the world before it.

    A replay of later ticks can then start without other rules. The world is kept in the bytes that its own Mara wrote,
    because the chain of ticks has their hash.
    """
    newest = select(_LINE.number, _LINE.entry_hash).order_by(_LINE.number.desc()).limit(1)
    last = connection.execute(newest).one_or_none()
    number, previous = (1, b"") if last is None else (last.number + 1, bytes(last.entry_hash))
    line = {"number": number, "from_tick": tick, "rules_version": RULES_VERSION, "mara_version": mara.__version__}
    hashes = {"previous_hash": previous, "entry_hash": audit_hash(previous, tuple(line.values()))}
    connection.execute(insert(RulesLine).values(**line, **hashes))
    part = table_of(EnginePart).c
    found = connection.execute(select(part.part, part.content).where(part.part.in_((WORLD, BOOK))))
    parts = {row.part: bytes(row.content) for row in found}
    connection.exec_driver_sql(
        "INSERT INTO checkpoints (tick, kept, content) VALUES (?, 1, ?)"
        " ON CONFLICT (tick) DO UPDATE SET kept = 1, content = excluded.content",
        (tick, united(parts[WORLD], "book", parts[BOOK], after="tick")),
    )


def rules_findings(connection: Connection) -> Iterator[str]:
    """Verify the hash chain of the rules' versions; yield a sentence per bad line."""
    lines = connection.execute(select(*_LINE).order_by(_LINE.number))
    yield from (
        f"rules_in_force, number {line.number}: not what was written" for line, holds in linked(lines) if not holds
    )


_LINE: Final = table_of(RulesLine).c
