"""The archive answers many questions at once, in threads off the event loop.

After its end it answers none.
"""

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import cast

import pytest

from mara.core.finance import Line
from mara.core.history import GuessError
from mara.errors import CommandError, StoreError
from mara.feeds.base import Feed
from mara.runtime import run_archive as module
from mara.runtime.run_archive import MOST_AT_ONCE, RunArchive
from mara.store.read import balance, series
from mara.store.read.metrics import Metric, MetricHistory
from mara.store.store import Store
from tests.store.runs import go_on, stored_run

EMPTY = MetricHistory(metric=Metric.PUE, site_id="", bucket_minutes=5, points=())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return stored_run(tmp_path / "mara.db", 40)


async def test_every_question_is_answered_while_the_run_goes_on(store: Store) -> None:
    archive = RunArchive()
    archive.open(store.read_model)
    going_on = asyncio.create_task(asyncio.to_thread(go_on, store, 20))
    booked = (await archive.contracts("live"))[0].id
    points, metric, ledger, past = await asyncio.gather(
        archive.site_series("site0"),
        archive.history("profit_usd_per_h"),
        archive.ledger(),
        archive.optimizations(),
    )
    lines, earned, told, decided = await asyncio.gather(
        archive.site_ledger("site0", 0, 40),
        archive.profit_between(0, 40),
        archive.site_events("site0"),
        archive.decisions("site0"),
    )
    plan, everything, life, counted = await asyncio.gather(
        archive.optimization(0),
        archive.contracts("all"),
        archive.contract(booked),
        archive.evidence(booked),
    )
    await going_on
    archive.close()
    store.close()
    assert len(points) >= 40
    assert metric.points
    assert ledger.balance_micro_usd == 0
    assert plan.plan == past[-1]
    assert len(lines) == len(Line)
    assert earned
    assert set(told) == set()
    assert all(decision.source == "plan" for decision in decided)
    assert life.row.id == booked
    assert life.row.id in {row.id for row in everything}
    assert counted[0].at == life.strip[0].starts_at


async def test_a_question_about_nothing_is_the_asker_s_error(store: Store) -> None:
    archive = RunArchive()
    archive.open(store.read_model)
    with pytest.raises(CommandError, match="no site 'moon'"):
        await archive.decisions("moon")
    archive.close()
    store.close()


async def test_a_slow_answer_holds_up_a_thread_and_not_the_loop(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, go = RunArchive(), threading.Event()
    monkeypatch.setattr(series, "history", lambda *_: go.wait(10) and threading.current_thread().name)
    archive.open(store.read_model)
    asked = [asyncio.create_task(archive.history("pue")) for _ in range(MOST_AT_ONCE + 1)]
    begun_s = time.monotonic()
    for _ in range(20):
        await asyncio.sleep(0)
    assert time.monotonic() - begun_s < 1.0
    assert not any(task.done() for task in asked)
    go.set()
    names = set(await asyncio.gather(*asked))
    archive.close()
    store.close()
    assert {str(name).rpartition("_")[0] for name in names} == {"mara-archive"}
    assert len(names) <= MOST_AT_ONCE


async def test_a_crowd_is_turned_away_and_comes_in_again_later(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, go = RunArchive(), threading.Event()
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    monkeypatch.setattr(series, "history", lambda *_: go.wait(10) and EMPTY)
    archive.open(store.read_model)
    asked = [asyncio.create_task(archive.history("pue")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="3 questions wait"):
        await archive.history("pue")
    go.set()
    assert await asyncio.gather(*asked) == [EMPTY] * 3
    assert await archive.history("pue") == EMPTY
    archive.close()
    store.close()


async def test_nobody_is_answered_before_the_start_or_after_the_end(store: Store) -> None:
    archive = RunArchive()
    with pytest.raises(StoreError, match="no run is open"):
        await archive.ledger()
    archive.open(store.read_model)
    reading = store.read_model
    archive.close()
    archive.close()
    store.close()
    with pytest.raises(StoreError, match="no run is open"):
        await archive.ledger()
    with pytest.raises(StoreError, match="was closed"):
        reading.ask("SELECT 1")


async def test_who_waits_when_the_run_ends_is_told_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, go = RunArchive(), threading.Event()
    first, second = series.history, balance.ledger
    monkeypatch.setattr(series, "history", lambda *args: go.wait(10) and first(*args))
    monkeypatch.setattr(balance, "ledger", lambda *args: go.wait(10) and second(*args))
    archive.open(store.read_model)
    histories = [asyncio.create_task(archive.history("pue")) for _ in range(MOST_AT_ONCE)]
    ledgers = [asyncio.create_task(archive.ledger()) for _ in range(2)]
    await asyncio.sleep(0)
    archive.close()
    await asyncio.to_thread(store.close)
    go.set()
    answers = await asyncio.gather(*histories, *ledgers, return_exceptions=True)
    assert all(isinstance(answer, StoreError) for answer in answers)


async def test_an_export_under_way_is_given_up_when_the_run_is_closed(store: Store, tmp_path: Path) -> None:
    go_on(store, 200)
    archive = RunArchive()
    archive.open(store.read_model)
    asked = asyncio.create_task(archive.export("steps", "csv", tmp_path / "steps.csv", None, None))
    await asyncio.sleep(0)
    archive.close()
    with pytest.raises(StoreError, match="closed"):
        await asked
    assert not [name for name in os.listdir(tmp_path) if name.startswith("steps")]
    store.close()


async def test_guesses_are_measured_once_an_hour_and_again_after_a_failure(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, measured = RunArchive(), list[int]()

    def measure(*_: object) -> tuple[GuessError, ...]:
        measured.append(len(measured))
        if len(measured) == 1:
            raise StoreError("the database did not answer")
        return ()

    monkeypatch.setattr(module, "guess_errors", measure)
    archive.open(store.read_model)
    assert await archive.guesses(0) == ()  # a run that cannot look back
    archive.open(store.read_model, look_back=lambda: cast(Feed, None))
    with pytest.raises(StoreError, match="did not answer"):
        await archive.guesses(0)
    assert [await archive.guesses(hour) for hour in (0, 0, 1)] == [(), (), ()]
    assert len(measured) == 2  # the next hour came sooner than another measurement is made
    archive.close()
    store.close()
