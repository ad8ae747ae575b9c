"""Each command works in a folder of its own."""

from pathlib import Path

import pytest

from tests.cli.console import small_history


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
