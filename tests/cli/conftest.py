"""Fixtures of commands: a working folder for each test, and stored runs."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class StoredRun:
    """A stored simulation of some hours: its database, and what the command reported."""

    database: Path
    report: dict[str, Any]


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    """A run of some hours, stored at once."""
    database = tmp_path_factory.mktemp("stored") / "whole.db"
    return StoredRun(database, simulated_into(database, STORED_TICKS))


@pytest.fixture(scope="session")
def stored_twice(stored: StoredRun) -> tuple[Path, Path]:
    """The same run of some hours in two databases: stored at once, and in two parts."""
    parts = stored.database.with_name("parts.db")
    for ticks in (STORED_TICKS - 35, 35):
        simulated_into(parts, ticks)
    return stored.database, parts


def simulated_into(database: Path, ticks: int) -> dict[str, Any]:
    """Begin a stored run, or go on with it; returns the report."""
    url, log = f"sqlite:///{database}", str(database.with_name("app.log"))
    return ran("simulate", "--ticks", ticks, "--json", database_url=url, log_file=log).report


@pytest.fixture
def database(stored: StoredRun, here: Path) -> Path:
    """The stored run in the test's folder, under the name that commands look for."""
    return Path(shutil.copy(stored.database, here / "mara.db"))
