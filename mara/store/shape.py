"""Whether the tables are those of this Mara: none missing, none changed, and their guards against changes in place."""

from collections.abc import Iterator
from typing import Final

from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from mara.store.append_only import GUARDED
from mara.store.tables import Row

_TRIGGERS: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'",
}


def shape_findings(connection: Connection) -> Iterator[str]:
    """What is not as the migrations made it."""
    inspector = inspect(connection)
    there = set(inspector.get_table_names())
    for name, table in sorted(Row.metadata.tables.items()):
        if name not in there:
            yield f"table {name}: missing"
            continue
        stored = {str(column["name"]) for column in inspector.get_columns(name)}
        yield from (f"table {name}: its column {c} is missing" for c in sorted({c.name for c in table.columns} - stored))


def guard_findings(connection: Connection) -> Iterator[str]:
    """Tables that the database itself should keep anybody from changing, and does not."""
    there = {str(row[0]) for row in connection.exec_driver_sql(_TRIGGERS[connection.dialect.name])}
    bare = [table for table in GUARDED if not {f"{table}_no_update", f"{table}_no_delete"} <= there]
    if bare:
        yield f"no guard against changes is left on {', '.join(bare)}"
