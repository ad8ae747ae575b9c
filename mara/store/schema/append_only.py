"""Triggers that refuse every change of a table's rows, whoever asks."""

from collections.abc import Iterable

from alembic import op

_REFUSE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END$$
"""


def protect(tables: Iterable[str]) -> None:
    """Create triggers that refuse updates and deletions; call it inside a migration."""
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
    """Trigger on statements, so that TRUNCATE is refused too."""
    changes = "DELETE OR TRUNCATE" if change == "DELETE" else change
    return (
        f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {changes} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
