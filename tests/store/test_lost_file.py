"""A database that is removed, replaced or cut short is noticed at once.

Ticks that are missing afterwards are reported.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mara.errors import StoreLost, StoreRefused
from mara.store import maintenance
from mara.store.access.users import AccessEvent, UserStore
from mara.store.store import Store
from tests.cli.console import ran
from tests.store.databases import url_of
from tests.store.runs import go_on, stored_run


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARA_DATABASE_URL", "sqlite:///mara.db")
    return tmp_path / "mara.db"


def removed(path: Path) -> str:
    path.unlink()
    return "was removed"


def replaced(path: Path) -> str:
    shutil.copy(path, path.with_name("copy.db"))
    path.with_name("copy.db").replace(path)
    return "was replaced"


def cut_short(path: Path) -> str:
    os.truncate(path, path.stat().st_size - 4_096)
    return "was cut short"


@pytest.mark.parametrize("harm", [removed, replaced, cut_short], ids=lambda harm: harm.__name__)
def test_nothing_is_acknowledged_once_the_file_is_another(path: Path, harm: Callable[[Path], str]) -> None:
    store = stored_run(path, 20)
    people = UserStore.open(url_of(path))
    people.note(AccessEvent(at_epoch_s=0, actor="ann", address="", action="came"))
    said = harm(path)
    for _ in range(2):
        with pytest.raises(StoreLost, match=said):
            go_on(store, 1)
    with pytest.raises(StoreLost, match=said), store.aside("something beside"):
        pass
    with pytest.raises(StoreLost, match=said):
        people.note(AccessEvent(at_epoch_s=0, actor="ann", address="", action="came again"))
    with pytest.raises(StoreLost, match=said):
        store.refuse_lost()
    people.close()
    store.close()


def test_a_file_that_is_put_back_is_gone_on_with(path: Path) -> None:
    store = stored_run(path, 5)
    path.rename(path.with_name("away"))
    with pytest.raises(StoreLost, match="removed"):
        go_on(store, 1)
    path.with_name("away").rename(path)
    go_on(store, 3)
    store.close()
    assert maintenance.check(url_of(path)).ticks_count == 8


def test_a_write_ahead_log_that_is_removed_is_noticed_and_loses_nothing_at_an_orderly_end(path: Path) -> None:
    store = stored_run(path, 20)
    path.with_name("mara.db-wal").unlink()
    with pytest.raises(StoreLost, match="write-ahead log"):
        go_on(store, 1)
    store.close()
    store = Store.open(url_of(path))
    assert (store.read_model.next_tick(), store.loss) == (20, "")
    store.close()


def test_a_database_that_went_while_it_ran_is_missed_at_the_next_start(path: Path) -> None:
    store = stored_run(path, 20)
    path.unlink()
    with pytest.raises(StoreLost):
        go_on(store, 1)
    store.close()
    for words in (("simulate", "--ticks", "1"), ("db", "upgrade"), ("user", "list")):
        outcome = ran(*words)
        assert outcome.exit_code == 4
        assert "is missing" in outcome.complaint
        assert "tick 19" in outcome.complaint
    assert not path.exists()
    assert ran("db", "init", "--force").exit_code == 0
    Store.open(url_of(path)).close()


def killed_copy(path: Path, folder: Path) -> Path:
    """Copy an open database as a kill would leave it now."""
    folder.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, folder / file.name)
    return folder / path.name


def emptied(log: Path) -> None:
    os.truncate(log, 0)


def deleted(log: Path) -> None:
    log.unlink()


def spoilt(log: Path) -> None:
    with log.open("r+b") as file:
        file.seek(log.stat().st_size // 2)
        file.write(os.urandom(40_000))


@pytest.mark.parametrize("harm", [emptied, deleted, spoilt], ids=lambda harm: harm.__name__)
def test_a_log_that_was_lost_after_a_kill_is_told_with_both_ticks(path: Path, harm: Callable[[Path], None]) -> None:
    stored_run(path, 20).close()
    store = Store.open(url_of(path))
    go_on(store, 30)
    left = killed_copy(path, path.with_name("left"))
    store.close()
    log = left.with_name("mara.db-wal")
    harm(log)
    before = log.read_bytes() if log.exists() else b""

    found = Store.open(url_of(left))
    ends = found.read_model.next_tick()
    assert 20 <= ends < 50
    assert f"ends at tick {ends - 1}, and tick 49 had been stored" in found.loss
    kept = list(left.parent.glob("mara.db-wal.lost-*"))
    assert [file.read_bytes() for file in kept] == ([before] if before else [])
    found.close()
    again = Store.open(url_of(left))
    assert again.loss == found.loss, "until the run has gone on it is said again"
    go_on(again, 1)
    again.close()
    last = Store.open(url_of(left))
    assert last.loss == ""
    last.close()


def test_a_kill_alone_loses_nothing_and_nothing_is_said(path: Path) -> None:
    store = stored_run(path, 30)
    left = killed_copy(path, path.with_name("left"))
    store.close()
    found = Store.open(url_of(left))
    assert (found.read_model.next_tick(), found.loss) == (30, "")
    found.close()


def test_who_simulates_reads_what_was_lost_and_the_run_keeps_it_as_an_event(path: Path) -> None:
    assert ran("simulate", "--ticks", 4, "--optimizer", "rules").exit_code == 0
    shutil.copy(path, path.with_name("older.db"))
    assert ran("simulate", "--ticks", 4, "--optimizer", "rules").exit_code == 0
    path.with_name("older.db").replace(path)
    outcome = ran("simulate", "--ticks", 2, "--optimizer", "rules")
    assert outcome.exit_code == 0
    assert "ends at tick 3, and tick 7 had been stored" in outcome.err
    store = Store.open(url_of(path))
    told = [event for event in store.recent_events(1_000) if event.kind == "storage"]
    assert [(event.tick, event.severity) for event in told] == [(4, "critical")]
    store.close()
    assert "had been stored" not in ran("simulate", "--ticks", 1, "--optimizer", "rules").err


def test_a_lock_file_of_an_older_mara_remembers_nothing(path: Path) -> None:
    stored_run(path, 3).close()
    path.with_name("mara.db.lock").write_text("4711\n", encoding="ascii")
    store = Store.open(url_of(path))
    assert store.loss == ""
    store.close()
    path.with_name("mara.db.lock").write_bytes(b"\xff{broken")
    Store.open(url_of(path)).close()


def test_a_missing_database_is_made_anew_at_a_word_only(path: Path) -> None:
    stored_run(path, 3).close()
    path.unlink()
    with pytest.raises(StoreRefused, match="is missing"):
        Store.open(url_of(path))
    assert ran("db", "init").exit_code == 0, "an explicit word is enough"
    store = Store.open(url_of(path))
    assert (store.run, store.loss) == (None, "")
    store.close()
