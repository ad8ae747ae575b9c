"""Telemetry and the signal log in a database: idempotent, bounded, and chained."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from mara.core.metering import Reading
from mara.errors import CommandError, StoreError
from mara.store import maintenance
from mara.store.read.signal_list import modes_in, signals
from mara.store.store import Store
from mara.store.write.signals import NewSignal
from tests.store.databases import KINDS, url_of
from tests.store.runs import stored_run

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
ONE = Reading(site_id="a", group="gpu", at=AT, known_at=AT, power_mw=4.25, rate_tokens_per_s=9.5)
IDS = ("a", "b")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mara.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = stored_run(path, 3)
    yield store
    store.close()


def line(tick: int, mode: str, site_id: str) -> NewSignal:
    return NewSignal(at=AT, tick=tick, kind="mode", site_id=site_id, reason="a test", before="advise", after=mode)


def refused(doing: str) -> NoReturn:
    raise StoreError(f"{doing}: the disk is full")


def test_readings_come_back_as_they_were_stored_and_a_repeat_adds_none(store: Store) -> None:
    other = replace(ONE, site_id="b", group="", power_mw=0.0)
    assert store.signals.add_readings((ONE, other), IDS) == 2
    assert store.signals.add_readings((ONE, other), IDS) == 0
    newer = replace(ONE, at=AT + timedelta(minutes=1), power_mw=5.0)
    store.signals.add_readings((newer,), IDS)
    assert set(store.signals.newest_readings(IDS)) == {newer, other}


def test_a_reading_that_contradicts_a_stored_one_is_refused_with_all_that_came_with_it(store: Store) -> None:
    store.signals.add_readings((ONE,), IDS)
    with pytest.raises(CommandError, match=r"another reading of this meter and instant is stored, of 4\.25 MW"):
        store.signals.add_readings((replace(ONE, group=""), replace(ONE, power_mw=4.5)), IDS)
    assert store.signals.newest_readings(IDS) == (ONE,)


def test_telemetry_is_kept_for_ninety_days(store: Store) -> None:
    store.signals.add_readings((ONE,), IDS)
    late = AT + timedelta(days=91)
    store.signals.add_readings((replace(ONE, group="", at=late, known_at=late),), IDS)
    assert [reading.group for reading in store.signals.newest_readings(IDS)] == [""]


def test_the_mode_of_a_tick_is_the_last_that_was_set_before_it(store: Store) -> None:
    sites = store.read_model.run().config.fleet.site_ids
    store.signals.write(line(0, "shadow", sites[0]), line(2, "act", sites[0]), line(1, "shadow", sites[1]))
    assert store.signals.modes() == {sites[0]: "act", sites[1]: "shadow"}
    assert modes_in(store.read_model, 1) == {sites[0]: "shadow", sites[1]: "shadow"}
    assert [entry.number for entry in signals(store.read_model)] == [3, 2, 1]
    assert [entry.after for entry in signals(store.read_model, sites[0], "mode")] == ["act", "shadow"]


@pytest.mark.parametrize("kind", KINDS)
def test_lines_are_stored_after_those_announced_before_them_and_each_once(tmp_path: Path, kind: str) -> None:
    with closing(stored_run(tmp_path / f"mara.{kind}", 1)) as store:
        write = store.signals.announced(line(1, "shadow", "a"))
        write_next = store.signals.announced(line(2, "shadow", "a"))
        store.signals.write(line(3, "act", "a"))
        write()
        write_last = store.signals.announced(line(4, "act", "a"))
        write_next()
        assert [entry.tick for entry in signals(store.read_model)] == [3, 2, 1]
        write_last()
        assert [entry.tick for entry in signals(store.read_model)] == [4, 3, 2, 1]


def test_an_announced_line_that_could_not_be_stored_is_not_stored_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, write_other = (store.signals.announced(line(0, "shadow", "a")) for _ in range(2))
    with monkeypatch.context() as patched:
        patched.setattr(store.signals, "_aside", refused)
        with pytest.raises(StoreError):
            store.signals.write(line(1, "act", "b"))
        with pytest.raises(StoreError):
            write()
    store.signals.write(line(2, "act", "b"))
    write()
    write_other()
    assert [entry.tick for entry in signals(store.read_model)] == [2, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_integer_that_no_column_holds_is_refused_and_nothing_is_stored(tmp_path: Path, kind: str) -> None:
    with closing(stored_run(tmp_path / f"mara.{kind}", 1)) as store:
        with pytest.raises(StoreError, match="the signal log has a longer one"):
            store.signals.write(line(0, "shadow", "a"), line(2**63, "act", "a"))
        store.signals.write(line(1, "act", "a"))
        assert [entry.tick for entry in signals(store.read_model)] == [1]


def test_a_line_that_was_changed_is_found_by_the_check(path: Path, store: Store) -> None:
    store.signals.write(line(0, "shadow", "a"), line(1, "act", "a"))
    store.close()
    assert maintenance.check(url_of(path)).findings == ()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DROP TRIGGER signal_log_no_update")
        database.execute("UPDATE signal_log SET actor = 'nobody' WHERE number = 1")
    assert any(
        "signal_log, number 1: not what was written" in said for said in maintenance.check(url_of(path)).findings
    )


def test_a_stored_line_cannot_be_changed(path: Path, store: Store) -> None:
    store.signals.write(line(0, "shadow", "a"))
    with (
        closing(sqlite3.connect(path)) as database,
        pytest.raises(sqlite3.IntegrityError, match="signal_log is append-only"),
    ):
        database.execute("DELETE FROM signal_log")
