"""Exports under way are kept; those of a killed server are deleted at a start."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mara.api.routes.tables.exports import PREFIX, export_folder, sweep_exports


def test_the_folders_of_a_killed_server_are_swept_and_those_of_a_living_one_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f"{PREFIX}{ended.pid}-abc").mkdir()
    (tmp_path / f"{PREFIX}{ended.pid}-abc" / "steps.csv").touch()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        stays = tmp_path / f"{PREFIX}{living.pid}-abc"
        stays.mkdir()
        (tmp_path / "mara-export-notes").mkdir()
        sweep_exports()
        assert {folder.name for folder in tmp_path.iterdir()} == {stays.name, "mara-export-notes"}
        living.communicate(b"\n")
    with export_folder() as own:
        assert Path(own).parent == tmp_path
        sweep_exports()
        assert not Path(own).exists(), "nobody has asked yet when a server starts: it is of one before with our number"
        Path(own).mkdir()
