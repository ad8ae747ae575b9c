"""Start and stop of a platform: all that was opened is closed in each case.

It is stopped under load, twice, before its start, and after a failure.
"""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from mara.api.routes.reads import unreadiness_of
from mara.assembly.runs import open_run
from mara.bootstrap import platform_of
from mara.core.commands import Outage
from mara.errors import ConfigError, FeedEnded, MaraError, StoreError, StoreRefused
from mara.runtime.clock import SystemClock
from mara.runtime.live.pace import MAX_SPEED_FACTOR
from mara.runtime.live.planner import Planner
from mara.runtime.live.platform import Platform
from mara.runtime.live.supervisor import RetryPolicy
from mara.runtime.observe.alert_rules import AlertRules, EngineSigns
from mara.runtime.published_state import EngineState
from mara.runtime.tick.engine import TickEngine
from mara.settings import Settings, read_settings
from mara.store.store import Store
from tests.feeds.history_text import history_rows, write_history
from tests.runtime.made_up import MemoryStore, quiet, running, stage, until

SITES = """site_id,name,country,lat,lon,timezone,price_zone
north,North,NO,60,10,Europe/Oslo,NO1 day-ahead
south,South,US,30,-97,America/Chicago,ERCOT
"""


def settings_in(folder: Path, **options: object) -> Settings:
    url = f"sqlite:///{folder / 'mara.db'}"
    return read_settings(env={}, options={"database_url": url, "speed": MAX_SPEED_FACTOR, **options})


def small_history(folder: Path) -> Path:
    folder.mkdir()
    (folder / "sites.csv").write_text(SITES, encoding="utf-8")
    return write_history(folder, history_rows(24))


async def test_a_platform_that_was_never_started_can_be_stopped() -> None:
    here = stage()
    await here.platform.stop()
    assert here.store.closed_count == 0


async def test_stopping_twice_closes_once() -> None:
    here = stage()
    await here.platform.start()
    await here.stored(1)
    await here.platform.stop()
    await here.platform.stop()
    assert here.store.closed_count == 1


async def test_the_tick_under_way_is_stored_before_the_end() -> None:
    here = stage()
    await here.platform.start()
    await here.stored(1)
    here.store.gate.clear()
    here.platform.step(5)
    await quiet()
    ending = asyncio.create_task(here.platform.stop())
    await quiet()
    assert not ending.done()
    here.store.gate.set()
    await ending
    assert here.stored_ticks == [0, 1]


async def test_the_end_comes_at_once_at_full_speed() -> None:
    here = stage(clock=SystemClock(), speed_factor=MAX_SPEED_FACTOR)
    await here.platform.start()
    await here.stored(20)
    began = time.monotonic()
    await here.platform.stop()
    assert time.monotonic() - began < 1.0
    assert here.stored_ticks == list(range(len(here.stored_ticks)))


async def test_the_end_comes_at_once_in_a_pause_after_a_failure() -> None:
    retry = RetryPolicy(first_wait_s=60.0, longest_wait_s=60.0)
    here = stage(store=MemoryStore(refusals=[StoreError("disk full")]), retry=retry)
    await here.platform.start()
    await here.in_state(EngineState.DEGRADED)
    await asyncio.wait_for(here.platform.stop(), 1.0)
    assert here.store.closed_count == 1


async def test_an_end_that_comes_while_the_run_is_being_opened_closes_it_too() -> None:
    here = stage()
    opening, may_open = threading.Event(), threading.Event()
    open_now = here.platform._open_run

    def open_slowly() -> tuple[Store, TickEngine, Planner]:
        opening.set()
        assert may_open.wait(10)
        return open_now()

    here.platform._open_run = open_slowly
    starting = asyncio.create_task(here.platform.start())
    await until(opening.is_set)
    await here.platform.stop()
    may_open.set()
    await starting
    await quiet()
    assert here.store.closed_count == 1
    assert here.store.offered == []


async def test_a_platform_can_be_started_again_after_its_end(tmp_path: Path) -> None:
    run = platform_of(settings_in(tmp_path))
    for _ in range(2):
        await run.start()
        await until(lambda: run.publisher.read().snapshot is not None)
        await run.stop()


