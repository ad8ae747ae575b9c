"""Create and upgrade the schema of a database file, as a whole or not at all.

A new file gets its name when it is complete, and its tables from a script, which says what all migrations together
make; an upgrade begins with a backup, which is put back if it fails.
"""

import errno
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import Connection

from mara.errors import StoreError, StoreRefused
from mara.store.backends.backup import back_up_beside, put_back, sync
from mara.store.backends.integrity import APPLICATION_ID
from mara.store.backends.sqlite_connection import answering, open_to_read, refusal_of, writer_engine
from mara.store.files.private import files_of, make_private

HEAD: Final = "0017"
"""Number of the newest migration; a test compares it with the folder."""
MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"
NEW_DATABASE: Final = MIGRATIONS / "new_database.sql"
"""The schema of a new database, by `scripts/new_database.py`."""


def create(path: Path) -> None:
    """Create an empty database under a temporary name, and rename it when complete.

    Raises:
        StoreError: the write failed.
    """
    unfinished = path.with_name(path.name + ".new")
    with answering(path, "its creation"):
        try:
            sweep_creation(path)
            make_private(unfinished)
            fill(unfinished)
            sync(unfinished)
            unfinished.replace(path)
            sync(path.parent)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise refusal_of(path, "its creation", "full") from error
            raise StoreError(f"{path} could not be created ({error.strerror}): make its folder writable") from error
        finally:
            sweep_creation(path)


def fill(path: Path) -> None:
    """Make the tables of an empty file by the script.

    Alembic is not needed, whose import and migrations took longer than all else of a first start.
    """
    script = NEW_DATABASE.read_text(encoding="utf-8")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN;\n{script}COMMIT;")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def sweep_creation(path: Path) -> None:
    """Delete the files of an interrupted creation; the caller holds the writer lock."""
    new = path.with_name(path.name + ".new")
    for file in (*files_of(new), new.with_name(new.name + "-journal")):
        file.unlink(missing_ok=True)


def revision_of(path: Path) -> str:
    """The migration that a database stands at; empty before the first."""
    with answering(path, "its version"), closing(open_to_read(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
            return ""
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or ("",)
        return str(revision)


def refuse_newer(path: Path) -> str:
    """Refuse a database that a newer Mara wrote; returns its migration otherwise.

    Raises:
        StoreRefused: the schema stands at a migration that this version does not know.
    """
    revision = revision_of(path)
    if revision not in ("", HEAD) and revision not in known_revisions(MIGRATIONS):
        raise StoreRefused(
            f"{path} was written by a newer Mara (schema {revision}, this one knows up to {HEAD}): upgrade Mara"
        )
    return revision


def upgrade(path: Path, migrations: Path = MIGRATIONS) -> Path | None:
    """Upgrade a database to the newest schema; returns the backup made first, if any.

    The caller holds the writer lock.

    Raises:
        StoreError: a migration failed; the database is as it was.
    """
    if revision_of(path) == known_revisions(migrations)[-1]:
        return None
    backup = back_up_beside(path)
    try:
        migrate(path, migrations)
    except BaseException as error:
        put_back(backup, path)
        if not isinstance(error, Exception):
            raise
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        raise StoreError(
            f"{path} could not be upgraded ({reason}); it is as it was: go on with the Mara that wrote it"
        ) from error
    return backup


def alembic_config(migrations: Path, connection: Connection) -> Any:
    """Make Alembic's configuration for the migrations on an open connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(path: Path, migrations: Path) -> None:
    """Run the missing migrations in one transaction, and check references at its end.

    Raises:
        StoreError: rows refer to nothing afterwards.
    """
    from alembic import command

    engine = writer_engine(path)
    try:
        with engine.connect() as connection:
            # Rebuilding a table drops it for a moment; SQLite changes this setting outside transactions only.
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
            with connection.begin():
                command.upgrade(alembic_config(migrations, connection), "head")
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise StoreError(f"{len(broken)} rows refer to nothing, first in table {broken[0].table}")
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()


def known_revisions(migrations: Path) -> list[str]:
    """List the numbers of the migrations, oldest first, from their file names."""
    return sorted(path.name.partition("_")[0] for path in (migrations / "versions").glob("[0-9]*.py"))
