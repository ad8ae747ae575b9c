"""New SQLite databases as copies of one that Mara made, ten times faster.

PostgreSQL's are made alike: see `tests.postgres_server`. Tests of how databases are made ask for `made_anew`.
"""

from pathlib import Path

import pytest

from mara.store.backends import upgrade

fill = upgrade.fill
"""The function by which Mara itself fills a new file."""
_FRESH: list[bytes] = []
"""The bytes of an empty database with the newest schema, once one was made."""


def fill_or_copy(path: Path) -> None:
    """Fill a new file with a copy of an empty database."""
    if not _FRESH:
        fill(path)
        _FRESH.append(path.read_bytes())
    else:
        path.write_bytes(_FRESH[0])


def fill_anew(patched: pytest.MonkeyPatch) -> None:
    """Create each new database as Mara does."""
    patched.setattr(upgrade, "fill", fill)
