"""Check tables, columns, definitions and triggers against this version's schema."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy.engine import Connection

from mara.store.backends.upgrade import create
from mara.store.check.inspection import CHANGED
from mara.store.schema.tables import Row

GUARDED: Final = (
    "runs",
    "site_inventories",
    "ticks",
    "hourly",
    "ledger",
    "sla_contracts",
    "sla_intervals",
    "sla_windows",
    "plans",
    "optimization_runs",
    "audit",
    "access_log",
    "rules_in_force",
    "orders",
    "order_outcomes",
    "signal_log",
    "daily_gains",
    "ledger_days",
)
"""Tables that the migrations made append-only; their triggers must be in place."""


def shape_findings(connection: Connection) -> Iterator[str]:
    """Report missing tables and columns."""
    there: defaultdict[str, set[str]] = defaultdict(set)
    for row in connection.exec_driver_sql(_COLUMNS[connection.dialect.name]):
        there[str(row.name)].add(str(row.column_name))
    for name, table in sorted(Row.metadata.tables.items()):
        if name not in there:
            yield f"table {name}: missing"
            continue
        missing = sorted({column.name for column in table.columns} - there[name])
        yield from (f"table {name}: its column {column} is missing" for column in missing)


_COLUMNS: Final = {
    "sqlite": "SELECT m.name AS name, p.name AS column_name FROM sqlite_master m JOIN pragma_table_info(m.name) p"
    " WHERE m.type = 'table'",
    "postgresql": "SELECT c.relname AS name, a.attname AS column_name FROM pg_class c"
    " JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped",
}
"""SQL of all columns by table, by the database's kind.

SQLAlchemy would ask table by table.
"""


def schema_columns() -> dict[str, tuple[str, ...]]:
    """List the columns of every table, by table."""
    # Imported here, because their modules declare further tables and are slow to import.
    from mara.store.access import api_usage, users
    from mara.store.schema import gain_table, hourly, ledger, order_tables, signal_tables
    from mara.store.write import rules_in_force

    owners = (
        api_usage.ClaudeRun,
        gain_table.DayGainsRow,
        hourly.Hourly,
        ledger.LedgerEntry,
        order_tables.Order,
        signal_tables.SignalLine,
        users.UserRow,
        rules_in_force.RulesLine,
    )
    assert all(table.metadata is Row.metadata for table in owners)
    return {name: tuple(column.name for column in table.columns) for name, table in Row.metadata.tables.items()}


def guard_findings(connection: Connection) -> Iterator[str]:
    """Report tables and triggers that are not as the migrations made them."""
    if connection.dialect.name != "sqlite":
        there = {str(row.tgname) for row in connection.exec_driver_sql(_TRIGGERS)}
        wanted = [f"{table}_no_{change}" for table in GUARDED for change in ("update", "delete")]
        apart = [name for name in wanted if name not in there]
    else:
        stored = {str(row.name): row.sql for row in connection.exec_driver_sql(_DEFINITIONS)}
        wanted_sql = _made_definitions()
        apart = [name for name, sql in wanted_sql.items() if stored.get(name) != sql]
        apart += [name for name in stored if name not in wanted_sql and not name.startswith("sqlite_")]
    if apart:
        yield f"the database's own definitions are {CHANGED} or missing: {', '.join(apart)}"


_TRIGGERS: Final = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
_DEFINITIONS: Final = "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'trigger') ORDER BY name"


@cache
def _made_definitions() -> dict[str, str | None]:
    """The definitions of tables and triggers in a new database file, by name."""
    with TemporaryDirectory(prefix="mara-") as folder:
        path = Path(folder) / "new.db"
        create(path)
        with closing(sqlite3.connect(path)) as connection:
            return dict(connection.execute(_DEFINITIONS))
