"""Random tampering with a stored run: changed values, rows and single bits."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from mara.core.alert import AlertChange, Trouble
from mara.core.world import first_world
from mara.store.access.api_usage import ClaudeCalls, RunNote
from mara.store.access.users import AccessEvent, Session, Token, User, UserStore
from mara.store.schema.tables import Row as Table
from mara.store.store import Store
from mara.store.write.signals import NewSignal
from tests.store.databases import ON_A_SERVER, columns_of, connected, tables_of, url_of
from tests.store.runs import METERED, START, go_on, record, small_charter

NOW_S = 1_700_000_000
UPDATE, DELETE, INSERT = KINDS_OF_CHANGE = ("update", "delete", "insert")
Row = tuple[Any, ...]


def full_run(path: Path, ticks: int) -> Path:
    """A stored run with rows in every table.

    It has users, tokens, sessions, Claude, contracts, closed windows, outages, meters, alerts and signals.
    """
    config = small_charter(name=METERED)
    store = Store.open(url_of(path))
    store.begin(record(config), first_world(config))
    store.signals.write(
        NewSignal(at=START, tick=0, kind="mode", site_id="site0", reason="a trial", before="advise", after="shadow")
    )
    trouble = Trouble(kind="site", severity="warning", subject="site0", text="site0 is down")
    store.alerts.add([AlertChange(number=1, change="began", trouble=trouble, tick=0, at=START)])
    go_on(store, ticks // 2)
    calls = ClaudeCalls(store)
    for number in (1, 2, 3):
        asked = calls.reserve(NOW_S + number, 900)
        if number < 3:
            calls.record_cost(asked, 700, f"req_{number}")
        note = RunNote(
            asked_epoch_s=NOW_S,
            tick=number,
            outcome="kept",
            message="none better",
            model="m",
            request_id=f"req_{number}",
            snapshot_hash="ab",
            prompt_version="1",
            cost_micro_usd=700,
        )
        calls.note(note)
    people = UserStore.open(url_of(path))
    for number, name in enumerate(("ann", "bob", "eve")):
        by = AccessEvent(at_epoch_s=NOW_S + number, actor="root", address="::1", action=f"added {name}")
        people.add(User(name=name, role="admin"), f"$argon2id${name}", by=by)
        for kind in (Token, Session):
            person, digest = User(name=name, role="viewer"), bytes([number]) * 32
            people.issue(kind, digest, person, until=NOW_S * 2, by=by)
    people.remove("eve", by=AccessEvent(at_epoch_s=NOW_S, actor="root", address="", action="removed eve"))
    people.note(AccessEvent(at_epoch_s=NOW_S, actor="bob", address="", action="login refused"))
    people.close()
    go_on(store, ticks - ticks // 2)
    store.close()
    return path


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a table; `column` is empty for whole rows."""

    kind: str
    table: str
    column: str = ""


def drawn(path: Path, random: Random, count: int) -> Iterator[Change]:
    """Draw changes over all tables in turn, values twice as often as rows."""
    tables = [table for table in tables_of(path) if table != "alembic_version"]
    for number in range(count):
        table = tables[number % len(tables)]
        kind = random.choice((UPDATE, UPDATE, DELETE, INSERT))
        yield Change(kind, table, random.choice(columns_of(path, table)) if kind == UPDATE else "")


def make(path: Path, change: Change, random: Random) -> bool:
    """Make a change past every guard, and restore the guards; True if a row changed."""
    with unguarded(path) as connection:
        return make_in(connection, columns_of(path, change.table), change, random)


def make_in(connection: Any, columns: list[str], change: Change, random: Random) -> bool:
    """Make a change in a connection without guards; True if a row changed."""
    is_file = isinstance(connection, sqlite3.Connection)
    mark, same = ("?", " IS ") if is_file else ("%s", " IS NOT DISTINCT FROM ")
    rows = [tuple(row) for row in connection.execute(f"SELECT * FROM {change.table}").fetchall()]
    if not rows:
        return False
    row, table = random.choice(rows), Table.metadata.tables[change.table]
    where = " AND ".join(f"{name}{same}{mark}" for name in columns)
    if change.kind == DELETE:
        return _tried(connection, f"DELETE FROM {change.table} WHERE {where}", row)
    if change.kind == UPDATE:
        value = _other(row[columns.index(change.column)], table.columns[change.column].type.python_type, random)
        statement = f"UPDATE {change.table} SET {change.column} = {mark} WHERE {where}"
        return _tried(connection, statement, (value, *row))
    keys = {column.name for column in table.columns if column.primary_key or column.unique}
    foreign = [_other(v, int, random) if name in keys else v for name, v in zip(columns, row, strict=True)]
    marks = ", ".join(mark for _ in columns)
    return _tried(connection, f"INSERT INTO {change.table} VALUES ({marks})", tuple(foreign))


def _tried(connection: Any, statement: str, values: Row) -> bool:
    """Execute a change; False if the database refuses it.

    It refuses a key that is there already, and NULL where a value is required.
    """
    try:
        return bool(connection.execute(statement, values).rowcount)
    except Exception as error:  # each driver has its own
        if type(error).__name__ in ("IntegrityError", "UniqueViolation", "CheckViolation", "NotNullViolation"):
            return False
        raise


def _other(value: Any, kind: type, random: Random) -> Any:
    """Choose another value of the same type."""
    if value is None:
        return {int: 7, float: 7.5, str: "seven"}.get(kind, b"seven")
    if isinstance(value, bytes):
        place = random.randrange(len(value)) if value else 0
        turned = value[place] ^ (1 << random.randrange(8)) if value else 0
        return value[:place] + bytes([turned]) + value[place + 1 :]
    if isinstance(value, str):
        return random.choice((value + "x", value[:-1] + "~", "")) if value else "x"
    return value + random.choice((1, -1, 1_000, 1_000_000))


@contextmanager
def unguarded(path: Path) -> Iterator[Any]:
    """Yield a connection without triggers and checks, and restore them afterwards."""
    with connected(path) as connection:
        if path.suffix == ON_A_SERVER:
            connection.execute("SET session_replication_role = replica")
            yield connection
            return
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in triggers:
            connection.execute(sql)
        connection.execute("COMMIT")


def dump(path: Path) -> dict[str, Any] | None:
    """Read all contents of a file, text as bytes; None if it cannot be read."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.text_factory = bytes
            tables = [
                str(row[0], "utf-8")
                for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            found: dict[str, Any] = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
            found["sqlite_master"] = connection.execute(
                "SELECT type, name, tbl_name, sql FROM sqlite_master"
            ).fetchall()
            return found
    except (sqlite3.Error, UnicodeDecodeError, OverflowError):
        return None


def flip(path: Path, random: Random) -> tuple[int, int]:
    """Invert one bit of a file; return its position."""
    place, bit = random.randrange(path.stat().st_size), random.randrange(8)
    with path.open("r+b") as file:
        file.seek(place)
        old = file.read(1)[0]
        file.seek(place)
        file.write(bytes([old ^ (1 << bit)]))
    return place, bit
