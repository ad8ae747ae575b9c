"""Fixtures of commands: a working folder for each test, and stored runs."""

import shutil
from pathlib import Path

import pytest

from tests.cli.console import ran, small_history
from tests.cli.databases import STORED_TICKS


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the test, empty at first."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return small_history(tmp_path / "past")


@pytest.fixture(scope="session")
def stored_twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same run of some hours in two databases: stored at once, and in two parts."""
    folder = tmp_path_factory.mktemp("stored")
    databases = folder / "whole.db", folder / "parts.db"
    for database, parts in zip(databases, ((STORED_TICKS,), (STORED_TICKS - 35, 35)), strict=True):
        for ticks in parts:
            url, log = f"sqlite:///{database}", str(folder / "app.log")
            assert ran("simulate", "--ticks", ticks, database_url=url, log_file=log).exit_code == 0
    return databases


@pytest.fixture
def database(stored_twice: tuple[Path, Path], here: Path) -> Path:
    """The stored run in the test's folder, under the name that commands look for."""
    return Path(shutil.copy(stored_twice[0], here / "mara.db"))