async def test_a_start_that_fails_halfway_leaves_nothing_open() -> None:
    class Unreadable(MemoryStore):
        def recent_events(self, limit: int) -> tuple[()]:
            raise StoreError("unreadable")

    here = stage(store=Unreadable())
    with pytest.raises(StoreError, match="unreadable"):
        await here.platform.start()
    assert here.store.closed_count == 1
    assert here.platform.publisher.read().state is EngineState.STARTING


@pytest.mark.parametrize(
    ("options", "refusal"),
    [({"seed": 8}, ConfigError), ({"fleet": "nowhere.toml"}, ConfigError), ({"history": Path("nowhere")}, MaraError)],
    ids=["another seed", "no such fleet", "no such history"],
)
async def test_a_refused_start_lets_go_of_the_database(
    tmp_path: Path, options: dict[str, object], refusal: type[MaraError]
) -> None:
    store, _ = open_run(settings_in(tmp_path))
    store.close()
    with pytest.raises(refusal):
        await platform_of(settings_in(tmp_path, **options)).start()
    Store.open(settings_in(tmp_path).database_url).close()


async def test_two_platforms_cannot_write_one_database(tmp_path: Path) -> None:
    first, second = platform_of(settings_in(tmp_path)), platform_of(settings_in(tmp_path))
    await first.start()
    try:
        with pytest.raises(StoreRefused, match="another Mara"):
            await second.start()
    finally:
        await first.stop()
    await second.start()
    await second.stop()


async def lived(settings: Settings, ticks: int) -> Platform:
    """A platform that was started, stepped and stopped."""
    run = platform_of(settings)
    await run.start()
    run.step(ticks)
    await until(lambda: run.publisher.read().state is EngineState.PAUSED)
    await run.stop()
    return run


async def test_after_a_restart_the_run_goes_on_with_its_ticks_its_events_and_its_money_line(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    first = (await lived(settings, 30)).publisher.read().snapshot
    again = platform_of(settings)
    await again.start()
    again.step(2)
    before = await again.series(24)
    await until(lambda: again.publisher.read().state is EngineState.PAUSED)
    after, last = await again.series(24), again.publisher.read().snapshot
    await again.stop()
    assert first is not None
    assert last is not None
    assert last.tick >= first.tick + 2
    assert [point.at for point in after[: len(before)]] == [point.at for point in before]
    assert len(after) == last.tick + 1
    assert after[-1].at == last.at
    assert after[-1].revenue_usd_per_h == pytest.approx(last.revenue_usd_per_h)
    assert set(first.events[-5:]) <= set(last.events)


async def test_a_replay_is_finished_at_the_end_of_its_history_and_raises_no_alarm(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, history=small_history(tmp_path / "history"), tick_minutes=60)
    run = platform_of(settings)
    await run.start()
    await until(lambda: run.publisher.read().state is EngineState.FINISHED)
    shown = run.publisher.read()
    assert AlertRules().troubles(shown, EngineSigns()) == ()
    assert shown.alerts == ()
    assert unreadiness_of(shown) == ""
    assert shown.snapshot is not None
    assert shown.snapshot.tick == 23
    assert "covers 2023-01-01T00:00Z up to 2023-01-02T00:00Z" in shown.reason
    await run.stop()


async def test_the_end_of_a_feed_is_not_tried_again() -> None:
    here = stage()
    asked: list[int] = []
    observe = here.feed.observe

    def over(tick: int) -> object:
        asked.append(tick)
        if tick == 2:
            raise FeedEnded("the history is over")
        return observe(tick)

    here.feed.observe = over  # type: ignore[assignment,method-assign]
    async with running(here):
        here.platform.step(5)
        await here.in_state(EngineState.FINISHED)
        assert here.stored_ticks == [0, 1]
        assert asked.count(2) == 1
        assert here.reason == "the history is over"


async def test_orders_survive_a_halt() -> None:
    here = stage(store=MemoryStore(refusals=[StoreError("disk full")] * 6))
    async with running(here):
        outage = Outage(site_id="west", duration_ticks=1)
        await here.platform.order(outage)
        await here.in_state(EngineState.HALTED)
        here.platform.step(2)
        await here.stored(2)
        assert [step.commands for step in here.store.steps] == [(outage,), ()]
