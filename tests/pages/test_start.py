"""A failed start ends the process with one line and a code, for service managers."""

import subprocess
import sys
from pathlib import Path

import pytest

from mara.assembly.runs import open_run
from mara.bootstrap import platform_of
from mara.errors import EXIT_DATABASE, EXIT_OUR_FAULT, ConfigError, MaraError, StoreBlocked
from mara.settings import read_settings
from pages.serving.middleware import add_middleware
from tests.browser.conftest import ROOT, environment, free_port
from tests.cli.console import ran
from tests.forked_program import forked

LONGEST_S = 60
RUN = ["run", "--no-browser", "--port"]


def settings_of(**settings: str) -> dict[str, str]:
    return environment() | {"PYTHONPATH": str(ROOT), "MARA_OPTIMIZER": "rules"} | settings


def one_line(told: str, complaints: str) -> str:
    assert complaints.count("\n") == 1, complaints
    assert complaints.startswith("mara: ")
    assert "Mara is on" not in told
    return complaints


def test_a_fault_of_the_program_ends_the_start_with_one_line(tmp_path: Path) -> None:
    words, complaints = ["tests.pages.faulty_start", *RUN, str(free_port())], tmp_path / "complaints"
    with forked(words, tmp_path, settings_of(), complaints) as program:
        assert program.wait(LONGEST_S) == EXIT_OUR_FAULT
        said = one_line(program.stdout.read(), complaints.read_text(encoding="utf-8"))
    assert "RuntimeError: a bug in the start" in said


def test_a_disk_that_is_full_at_the_first_start_ends_it_with_one_line_and_leaves_no_database(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "mara-test", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "pages", *RUN, str(free_port())],
            cwd=tmp_path,
            env=settings_of(MARA_DATABASE_URL=f"sqlite:///{disk}/mara.db"),
            check=False,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
        )
        assert ended.returncode == EXIT_DATABASE
        assert "disk full" in one_line(ended.stdout, ended.stderr)
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
