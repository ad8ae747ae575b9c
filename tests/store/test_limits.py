"""Limits on the write-ahead log, on readers' queries, and on file sizes."""

import errno
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from mara.assembly.runs import open_run
from mara.errors import StoreBlocked, StoreError
from mara.settings import read_settings
from mara.store.backends import sqlite_connection, writer_lease
from mara.store.backends.sqlite_connection import pragma, refusal_of
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from tests.forks import begun
from tests.store.databases import url_of
from tests.store.runs import go_on, go_on_against_a_limit, stored_run

pytestmark = pytest.mark.usefixtures("made_anew")

NORMAL, FULL = 1, 2
"""Values of SQLite's setting `synchronous`; a booking raises it for its tick."""
ENOUGH_FOR_ONE_WITHOUT_A_BOOKING = 12
SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT sum(i) FROM n"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store whose write-ahead log only Mara itself shortens, with a low limit and a short wait for readers."""
    monkeypatch.setattr(writer_lease, "JOURNAL_LIMIT_BYTES", 300_000)
    monkeypatch.setattr(writer_lease, "READER_WAIT_MS", 20)
    store = stored_run(tmp_path / "mara.db", 1)
    pragma(store._connection, "wal_autocheckpoint = 0")
    return store


def test_a_log_that_a_reader_made_long_is_emptied_when_the_reader_has_gone(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "mara.db-wal"
    with closing(sqlite3.connect(tmp_path / "mara.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ticks").fetchall()
        go_on(store, 2 * writer_lease.TICKS_BETWEEN_TRIMS)
        assert log.stat().st_size > 300_000
    longest = log.stat().st_size
    go_on(store, writer_lease.TICKS_BETWEEN_TRIMS)
    assert log.stat().st_size < longest / 4
    assert pragma(store._connection, "busy_timeout")[0][0] == sqlite_connection.BUSY_TIMEOUT_S * 1_000
    store.close()


def test_a_query_of_a_reader_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_connection, "STEPS_A_LOOK", 100_000)
    monkeypatch.setattr(sqlite_connection, "MOST_LOOKS", 3)
    stored_run(tmp_path / "mara.db", 2).close()
    reading = ReadModel.open(url_of(tmp_path / "mara.db"))
    with pytest.raises(StoreError, match="took too long"):
        reading.ask(SLOW)
    assert reading.next_tick() == 2
    with reading.one_state() as unlimited:
        assert unlimited.exec_driver_sql(SLOW).scalar() == 300_000 * 300_001 // 2
    with pytest.raises(StoreError, match="took too long"):
        reading.ask(SLOW)
    reading.close()


def test_a_limit_on_the_size_of_files_is_named_and_waited_for_like_a_full_disk(tmp_path: Path) -> None:
    stored_run(tmp_path / "mara.db", 1).close()
    child, here = begun(go_on_against_a_limit, url_of(tmp_path / "mara.db"), 800_000)
    said: list[str] = []
    with suppress(EOFError):
        while True:
            said.append(here.recv())
    here.close()
    child.join()
    assert child.exitcode == 0
    assert len(said) == 3
    assert all("the limit on the size of files is reached (800,000 bytes" in line for line in said)


@pytest.mark.parametrize(
    ("number", "words"), [("EDQUOT", "the quota of its owner is used up at tick 7"), ("ENOSPC", "disk full at tick 7")]
)
def test_an_io_error_that_is_a_lack_of_room_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str, words: str
) -> None:
    def refused(*_: object) -> int:
        raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)))

    assert type(refusal_of(tmp_path / "mara.db", "tick 7", "disk I/O error")) is StoreError
    monkeypatch.setattr(os, "write", refused)
    error = refusal_of(tmp_path / "mara.db", "tick 7", "disk I/O error")
    assert isinstance(error, StoreBlocked)
    assert str(error).startswith(words)
    assert list(tmp_path.iterdir()) == []


def test_full_durability_is_what_the_writer_s_connection_has(tmp_path: Path) -> None:
    for durability, expected in (("normal", {NORMAL, FULL}), ("full", {FULL})):
        url = url_of(tmp_path / f"{durability}.db")
        settings = read_settings(
            env={"MARA_DURABILITY": durability, "MARA_DATABASE_URL": url, "MARA_OPTIMIZER": "rules"}, options={}
        )
        store, engine = open_run(settings)
        try:
            waits = set()
            for _ in range(ENOUGH_FOR_ONE_WITHOUT_A_BOOKING):
                reading = engine.read_feed()
                result = engine.advance(reading, engine.optimizer.plan(engine.problem(reading)))
                store.append(result.step, result.plan, result.events)
                engine.keep(result)
                waits.add(pragma(store._connection, "synchronous")[0][0])
            assert waits == expected
        finally:
            store.close()
