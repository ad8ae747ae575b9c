"""Tables whose rows are never changed or deleted: the database itself refuses, whoever asks."""

from collections.abc import Iterable

from alembic import op

_REFUSE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END$$
"""


def protect(tables: Iterable[str]) -> None:
    """Within a migration: refuse every update and deletion of the tables' rows from now on."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    if not is_sqlite:
        op.execute(_REFUSE)
    for table in tables:
        for change in ("UPDATE", "DELETE"):
            op.execute(_sqlite(table, change) if is_sqlite else _postgres(table, change))


def _sqlite(table: str, change: str) -> str:
    return (
        f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _postgres(table: str, change: str) -> str:
    """For each statement, so that emptying a table as a whole is refused too."""
    changes = "DELETE OR TRUNCATE" if change == "DELETE" else change
    return (
        f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {changes} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
