"""New SQLite databases as copies of a migrated one, a hundred times faster.

PostgreSQL's are made alike: see `tests.postgres_server`. Tests of the migrations ask for `made_by_migrations`.
"""

from pathlib import Path

import pytest

from mara.store.backends import upgrade

migrate = upgrade._migrate
"""The function by which Mara itself migrates a file."""
_FRESH: list[bytes] = []
"""The bytes of an empty database with the newest schema, once one was made."""


def migrate_or_copy(path: Path, migrations: Path) -> None:
    """Fill a new file with a copy of a migrated database; migrate one with a version."""
    if migrations != upgrade.MIGRATIONS or upgrade.revision_of(path):
        migrate(path, migrations)
    elif not _FRESH:
        migrate(path, migrations)
        _FRESH.append(path.read_bytes())
    else:
        path.write_bytes(_FRESH[0])


def migrate_anew(patched: pytest.MonkeyPatch) -> None:
    """Create each new database by the migrations, as Mara does."""
    patched.setattr(upgrade, "_migrate", migrate)
