"""Create and upgrade the schema on a server, in one transaction that it can undo."""

from typing import Final

from sqlalchemy.engine import Connection

from mara.errors import StoreError, StoreRefused
from mara.store.backends.upgrade import HEAD, MIGRATIONS, alembic_config, known_revisions

MOST_ASIDE: Final = 1_000


def revision_in(connection: Connection) -> str:
    """The migration that the database stands at; empty before the first."""
    if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is None:
        return ""
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")


def refuse_newer(revision: str, name: str) -> None:
    """Refuse a database that a newer Mara wrote.

    Raises:
        StoreRefused: the schema stands at a migration that this version does not know.
    """
    if revision not in ("", *known_revisions(MIGRATIONS)):
        raise StoreRefused(
            f"{name} was written by a newer Mara (schema {revision}, this one knows up to {HEAD}): upgrade Mara"
        )


def bring_up_to_date(connection: Connection, name: str) -> None:
    """Run the missing migrations, all or none.

    Raises:
        StoreRefused: tables of another program are there, or of a newer Mara.
        StoreError: a migration failed; the database is as it was.
    """
    from alembic import command

    with connection.begin():
        revision = revision_in(connection)
    if revision == HEAD:
        return
    refuse_newer(revision, name)
    try:
        with connection.begin():
            if not revision and _tables(connection):
                raise StoreRefused(f"{name} holds tables of another program: make a database for Mara alone")
            command.upgrade(alembic_config(MIGRATIONS, connection), "head")
    except BaseException as error:
        if isinstance(error, StoreError) or not isinstance(error, Exception):
            raise
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise StoreError(
            f"{name} could not be upgraded ({reason}); it is as it was: mend that and try again"
        ) from error


def set_aside(connection: Connection, name: str, *, force: bool) -> str | None:
    """Rename the schema and create an empty one; None if there were no tables.

    Raises:
        StoreRefused: something is there and `force` was not given.
    """
    with connection.begin():
        if not _tables(connection):
            return None
        if not force:
            raise StoreRefused(f"{name} is there already: `mara db init --force` sets it aside, starts anew")
        schema = str(connection.exec_driver_sql("SELECT current_schema()").scalar_one())
        taken = set(connection.exec_driver_sql("SELECT nspname FROM pg_namespace").scalars())
        aside = next(a for n in range(1, MOST_ASIDE) if (a := f"{schema}_set_aside_{n}") not in taken)
        connection.exec_driver_sql(f'ALTER SCHEMA "{schema}" RENAME TO "{aside}"')
        connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
    return f"schema {aside}"


def _tables(connection: Connection) -> int:
    query = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
    return int(connection.exec_driver_sql(query).scalar_one())
