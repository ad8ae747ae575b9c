"""A database has one writer, whichever name and lock file it is opened with."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from mara.errors import StoreRefused
from mara.store import maintenance
from mara.store.files import fence
from mara.store.store import Store
from tests.cli.console import ran
from tests.forks import begun
from tests.store.databases import url_of
from tests.store.runs import go_on, stored_run, write_when_told

LOOK = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM ticks'); c.close()"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    stored_run(folder / "mara.db", 3).close()
    return folder / "mara.db"


@dataclass(frozen=True)
class AnotherMara:
    """A process that writes the database."""

    pid: int
    pipe: Connection

    def goes_on(self) -> bool:
        """Let it add two ticks."""
        self.pipe.send("on")
        return bool(self.pipe.recv() == "went on")


@contextmanager
def another_mara(path: Path) -> Iterator[AnotherMara]:
    """Run a process that writes the database until it is left."""
    holder, here = begun(write_when_told, url_of(path), duplex=True)
    assert here.recv() == "held"
    assert holder.pid
    yield AnotherMara(holder.pid, here)
    here.close()
    holder.join()
    assert holder.exitcode == 0


def by_symlink(path: Path) -> Path:
    link = path.parent.parent / "link.db"
    link.symlink_to(path)
    return link


def by_folder(path: Path) -> Path:
    link = path.parent.parent / "other"
    link.symlink_to(path.parent)
    return link / path.name


def by_hard_link(path: Path) -> Path:
    link = path.with_name("hard.db")
    link.hardlink_to(path)
    return link


def without_lock_file(path: Path) -> Path:
    path.with_name("mara.db.lock").unlink()
    return path


def test_a_second_writer_is_refused_by_any_name_and_the_first_goes_on(path: Path) -> None:
    with another_mara(path) as holder:
        for other in (by_symlink, by_folder, by_hard_link, without_lock_file):
            name = other(path)
            with pytest.raises(StoreRefused) as refusal:
                Store.open(url_of(name))
            if other is by_hard_link:  # a hard link is refused even if nobody writes
                name.unlink()
            else:
                assert f"process {holder.pid}" in str(refusal.value)
                assert ran("db", "init", "--force", database_url=url_of(name)).exit_code == 4
                assert ran("db", "restore", database_url=url_of(name)).exit_code == 4
        assert holder.goes_on()
    store = Store.open(url_of(path))
    assert store.read_model.next_tick() == 7
    store.close()


def test_a_database_of_two_names_is_refused_until_one_is_gone(path: Path) -> None:
    other = by_hard_link(path)
    for name in (path, other):
        with pytest.raises(StoreRefused, match="remove the other names"):
            Store.open(url_of(name))
    maintenance.backup(url_of(other), path.with_name("copy.db"))  # first remedy of the refusal
    Store.open(url_of(path.with_name("copy.db"))).close()
    other.unlink()  # second remedy of the refusal
    Store.open(url_of(path)).close()


def test_the_lock_on_the_file_drops_none_of_sqlite_s_when_it_is_let_go(path: Path) -> None:
    store = Store.open(url_of(path))
    go_on(store, 2)
    for _ in range(2):
        with pytest.raises(StoreRefused):
            Store.open(url_of(path))
    store._lease.fence.release()  # type: ignore[attr-defined]
    subprocess.run([sys.executable, "-c", LOOK, str(path)], check=True, timeout=30)
    assert path.with_name("mara.db-wal").exists(), "whoever looks takes itself for the last"
    store.close()


def test_descriptors_do_not_pile_up(tmp_path: Path) -> None:
    for number in range(fence.MOST_KEPT + 5):
        file = tmp_path / f"{number}.db"
        file.touch()
        fence.Fence.raised(file).release()
    idle = [descriptor for descriptor in fence._DESCRIPTORS.values() if not descriptor.is_held]
    assert len(idle) == fence.MOST_KEPT


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks_is_named_as_such(path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    outcome = ran("simulate", "--ticks", 1, database_url=url_of(path))
    assert outcome.exit_code == 4
    assert "file system without locks" in outcome.complaint
    assert "another Mara" not in outcome.complaint
    monkeypatch.undo()
    # As after the remedy that the refusal names: another place for the database.
    assert ran("db", "check", database_url=url_of(path)).exit_code == 0
