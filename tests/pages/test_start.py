"""A failed start ends the process with one line and a code, for service managers."""

import subprocess
from pathlib import Path

import pytest

from mara.assembly.runs import open_run
from mara.bootstrap import platform_of
from mara.errors import EXIT_DATABASE, EXIT_OUR_FAULT, ConfigError, MaraError, StoreBlocked
from mara.settings import read_settings
from pages.serving.middleware import add_middleware
from tests.cli.console import ran
from tests.forked_program import ended
from tests.servers import environment, free_port

RUN = """
import sys
from pages.__main__ import main
sys.argv = ["mara", "run", "--no-browser", *sys.argv[1:]]
main()
"""
BUG = """
import mara.bootstrap

def open_run(*_):
    raise RuntimeError("a bug in the start")

mara.bootstrap.open_run = open_run
"""


def started(folder: Path, program: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a whole `mara run` that is expected to end by itself."""
    env = environment() | {"MARA_OPTIMIZER": "rules"} | settings
    return ended(["-c", program, "--port", str(free_port())], folder, env)


def one_line(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("mara: ")
    assert "Mara is on" not in done.stdout
    return done.stderr


def test_a_fault_of_the_program_ends_the_start_with_one_line(tmp_path: Path) -> None:
    done = started(tmp_path, BUG + RUN)
    assert done.returncode == EXIT_OUR_FAULT
    assert "RuntimeError: a bug in the start" in one_line(done)


def test_a_disk_that_is_full_at_the_first_start_ends_it_with_one_line_and_leaves_no_database(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "mara-test", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    try:
        done = started(tmp_path, RUN, MARA_DATABASE_URL=f"sqlite:///{disk}/mara.db")
        assert done.returncode == EXIT_DATABASE
        assert "disk full" in one_line(done)
        assert sorted(file.name for file in disk.iterdir()) == ["mara.db.lock"]
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("url", ["sqlite:////", "sqlite:///..", "sqlite:///."])
def test_a_folder_is_no_database_and_refused_in_one_line(tmp_path: Path, url: str) -> None:
    for words in (("simulate", "--ticks", 1), ("db", "check"), ("user", "list")):
        outcome = ran(*words, database_url=url, log_file=str(tmp_path / "app.log"))
        assert outcome.exit_code == EXIT_DATABASE
        assert "a folder came" in outcome.complaint
    assert [file.name for file in tmp_path.iterdir()] == ["app.log"]


def test_a_start_that_is_refused_leaves_no_empty_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'mara.db'}"
    nobody = read_settings(env={"MARA_DATABASE_URL": url, "MARA_AUTH": "on"}, options={})
    with pytest.raises(ConfigError, match="no user yet"):
        add_middleware(nobody, platform_of(nobody))
    nowhere = read_settings(env={"MARA_DATABASE_URL": url, "MARA_HISTORY": str(tmp_path / "nowhere")}, options={})
    with pytest.raises(MaraError):
        open_run(nowhere)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_cannot_be_begun_leaves_no_empty_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreBlocked("disk full at the start of the run")

    monkeypatch.setattr("mara.store.write.resume.write_first", full)
    url = f"sqlite:///{tmp_path / 'mara.db'}"
    with pytest.raises(StoreBlocked):
        open_run(read_settings(env={"MARA_DATABASE_URL": url}, options={}))
    assert [file.name for file in tmp_path.iterdir()] == ["mara.db.lock"]
