"""From which tick on which rules made a run: written with the first tick of each version, and kept for ever.

Each line is chained to the one before, as the audit is, so that nobody excuses a changed tick with other rules unseen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import Connection

import mara
from mara.core.rules_version import RULES_CHANGES, RULES_VERSION
from mara.store.encoding.chain import audit_hash, linked
from mara.store.encoding.layout import united
from mara.store.schema.tables import BY_ROWID, Row, binary, key, whole, words
from mara.store.write.tick_write import BOOK, WORLD

_ALL: Final = "SELECT from_tick, rules_version, mara_version FROM rules_in_force ORDER BY number"


class RulesLine(Row, table=True):
    """From `from_tick` on the rules are of this version, as this Mara has them; the newest line of a tick holds."""

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
    """Which rules hold from a tick on, and which Mara had them."""

    from_tick: int
    rules_version: int
    mara_version: str

    @property
    def are_ours(self) -> bool:
        """Whether this program computes a tick of these rules as it was."""
        return self.rules_version == RULES_VERSION

    def __str__(self) -> str:
        return f"rules version {self.rules_version} (Mara {self.mara_version})"


def rules_in(connection: Connection) -> tuple[RulesInForce, ...]:
    """Every version that made ticks, in the order they came; none before a run began."""
    return tuple(
        RulesInForce(from_tick=tick, rules_version=version, mara_version=made_by)
        for tick, version, made_by in connection.exec_driver_sql(_ALL)
    )


def rules_of(tick: int, held: tuple[RulesInForce, ...]) -> RulesInForce:
    """Which of them made a tick."""
    return [rules for rules in held if rules.from_tick <= tick][-1]


def not_ours(what: str, rules: RulesInForce) -> str:
    """What to say of something that older or newer rules made."""
    changed = "; ".join(RULES_CHANGES[n] for n in range(rules.rules_version + 1, RULES_VERSION + 1))
    here = f"this program has version {RULES_VERSION}" + (f" ({changed})" if changed else "")
    return f"{what} made by {rules}; {here}: not recomputed"


def notes_on(held: tuple[RulesInForce, ...], end_tick: int) -> Iterator[str]:
    """What is to be known of a run up to `end_tick` that was not made by our rules throughout, a line for each span."""
    if all(rules.are_ours for rules in held):
        return
    ends = [*(rules.from_tick for rules in held[1:]), end_tick]
    for rules, end in zip(held, ends, strict=True):
        if rules.are_ours:
            yield f"from tick {rules.from_tick} on {rules} holds"
        elif end > rules.from_tick:
            yield not_ours(f"ticks {rules.from_tick} to {end - 1} were", rules)


def are_ours_in(connection: Connection) -> bool:
    """Whether the next tick goes on under the rules of the last."""
    held = rules_in(connection)
    return bool(held) and held[-1].are_ours


def write_ours(connection: Connection, tick: int) -> None:
    """From `tick` on our rules hold; the world before it is kept, so that replays need not begin under other rules.

    It is kept in the bytes that its own Mara wrote, which the chain of ticks has the hash of.
    """
    number, last = connection.exec_driver_sql(
        "SELECT number, entry_hash FROM rules_in_force ORDER BY number DESC LIMIT 1"
    ).one_or_none() or (0, b"")
    line = (number + 1, tick, RULES_VERSION, mara.__version__)
    connection.exec_driver_sql(
        "INSERT INTO rules_in_force (number, from_tick, rules_version, mara_version, previous_hash, entry_hash)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (*line, bytes(last), audit_hash(bytes(last), line)),
    )
    parts = {
        part: bytes(content)
        for part, content in connection.exec_driver_sql(
            "SELECT part, content FROM engine_parts WHERE part IN (?, ?)", (WORLD, BOOK)
        )
    }
    connection.exec_driver_sql(
        "INSERT INTO checkpoints (tick, kept, content) VALUES (?, 1, ?)"
        " ON CONFLICT (tick) DO UPDATE SET kept = 1, content = excluded.content",
        (tick, united(parts[WORLD], "book", parts[BOOK], after="tick")),
    )


def rules_findings(connection: Connection) -> Iterator[str]:
    """Lines that are not what was written, as sentences for `mara db check`."""
    lines = connection.exec_driver_sql(
        "SELECT number, from_tick, rules_version, mara_version, previous_hash, entry_hash"
        " FROM rules_in_force ORDER BY number"
    )
    yield from (f"rules_in_force, number {line[0]}: not what was written" for line, holds in linked(lines) if not holds)
