"""Fixtures of tests that break or upgrade a stored run."""

import shutil
from pathlib import Path

import pytest

from tests.sqlite_template import fill_anew
from tests.store.runs import stored_run


@pytest.fixture(scope="module")
def run_made_anew(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run of thirty ticks, whose database was made as Mara makes them."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patched:
        fill_anew(patched)
        stored_run(folder / "mara.db", 30).close()
    return folder


@pytest.fixture
def database(run_made_anew: Path, tmp_path: Path) -> Path:
    """A copy of that run's database, with what lies beside it."""
    return Path(shutil.copytree(run_made_anew, tmp_path, dirs_exist_ok=True)) / "mara.db"
