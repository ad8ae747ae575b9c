"""Recovery from crashes, and from damage by the commands that a refusal names."""

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mara.errors import StoreBlocked, StoreRefused
from mara.store import maintenance
from mara.store.backends import upgrade
from mara.store.backends.backup import back_up_beside, fault_of
from mara.store.backends.sqlite_connection import pragma
from mara.store.store import Store
from tests.cli.console import ran
from tests.forks import begun
from tests.scenarios import killed
from tests.sqlite_template import fill_anew
from tests.store.databases import contents, url_of
from tests.store.runs import go_on, go_on_until_full, stored_run

pytestmark = pytest.mark.usefixtures("made_anew")

PAGE_BYTES = 4_096


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the databases that tests begin with, made as Mara makes them too."""
    with pytest.MonkeyPatch.context() as patched:
        fill_anew(patched)
        folder = tmp_path_factory.mktemp("made")
        _interrupt_checkpoint(folder / "interrupted")
        _back_up(folder / "backed_up")
    return folder


@pytest.fixture
def interrupted(made_once: Path, tmp_path: Path) -> Path:
    """A database as a kill in the middle of a checkpoint leaves it.

    Page 1 is new, and counts pages that only the log has.
    """
    return _copied(made_once / "interrupted", tmp_path / "interrupted") / "mara.db"


def _copied(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target, dirs_exist_ok=True))


def _interrupt_checkpoint(folder: Path) -> None:
    folder.mkdir()
    live = folder / "live.db"
    store = stored_run(live, 150)
    log = live.with_name("live.db-wal").read_bytes()
    before = live.stat().st_size
    pragma(store._connection, "wal_checkpoint(PASSIVE)")
    after = live.read_bytes()
    assert len(after) > before + 2 * PAGE_BYTES
    path = folder / "mara.db"
    path.write_bytes(after[: (before + PAGE_BYTES) // PAGE_BYTES * PAGE_BYTES])
    path.with_name("mara.db-wal").write_bytes(log)
    store.close()


def _back_up(folder: Path) -> None:
    folder.mkdir()
    path = folder / "mara.db"
    stored_run(path, 20).close()
    back_up_beside(path)
    store = Store.open(url_of(path))
    go_on(store, 10)
    log = path.with_name("mara.db-wal")
    kept = log.read_bytes()
    store.close()
    log.write_bytes(kept)
    path.with_name("mara.db-shm").write_bytes(b"of another time")


def ticks_in(path: Path) -> int:
    store = Store.open(url_of(path))
    try:
        return store.read_model.next_tick()
    finally:
        store.close()


def test_a_checkpoint_that_was_interrupted_is_finished_and_not_called_damage(interrupted: Path) -> None:
    assert maintenance.check(url_of(interrupted)).findings == ()
    assert ticks_in(interrupted) == 150
    assert contents(interrupted) == contents(interrupted.with_name("live.db"))


@pytest.mark.parametrize("words", [("db", "upgrade"), ("simulate", "--ticks", "1"), ("db", "backup", "copy.db")])
def test_no_command_refuses_it_either(
    interrupted: Path, tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = ran(*words, database_url=url_of(interrupted))
    assert "damaged" not in outcome.err
    assert words[0] == "simulate" or outcome.exit_code == 0  # the settings describe another run than the small one


def test_a_kill_inside_an_upgrade_leaves_a_database_that_opens(interrupted: Path) -> None:
    witness = killed.lived(interrupted, 200, killed.Death(killed.IN_MIGRATION))
    assert witness.was_killed
    assert ticks_in(interrupted) == 150
    assert maintenance.check(url_of(interrupted)).findings == ()


# --- damaged files


def noise(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(5 * PAGE_BYTES)
        file.write(os.urandom(8 * PAGE_BYTES))


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def removed(path: Path) -> None:
    path.unlink()


def overwritten(path: Path) -> None:
    path.write_text("no database " * 1_000, encoding="utf-8")


DAMAGES = (noise, cut_short, emptied, removed, overwritten)


@pytest.fixture
def backed_up(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of 30 ticks with a backup of 20, and the log of the last ten beside it.

    A kill leaves a database like this.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARA_DATABASE_URL", "sqlite:///mara.db")
    return _copied(made_once / "backed_up", tmp_path) / "mara.db"


def remedies_in(message: str) -> list[list[str]]:
    """The commands that a refusal names, as they would be typed."""
    return [shlex.split(command)[1:] for command in re.findall("`(mara db [^`]+)`", message)]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_the_first_remedy_of_a_refusal_gives_the_backup_and_the_run_goes_on(backed_up: Path, damage: object) -> None:
    damage(backed_up)  # type: ignore[operator]
    with pytest.raises(StoreRefused) as refusal:
        Store.open(url_of(backed_up))
    restore, begin_anew = remedies_in(str(refusal.value))
    assert (restore, begin_anew) == (["db", "restore"], ["db", "init", "--force"])
    outcome = ran(*restore)
    assert outcome.exit_code == 0, outcome.err
    assert "mara.db.backup-0001" in outcome.out
    assert "mara.db.set-aside-1" in outcome.out
    assert not backed_up.with_name("mara.db-wal").exists()
    assert backed_up.with_name("mara.db.set-aside-1-wal").exists()
    assert ran("db", "check").exit_code == 0
    store = Store.open(url_of(backed_up))
    assert store.read_model.next_tick() == 20
    assert store.loss == ""
    go_on(store, 5)
    store.close()
    assert maintenance.check(url_of(backed_up)).findings == ()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_the_other_remedy_begins_anew(backed_up: Path, damage: object) -> None:
    damage(backed_up)  # type: ignore[operator]
    for backup in backed_up.parent.glob("*.backup-*"):
        backup.unlink()
    with pytest.raises(StoreRefused, match="no good backup") as refusal:
        Store.open(url_of(backed_up))
    (begin_anew,) = remedies_in(str(refusal.value))
    assert ran(*begin_anew).exit_code == 0
    store = Store.open(url_of(backed_up))
    assert store.run is None
    store.close()
    assert ran("db", "check").exit_code == 0


def test_a_backup_may_be_named_and_must_be_a_good_one(backed_up: Path) -> None:
    back_up_beside(backed_up)
    for wrong, why in (("nothing.db", "there is none"), ("text", "damaged")):
        Path("text").write_text("no database " * 100, encoding="utf-8")
        outcome = ran("db", "restore", wrong)
        assert outcome.exit_code == 4
        assert why in outcome.complaint
    assert ticks_in(backed_up) == 30
    assert ran("db", "restore", "mara.db.backup-0001").exit_code == 0
    assert ticks_in(backed_up) == 20
    for backup in backed_up.parent.glob("*.backup-*"):
        backup.unlink()
    assert "name one" in ran("db", "restore").complaint


def test_what_a_named_copy_has_in_its_log_is_put_back_too(backed_up: Path, interrupted: Path) -> None:
    assert ran("db", "restore", interrupted).exit_code == 0
    assert ticks_in(backed_up) == 150
    assert maintenance.check(url_of(backed_up)).findings == ()


def test_nobody_restores_under_a_running_mara(backed_up: Path) -> None:
    store = Store.open(url_of(backed_up))
    try:
        assert f"process {os.getpid()}" in ran("db", "restore").complaint
    finally:
        store.close()


def test_the_backup_of_a_failed_upgrade_is_not_put_under_the_old_log(
    backed_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert backed_up.with_name("mara.db-wal").exists()

    def failing(*_: object) -> None:
        raise ValueError("too late")

    monkeypatch.setattr(upgrade, "revision_of", lambda _: "0001")
    monkeypatch.setattr(upgrade, "migrate", failing)
    with pytest.raises(Exception, match="it is as it was"):
        upgrade.upgrade(backed_up)
    monkeypatch.undo()
    assert fault_of(backed_up) is None
    assert ticks_in(backed_up) == 30


# --- a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "mara-test", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["an end", "a kill"])
def test_a_disk_that_was_full_at_the_end_leaves_a_database_that_opens_when_there_is_room(
    small_disk: Path, end: signal.Signals
) -> None:
    path = small_disk / "mara.db"
    stored_run(path, 10).close()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2_000_000))
    writer, here = begun(go_on_until_full, url_of(path), duplex=True)
    said = here.recv()
    assert "disk full at tick" in said
    if end is signal.SIGKILL:
        writer.kill()
    here.close()
    writer.join()
    with suppress(StoreBlocked):  # a full disk may block it; it must not be called damaged
        Store.open(url_of(path)).close()
    ballast.unlink()
    stored = re.search(r"at tick (\d+)", said)
    assert stored
    assert ticks_in(path) == int(stored[1])
    assert maintenance.check(url_of(path)).findings == ()
