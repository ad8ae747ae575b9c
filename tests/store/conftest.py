"""Fixtures of tests that break or upgrade a stored run."""

import shutil
from pathlib import Path

import pytest

from tests.sqlite_template import migrate_anew
from tests.store.runs import stored_run


@pytest.fixture(scope="module")
def run_by_migrations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run of thirty ticks, whose database was made by the migrations."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patched:
        migrate_anew(patched)
        stored_run(folder / "mara.db", 30).close()
    return folder


@pytest.fixture
def database(run_by_migrations: Path, tmp_path: Path) -> Path:
    """A copy of that run's database, with what lies beside it."""
    return Path(shutil.copytree(run_by_migrations, tmp_path, dirs_exist_ok=True)) / "mara.db"
