"""New SQLite databases as copies of one that the migrations made, which takes a hundredth of their time.

PostgreSQL's are made alike: see `tests.postgres_server`. Tests of the migrations ask for `made_by_migrations`.
"""

from pathlib import Path

from mara.store.backends import upgrade

migrate = upgrade._migrate
"""As Mara itself does it."""
_FRESH: list[bytes] = []
"""The bytes of a database that has the newest schema and nothing else, once one was made."""


def migrate_or_copy(path: Path, migrations: Path) -> None:
    """Fill a new file with what the migrations make of one; a file that has a version is migrated."""
    if migrations != upgrade.MIGRATIONS or upgrade.revision_of(path):
        migrate(path, migrations)
    elif not _FRESH:
        migrate(path, migrations)
        _FRESH.append(path.read_bytes())
    else:
        path.write_bytes(_FRESH[0])
