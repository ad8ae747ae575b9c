"""A tick sees the values known at its begin, and a journal repeats them exactly."""

import errno
import re
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest

from mara.core.contract import Tier
from mara.core.sla import opened
from mara.core.timegrid import TimeGrid
from mara.core.world import Forecast, Observation, first_world
from mara.errors import ConfigError, FeedEnded, FeedInvalid, FeedUnavailable
from mara.feeds.live.feed import LiveFeed
from mara.feeds.live.journal import JournalWriter, extent_of, faults_in
from mara.feeds.live.memory import Memory
from mara.optimizers.rules.rules import Rules
from mara.runtime.tick.engine import TickEngine
from tests.builders import contract
from tests.feeds.live.conftest import Begin
from tests.feeds.live.fakes import denmark, price_of
from tests.feeds.live.worlds import START, TICK_S, LiveWorld, recalled_feed
from tests.sameness import differences


def seen(world: LiveWorld, ticks: int) -> list[tuple[Observation, Forecast]]:
    found = []
    for tick in range(ticks):
        world.until(tick)
        found.append((world.feed.observe(tick), world.feed.forecast(tick, 24)))
    return found


def test_a_tick_sees_the_prices_that_are_published(begin: Begin) -> None:
    world = begin()
    observation = seen(world, 4)[-1][0]
    at_s = START.timestamp() + 3 * TICK_S
    assert observation.energy_price_usd_per_mwh[0] == price_of(at_s) * 1.1
    assert observation.stale_sources == ()
    assert observation.day_ahead_usd_per_mwh is not None
    assert np.isnan(observation.day_ahead_usd_per_mwh[[0, 2]]).all()
    assert observation.day_ahead_usd_per_mwh[1] == price_of(at_s - at_s % 3_600, 30.0) + 1.0
    assert observation.carbon_intensity_g_per_kwh.tolist() == [107.0, 380.0, 600.0]
    assert observation.dry_bulb_c[2] == 18.0
    assert 30.0 < observation.hashprice_usd_per_ph_day < 60.0


def test_a_real_time_price_is_the_newest_that_is_known(begin: Begin) -> None:
    world = begin()
    observation = seen(world, 2)[-1][0]
    at_s = START.timestamp() + TICK_S
    assert observation.energy_price_usd_per_mwh[1] == price_of(at_s - 300 - 900, 30.0) + 1.0
    assert observation.energy_price_usd_per_mwh[2] == price_of(at_s - 600, 80.0) * 0.65


def test_published_hours_are_forecast_as_they_are_and_later_ones_repeat_the_day_before(begin: Begin) -> None:
    world = begin()
    forecast = seen(world, 1)[0][1]
    at_s = START.timestamp()
    assert forecast.row_minutes[:2] == (5, 5)
    near = forecast.energy_price_usd_per_mwh[:12, 0]
    assert near.tolist() == [price_of(at_s + 300 * n) * 1.1 for n in range(12)]
    assert forecast.published_count is not None
    # until 23:00 UTC, the midnight of Copenhagen: 15 hours, of which two are told in ticks
    assert forecast.published_count.tolist() == [24 + 13, 1, 1]
    beyond = forecast.energy_price_usd_per_mwh[-1, 0]
    a_day_before = [price_of(at_s + 23 * 3_600 + 300 * n - 86_400) * 1.1 for n in range(12)]
    assert beyond == pytest.approx(np.mean(a_day_before))


def test_live_then_recalled_every_tick_is_the_same(tmp_path: Path, begin: Begin) -> None:
    start = datetime(2026, 3, 3, 11, tzinfo=UTC)
    world = begin(start=start)
    denmarks = world.web.interfaces["api.energidataservice.dk/dataset/DayAheadPrices"]
    bodies = {
        6: lambda query, now: denmark(query, now, level=58.0),  # a correction of the whole day
        11: lambda query, now: denmark(query, now - timedelta(hours=1), level=58.0),  # the auction is late
    }
    told = []
    for tick in range(30):
        world.until(tick)
        denmarks.body = bodies.get(tick, denmarks.body)
        told.append((world.feed.observe(tick), world.feed.forecast(tick, 24)))
    world.close()
    prices = [observation.energy_price_usd_per_mwh[0] for observation, _ in told]
    known = [forecast.published_count[0] for _, forecast in told if forecast.published_count is not None]
    assert prices[6] == price_of(start.timestamp() + 6 * TICK_S) * 1.1  # not known yet
    assert prices[10] == price_of(start.timestamp() + 10 * TICK_S, 58.0) * 1.1
    assert (known[12], known[22], known[29]) == (24 + 9, 24 + 8, 24 + 22)
    again = recalled_feed(tmp_path, world.config)
    for tick, (observation, forecast) in reversed([*enumerate(told)][:-1]):
        assert not list(differences(again.observe(tick), observation)), tick
        assert not list(differences(again.forecast(tick, 24), forecast)), tick


