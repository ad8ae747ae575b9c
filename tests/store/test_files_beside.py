"""Files of a database and beside it: permissions, leftovers, read-only folders."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mara.errors import StoreError, StoreRefused
from mara.store import maintenance
from mara.store.backends import backup
from mara.store.backends.backup import back_up, back_up_beside
from mara.store.files.unfinished import SUFFIX, unfinished
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from tests.cli.console import ran
from tests.forks import FORKS
from tests.store.databases import url_of
from tests.store.runs import die_amid_a_backup_and_an_export, go_on, stored_run

NOBODY = 65_534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    stored_run(tmp_path / "mara.db", 10).close()
    return tmp_path / "mara.db"


def modes_in(folder: Path) -> dict[str, str]:
    return {file.name: oct(file.stat().st_mode & 0o777) for file in sorted(folder.iterdir())}


def test_everything_of_a_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    was = os.umask(0)
    try:
        store = stored_run(tmp_path / "mara.db", 3)
        back_up_beside(tmp_path / "mara.db")
        back_up(tmp_path / "mara.db", tmp_path / "copy.db")
        names = {"mara.db", "mara.db-wal", "mara.db-shm", "mara.db.lock", "mara.db.backup-0001", "copy.db"}
        assert modes_in(tmp_path) == dict.fromkeys(sorted(names), "0o600")
        store.close()
        maintenance.restore(url_of(tmp_path / "mara.db"))
        maintenance.init(url_of(tmp_path / "mara.db"), force=True)
        assert set(modes_in(tmp_path).values()) == {"0o600"}
    finally:
        os.umask(was)


def test_what_others_could_read_is_hidden_at_the_next_start_and_a_group_keeps_its_rights(path: Path) -> None:
    for file in (path, path.with_name("mara.db.lock"), back_up_beside(path)):
        file.chmod(0o664)
    path.with_name("notes").touch(0o644)
    Store.open(url_of(path)).close()
    names = ("mara.db", "mara.db.backup-0001", "mara.db.lock")
    assert modes_in(path.parent) == {**dict.fromkeys(names, "0o660"), "notes": "0o644"}


def test_what_killed_backups_and_exports_left_is_swept_at_the_next_start(path: Path) -> None:
    killed = FORKS.Process(target=die_amid_a_backup_and_an_export, args=(path,))
    killed.start()
    killed.join(60)
    killed.kill()
    assert killed.exitcode == -signal.SIGKILL
    left = {file.name for file in path.parent.iterdir() if file.name.endswith(SUFFIX)}
    assert left == {f"prices.csv{SUFFIX}"}, "the export swept what the backup had left"
    for name in ("mara.db.new", "mara.db.new-wal"):
        (path.parent / name).touch()
    with unfinished(path.with_name("under-way.csv")) as busy:
        Store.open(url_of(path)).close()
        assert sorted(file.name for file in path.parent.iterdir()) == ["mara.db", "mara.db.lock", busy.name]
        with pytest.raises(StoreRefused, match="by another process"), unfinished(path.with_name("under-way.csv")):
            pass
        assert busy.exists()
    assert not busy.exists()


def test_a_backup_that_is_not_sound_is_not_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = backup.sync

    def spoil(copy: Path) -> str | None:
        """Damage a copy between its writing and its verification, as a failing disk does."""
        with copy.open("r+b") as file:
            file.seek(3 * 4_096)
            file.write(os.urandom(8 * 4_096))
        return fault_of(copy)

    fault_of = backup.fault_of
    monkeypatch.setattr(backup, "fault_of", spoil)
    with pytest.raises(StoreError, match="not sound"):
        back_up(path, path.with_name("copy.db"))
    assert not path.with_name("copy.db").exists()
    assert backup.sync is sound


def test_a_backup_is_on_the_disk_before_it_has_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = path.with_name("copy.db")
    flushed: list[tuple[int, bool]] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        flushed.append((os.fstat(descriptor).st_ino, copy.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    back_up(path, copy)
    assert flushed == [(copy.stat().st_ino, False), (path.parent.stat().st_ino, True)]


# --- read-only folders


@contextmanager
def powerless(*, log: bool = False) -> Iterator[Path]:
    """A run in a folder that cannot be written; root becomes `nobody` for a while."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = stored_run(folder / "mara.db", 12)
        kept = (folder / "mara.db-wal").read_bytes()
        store.close()
        if log:
            (folder / "mara.db-wal").write_bytes(kept)
        for file in folder.iterdir():
            file.chmod(0o444)
        folder.chmod(0o555)
        was = os.geteuid()
        if was == 0:
            os.seteuid(NOBODY)
        try:
            yield folder / "mara.db"
        finally:
            os.seteuid(was)
            folder.chmod(0o755)


def test_a_sound_database_on_a_read_only_medium_is_read() -> None:
    with powerless() as path:
        assert maintenance.check(url_of(path)).ticks_count == 12
        reading = ReadModel.open(url_of(path))
        assert reading.next_tick() == 12
        reading.close()
        with pytest.raises(StoreRefused, match="lock file"):
            Store.open(url_of(path))


def test_with_a_log_beside_it_what_to_do_is_said_and_works(tmp_path: Path) -> None:
    with powerless(log=True) as path:
        for ask in (lambda: maintenance.check(url_of(path)), lambda: ReadModel.open(url_of(path))):
            with pytest.raises(StoreRefused, match="copy both files") as refusal:
                ask()
            assert "mara.db-wal" in str(refusal.value)
        copies = {file.name: file.read_bytes() for file in path.parent.glob("mara.db*")}
    for name in ("mara.db", "mara.db-wal"):
        (tmp_path / name).write_bytes(copies[name])
    assert maintenance.check(url_of(tmp_path / "mara.db")).ticks_count == 12


def test_every_command_that_only_reads_works_on_a_read_only_mount(tmp_path: Path, path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "mara-test", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    try:
        (disk / "mara.db").write_bytes(path.read_bytes())
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        url = url_of(disk / "mara.db")
        for words in (
            ("db", "check"),
            ("db", "backup", tmp_path / "copy.db"),
            ("replay", "--tick", "5"),
            ("export", "steps", "--out", tmp_path / "steps.csv"),
        ):
            outcome = ran(*words, database_url=url)
            assert outcome.exit_code == 0, outcome.err
        assert "make the folder writable" in ran("simulate", "--ticks", 1, database_url=url).complaint
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_new_database_of_which_nothing_came_is_taken_away_again(tmp_path: Path) -> None:
    store = Store.open(url_of(tmp_path / "mara.db"))
    store.discard()
    assert [file.name for file in tmp_path.iterdir()] == ["mara.db.lock"]
    store = stored_run(tmp_path / "mara.db", 2)
    store.discard()
    store = Store.open(url_of(tmp_path / "mara.db"))
    go_on(store, 1)
    store.discard()
    assert maintenance.check(url_of(tmp_path / "mara.db")).ticks_count == 3
