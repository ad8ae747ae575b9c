"""One transaction a tick: atomic, resumed exactly, in order, retried on errors."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from mara.core.world import first_world
from mara.errors import ConfigError, StoreBlocked, StoreError, StoreRefused, StoreWentBack
from mara.store import maintenance
from mara.store.backends.sqlite_connection import pragma
from mara.store.encoding.codec import bytes_of
from mara.store.encoding.records import difference_of
from mara.store.store import Store
from tests.store.databases import KINDS, ON_A_SERVER, connected, contents, locked, url_of
from tests.store.runs import go_on, record, small_charter, steps, stored_run


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"mara.{request.param}"


def test_a_new_database_holds_no_run_until_one_begins(path: Path) -> None:
    store = Store.open(url_of(path))
    assert store.run is None
    assert store.load() is None
    assert store.read_model.series(24) == ()
    config = small_charter()
    store.begin(record(config), first_world(config))
    with pytest.raises(StoreRefused, match="holds run"):
        store.begin(record(config), first_world(config))
    store.close()
    store.close()


def test_a_run_goes_on_from_where_it_stands_bit_for_bit(path: Path) -> None:
    stored_run(path, 5).close()
    for part in (30, 1, 24):
        store = Store.open(url_of(path))
        go_on(store, part)
        store.close()
    other = path.with_stem("other")
    stored_run(other, 60).close()

    assert contents(path) == contents(other)


def test_a_run_knows_what_it_is_made_of(path: Path) -> None:
    config = small_charter()
    stored_run(path, 3, config).close()
    store = Store.open(url_of(path))
    assert store.run
    assert store.run.run_id == record(config).run_id
    assert store.run.stored_at > 0
    assert difference_of(store.run, record(config)) is None
    assert "seed" in (difference_of(store.run, record(config, seed=8)) or "")
    assert "fleet" in (difference_of(store.run, record(small_charter(4))) or "")
    store.close()


def test_the_same_tick_again_is_accepted_once_and_another_refused(path: Path) -> None:
    config = small_charter()
    store = stored_run(path, 0, config)
    taken = list(steps(config, first_world(config), 3))
    for step, plan, events in taken[:2]:
        store.append(step, plan, events)
    store.append(*taken[0])
    assert store.read_model.next_tick() == 2

    other = next(iter(steps(config, first_world(config), 1, seed=8)))
    with pytest.raises(StoreWentBack, match="expected tick 2, tick 0 came"):
        store.append(*other)
    ahead = list(steps(config, taken[2][0].world, 1))
    with pytest.raises(StoreWentBack, match="expected tick 2, tick 3 came"):
        store.append(*ahead[0])
    store.append(*taken[2])
    store.close()


def test_a_full_disk_stores_nothing_of_a_tick_and_the_tick_is_taken_later(tmp_path: Path) -> None:
    path = tmp_path / "mara.db"
    config = small_charter()
    store = stored_run(path, 20, config)
    pragma(store._connection, "max_page_count = 1")  # SQLite then allows no page beyond those it has
    loaded = store.load()
    assert loaded
    later = steps(config, loaded[1], 200)
    stuck = next(later)
    trouble: StoreError | None = None
    while trouble is None:
        try:
            store.append(*stuck)
            stuck = next(later)
        except StoreError as error:
            trouble = error
    frozen = store.read_model.next_tick()
    assert frozen == stuck[0].tick
    assert not isinstance(trouble, StoreRefused)
    with pytest.raises(StoreError, match=f"disk full at tick {frozen}"):
        store.append(*stuck)

    pragma(store._connection, "max_page_count = 1073741823")
    store.append(*stuck)
    store.append(*next(later))
    store.close()
    assert maintenance.check(url_of(path)).findings == ()


def test_a_lost_answer_to_a_commit_is_not_taken_for_another_writer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_charter()
    store = stored_run(path, 4, config)
    loaded = store.load()
    assert loaded
    taken = list(steps(config, loaded[1], 2))
    write = store._write

    def answered_by_an_error(*page: object) -> None:
        write(*page)  # type: ignore[arg-type]
        raise DBAPIError("COMMIT", None, sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(store, "_write", answered_by_an_error)
    with pytest.raises(StoreError, match="disk I/O error"):
        store.append(*taken[0])
    monkeypatch.undo()
    store.append(*taken[0])
    store.append(*taken[1])
    assert store.read_model.next_tick() == 6
    store.close()


def test_another_program_that_locks_the_database_is_named_as_the_trouble(path: Path) -> None:
    config = small_charter()
    store = stored_run(path, 4, config)
    loaded = store.load()
    assert loaded
    following = next(iter(steps(config, loaded[1], 1)))
    wait_no_longer_for_locks(store, path)
    with locked(path), pytest.raises(StoreBlocked, match="locked by another program at tick 4"):
        store.append(*following)
    store.append(*following)
    store.close()


def wait_no_longer_for_locks(store: Store, path: Path) -> None:
    if path.suffix == ON_A_SERVER:
        driver: Any = store._connection.connection.driver_connection
        driver.execute("SET lock_timeout = '20ms'")
        driver.commit()
    else:
        pragma(store._connection, "busy_timeout = 20")


def test_a_writer_whose_place_was_taken_is_fenced_off(path: Path) -> None:
    config = small_charter()
    store = stored_run(path, 4, config)
    loaded = store.load()
    assert loaded
    with connected(path) as other:
        other.execute("UPDATE engine_state SET writer_run = writer_run + 1")
    with pytest.raises(StoreRefused, match="another writer"):
        store.append(*next(iter(steps(config, loaded[1], 1))))
    assert store.read_model.next_tick() == 4
    store.close()


def test_a_booking_waits_for_the_disk_and_an_ordinary_tick_does_not(path: Path) -> None:
    config = small_charter()
    store = stored_run(path, 0, config)
    waited = []
    for step, plan, events in steps(config, first_world(config), 9):
        store.append(step, plan, events)
        waited.append((bool(step.accepted or step.commands), store._waits))
    store.close()
    assert {booked for booked, _ in waited} == {True, False}
    assert all(booked == waits for booked, waits in waited)


def test_an_equal_run_has_an_equal_id_and_another_seed_another() -> None:
    config = small_charter()
    assert record(config).run_id == record(small_charter()).run_id
    assert record(config).run_id != record(config, seed=8).run_id


def test_the_world_in_a_resumed_store_is_the_one_that_was_stored(path: Path) -> None:
    config = small_charter()
    store = stored_run(path, 0, config)
    world = first_world(config)
    for step, plan, events in steps(config, world, 50):
        store.append(step, plan, events)
        world = step.world
    store.close()
    again = Store.open(url_of(path))
    loaded = again.load()
    again.close()
    assert loaded
    assert bytes_of(loaded[1]) == bytes_of(world)


@pytest.mark.parametrize("url", ["mysql://u:secret@h/db", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_a_database_that_is_no_file_is_refused_without_repeating_the_url(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        Store.open(url)
    assert "secret" not in str(refusal.value)
    assert "sqlite:///mara.db" in str(refusal.value)