def test_a_silent_source_leaves_its_last_value_and_is_named(begin: Begin) -> None:
    world = begin()
    before = seen(world, 2)[-1][0]
    world.web.is_cut = True
    world.until(24)
    after = world.feed.observe(24)
    assert after.energy_price_usd_per_mwh[2] == before.energy_price_usd_per_mwh[2]
    assert "sydney price" in after.stale_sources
    assert "denmark price" not in after.stale_sources  # published until midnight
    assert {status.reason for status in world.poller.statuses()} >= {"no connection (ConnectError)"}
    world.web.is_cut = False
    world.until(30)
    assert world.feed.observe(30).stale_sources == ()


def test_a_source_that_never_told_anything_is_no_zero(begin: Begin) -> None:
    world = begin(asks=False)
    with pytest.raises(FeedUnavailable, match="denmark price should have told a value by now"):
        world.feed.observe(0)


def test_what_becomes_known_after_a_tick_was_read_does_not_change_it(begin: Begin) -> None:
    world = begin()
    world.until(3)
    world.time.at_s += 9.0
    first = world.feed.observe(3)
    world.web.interfaces["visualisations.aemo.com.au/aemo/apps/api/report/5MIN"].body = lambda query, now: {
        "5MIN": [{"SETTLEMENTDATE": "2026-03-03T18:15:00", "REGIONID": "NSW1", "RRP": 999.0, "PERIODTYPE": "ACTUAL"}]
    }
    world.time.at_s += 1.0
    world.poller.rounds[-3].due_s = 0.0
    world.poller.ask_due()
    assert not list(differences(world.feed.observe(3), first))
    assert world.feed.observe(4).energy_price_usd_per_mwh[2] == 999.0 * 0.65


def test_a_recalled_feed_ends_where_the_journal_does(tmp_path: Path, begin: Begin) -> None:
    world = begin()
    world.until(3)
    world.close()
    with pytest.raises(FeedEnded, match="the journal of the live feed tells of what was known until 2026-03-03"):
        recalled_feed(tmp_path, world.config).observe(100)


@pytest.mark.parametrize(
    "start",
    [datetime(2026, 3, 28, 23, 30, tzinfo=UTC), datetime(2026, 10, 24, 23, 30, tzinfo=UTC)],
    ids=["spring", "autumn"],
)
def test_no_interval_is_lost_or_doubled_at_a_clock_change(begin: Begin, start: datetime) -> None:
    world = begin(start=start)
    for tick in range(0, 36, 3):
        world.until(tick, 300.0)
        at_s = start.timestamp() + tick * TICK_S
        assert world.feed.observe(tick).energy_price_usd_per_mwh[0] == price_of(at_s) * 1.1


FAULTS: dict[str, tuple[httpx.Response | Exception, str]] = {
    "503": (httpx.Response(503, headers={"retry-after": "120"}), "HTTP 503, asked to wait 120 s"),
    "429": (httpx.Response(429), "HTTP 429"),
    "html": (httpx.Response(200, text="<html><body>Bad gateway</body></html>"), "is an error message or a web page"),
    "empty": (httpx.Response(200, content=b""), "the answer is empty"),
    "redirect": (httpx.Response(302, headers={"location": "https://elsewhere.example"}), "HTTP 302"),
    "no rows": (httpx.Response(200, json={"5MIN": []}), "should have 5MIN with values, has none"),
    "cut short": (httpx.Response(200, content=b'{"5MIN": [{"SETTLEMENTDATE"'), "should be JSON, but"),
    "text": (
        httpx.Response(
            200,
            json={
                "5MIN": [
                    {"SETTLEMENTDATE": "2026-03-03T18:20:00", "REGIONID": "NSW1", "RRP": "n/v", "PERIODTYPE": "ACTUAL"}
                ]
            },
        ),
        "RRP should be a number",
    ),
    "wrong day": (
        httpx.Response(
            200,
            json={
                "5MIN": [
                    {"SETTLEMENTDATE": "2024-03-03T16:20:00", "REGIONID": "NSW1", "RRP": 1.0, "PERIODTYPE": "ACTUAL"}
                ]
            },
        ),
        "should tell of days around the present",
    ),
    "unbelievable": (
        httpx.Response(
            200,
            json={
                "5MIN": [
                    {"SETTLEMENTDATE": "2026-03-03T18:20:00", "REGIONID": "NSW1", "RRP": 9e9, "PERIODTYPE": "ACTUAL"}
                ]
            },
        ),
        "a price should be",
    ),
    "timeout": (httpx.ReadTimeout("slow"), "no answer within 20 s"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_answer_is_named_and_the_next_one_taken(tmp_path: Path, begin: Begin, fault: str) -> None:
    world = begin()
    world.until(1)
    answer, reason = FAULTS[fault]
    aemo = world.web.interfaces["visualisations.aemo.com.au/aemo/apps/api/report/5MIN"]
    aemo.script = [answer]
    asked = len(aemo.asked)
    while len(aemo.asked) == asked:
        world.time.at_s += 10.0
        world.poller.ask_due()
    status = next(status for status in world.poller.statuses() if status.name == "sydney price")
    assert reason in status.reason
    assert str(tmp_path) not in status.reason
    assert "/tmp" not in status.reason
    wait_s = 120.0 if fault == "503" else 60.0 if fault == "429" else 30.0
    assert status.next_at is not None
    assert status.next_at.timestamp() - world.time.at_s == pytest.approx(wait_s)
    world.until(6)
    assert "sydney price" not in world.feed.observe(6).stale_sources
    assert not next(status for status in world.poller.statuses() if status.name == "sydney price").reason


def test_without_the_internet_for_a_day_promises_are_kept_and_no_restart_is_needed(begin: Begin) -> None:
    start = START + timedelta(hours=6)  # hours of the day are known, and how much prices change
    world = begin(start=start)
    config = replace(world.config, grid=TimeGrid(start=start, tick_minutes=30))
    feed = LiveFeed(config, world.spec, world.memory, world.time.now_s)
    premium = contract("P1", Tier.PREMIUM, 2.0)
    first = opened(first_world(config), (premium,), config)
    engine = TickEngine(config=config, feed=feed, optimizer=Rules(), horizon_hours=24, world=first)
    world.web.is_cut = True
    stale, price, planned, texas = [], [], [], 1
    for tick in range(52):
        if tick == 49:
            world.web.is_cut = False
        world.time.at_s = config.grid.epoch_s(tick)
        world.poller.ask_due()
        reading = engine.read_feed()
        stale.append(len(reading.observation.stale_sources))
        planned.append(float(engine.problem(reading).observation.energy_price_usd_per_mwh[texas]))
        price.append(float(reading.observation.energy_price_usd_per_mwh[texas]))
        engine.keep(engine.advance(reading, engine.optimizer.plan(engine.problem(reading))))
    assert engine.world.accounts.good_ticks.tolist() == [52]
    risk = np.subtract(planned, price)
    assert len(set(price[1:49])) == 1  # the last value stands, and is what counts in the ledger
    assert risk[:2].tolist() == [0.0, 0.0]
    assert (np.diff(risk[:49]) >= 0.0).all()
    assert risk[4] > 0.0
    assert risk[51] == 0.0
    assert stale[0] < stale[20] <= stale[48]
    assert stale[51] == 0


def test_a_full_disk_is_told_and_what_was_not_written_is_not_known(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = begin()
    before = world.memory.newest("sydney price").told.end_s[-1]

    def full(_: JournalWriter, __: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(JournalWriter, "append", full)
        world.until(2)
    reasons = {status.name: status.reason for status in world.poller.statuses()}
    assert reasons["sydney price"] == "the journal cannot be written (No space left on device)"
    assert world.memory.newest("sydney price").told.end_s[-1] == before
    world.until(4)
    assert world.feed.observe(4).stale_sources == ()


def test_a_torn_line_is_cut_off_and_a_damaged_one_refused(tmp_path: Path, begin: Begin) -> None:
    begin().close()
    (file,) = tmp_path.glob("*.jsonl")
    whole = file.read_bytes()
    file.write_bytes(whole + b'00000000 {"known_at_s":17')
    JournalWriter(tmp_path).close()
    assert file.read_bytes() == whole
    with closing(JournalWriter(tmp_path)), pytest.raises(ConfigError, match="is written by another process"):
        JournalWriter(tmp_path)
    file.write_bytes(whole.replace(b"1.1", b"2.1", 1) if b"1.1" in whole else whole.replace(b"0", b"1", 1))
    with pytest.raises(FeedInvalid, match=r"jsonl line \d+ should be as Mara wrote it"):
        Memory.of_journal(tmp_path)


def test_a_journal_is_checked_for_damage_order_and_lines_cut_short(tmp_path: Path, begin: Begin) -> None:
    begin().close()
    (file,) = tmp_path.glob("*.jsonl")
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert list(faults_in(tmp_path)) == []
    count, last_s = extent_of(tmp_path)
    assert (count, START.timestamp() - 120 < last_s <= START.timestamp()) == (len(lines), True)
    file.write_bytes(whole + b"0badc0de {")  # as a crash leaves it
    assert list(faults_in(tmp_path)) == []
    later = tmp_path / "2026-03-04.jsonl"
    later.write_bytes(lines[-1])
    assert [fault.removeprefix(f"{tmp_path}/")[:70] for fault in faults_in(tmp_path)] == [
        f"2026-03-03.jsonl line {len(lines) + 1} is cut short, and later files follow: restore the file f"[:70],
        "2026-03-04.jsonl line 1 is of 2026-03-03: lines are only ever added, restore"[:70],
    ]
    later.unlink()
    first_late = next(n for n, line in enumerate(lines) if known_at(line) > known_at(lines[0]))
    file.write_bytes(b"".join([*lines[first_late:], lines[0]]))
    assert [fault.split(" is ")[1] for fault in faults_in(tmp_path)] == [
        "earlier than the line before: lines are only ever added, restore the file from a backup"
    ]
    file.write_bytes(whole.replace(b'"known_at_s":1', b'"known_at_s":2', 1))
    (fault,) = faults_in(tmp_path)
    assert "line 1 should be as Mara wrote it, is not (the checksum differs)" in fault


def known_at(line: bytes) -> int:
    found = re.search(rb'"known_at_s":(\d+)', line)
    assert found is not None
    return int(found[1])
