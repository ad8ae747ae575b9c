"""A live run on imitated providers catches up missed ticks and can be repeated."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mara.assembly.live_world import live_outside
from mara.assembly.runs import open_run, read_only_run
from mara.bootstrap import platform_of
from mara.cli.app import app
from mara.errors import ConfigError, FeedInvalid
from mara.feeds.files.history_file import read_history
from mara.feeds.live.journal import JournalWriter
from mara.feeds.live.memory import Memory
from mara.runtime.replay_check import replayed
from mara.runtime.tick.engine import simulate
from mara.settings import Settings, read_settings
from mara.store import maintenance
from mara.store.read.read_model import ReadModel
from tests.feeds.live.fake_vtn import CLIENT, SECRET, FakeVtn, WebWithVtn
from tests.feeds.live.fakes import KEYS, SimulatedTime, web_of
from tests.feeds.live.loopback import moved, on_loopback
from tests.feeds.live.worlds import OPENADR, QUIET, SPEC, TICK_S, live_world
from tests.runtime.made_up import until
from tests.sameness import differences

TICKS = 14


class RealTime(SimulatedTime):
    def now_s(self) -> float:
        return time.time()


@pytest.fixture
def port() -> Iterator[int]:
    with on_loopback(web_of(RealTime(0.0))) as port:
        yield port


@pytest.fixture
def vtn() -> FakeVtn:
    vtn = FakeVtn(RealTime(0.0))
    give_events(vtn, time.time() // TICK_S * TICK_S - TICKS * TICK_S)
    return vtn


@pytest.fixture
def port_beside_vtn(vtn: FakeVtn) -> Iterator[int]:
    with on_loopback(WebWithVtn(web_of(RealTime(0.0)), vtn)) as port:
        yield port


def give_events(vtn: FakeVtn, start_s: float) -> None:
    """Limit a site from the fourth tick on, without end, and warn of a grid emergency."""
    to_texas = {"targets": [{"type": "RESOURCE_NAME", "values": ["RES-TX"]}]}
    vtn.put("limit", "IMPORT_CAPACITY_LIMIT", (start_s + 4 * TICK_S, "PT0S", 1_500), **to_texas)
    vtn.put("now", "DISPATCH_SETPOINT", (start_s + 6 * TICK_S, "PT10M", 1_200), **to_texas)
    vtn.put("warned", "ALERT_GRID_EMERGENCY", (start_s, "P1D", "Frequency is low"))


@pytest.fixture
def begun(tmp_path: Path) -> datetime:
    """Record an hour of live values up to now in the journal; return when it began."""
    return recorded(tmp_path, time.time())


def recorded(folder: Path, now_s: float) -> datetime:
    """Record an hour of live values up to an instant in the journal; return when it began."""
    start = datetime.fromtimestamp((now_s // TICK_S - TICKS) * TICK_S, UTC)
    with closing(live_world(folder / "feed", start=start, text=SPEC + OPENADR)) as world:
        give_events(world.vtn, start.timestamp())
        world.until(TICKS - 1)
    return start


def settings_in(folder: Path, port: int, name: str = "mara.db", **options: object) -> Settings:
    spec = folder / "live.toml"
    spec.write_text(moved(SPEC + (OPENADR if options.pop("beside_vtn", False) else ""), port), encoding="utf-8")
    given = {
        "database_url": f"sqlite:///{folder / name}",
        "feed": "live",
        "feed_spec": spec,
        "feed_journal": folder / "feed",
        "feed_keys": ",".join(
            f"{provider}={key}" for provider, key in {**KEYS, "openadr": f"{CLIENT}:{SECRET}"}.items()
        ),
        "optimizer": "rules",
    }
    return read_settings(env={}, options={**given, **options})


async def test_a_live_run_catches_up_and_can_be_repeated_bit_for_bit(
    tmp_path: Path, port_beside_vtn: int, vtn: FakeVtn, begun: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = settings_in(tmp_path, port_beside_vtn, start=begun, beside_vtn=True)
    platform, ordered = platform_of(settings), asyncio.Event()
    platform.publisher.follow(lambda now: ordered.set() if now.waiting_count else None)
    await platform.start()
    try:
        await until(lambda: (shown := platform.publisher.read().snapshot) is not None and shown.tick >= TICKS - 1, 30.0)
        await until(lambda: any(alert.kind == "grid_alert" for alert in platform.publisher.read().alerts), 10.0)
        await asyncio.wait_for(ordered.wait(), 10.0)
        await until(lambda: platform.publisher.read().responses != (), 10.0)
        (response,) = platform.publisher.read().responses
        snapshot = platform.publisher.read().snapshot
        statuses, alerts = platform.sources(), platform.publisher.read().alerts
    finally:
        await platform.stop()
    assert snapshot is not None
    assert (snapshot.plays, platform.publisher.read().speed_factor) == ("live", 1.0)
    assert [status.name for status in statuses if not status.values] == []
    assert [site.import_limit_mw for site in snapshot.sites] == [None, 1.5, None]
    assert (response.site_id, response.cause, response.state) == ("texas", "limit of the grid", "unarmed")
    assert (response.limit_mw, response.told_s < response.allowed_s) == (1.5, True)
    assert {("grid_limit", "texas"), ("grid_alert", "warned")} <= {(one.kind, one.subject) for one in alerts}
    again = settings_in(tmp_path, port_beside_vtn, "again.db", start=begun, beside_vtn=True)
    asked = len(vtn.asked)
    store, engine = open_run(again)
    with closing(store), closing(ReadModel.open(settings.database_url)) as reading:
        [audited] = reading.ask("SELECT kind, about, actor FROM orders")
        assert (audited.kind, audited.about, audited.actor) == ("gridnotice", "warned", "OpenADR VTN 127.0.0.1")
        simulate(engine, store, TICKS)
        limited = []
        for tick in range(TICKS):
            stored, repeated = reading.stored_tick(tick), store.read_model.stored_tick(tick)
            assert not list(differences(stored.observation, repeated.observation)), tick
            assert not replayed(reading, reading.run().run_id, tick).differs
            assert stored.observation is not None
            limit = stored.observation.import_limit_mw
            limited.append(0.0 if limit is None else float(limit[1]))
        assert limited == [0.0] * 4 + [1.5] * 2 + [1.2] * 2 + [1.5] * 6
        assert maintenance.check(settings.database_url).findings == ()
    assert len(vtn.asked) == asked  # a repetition asks nobody
    looked_at, _ = read_only_run(settings)
    assert looked_at.read_feed().forecast.tick >= TICKS  # beyond the end of the journal
    told = [*vtn.tokens, SECRET, "m-key", "e-key", ":pw"]
    shown = repr((snapshot, statuses, alerts, sys.argv))
    for key in told:
        assert key.encode() not in all_bytes_in(tmp_path)
        assert key not in caplog.text
        assert key not in shown


def all_bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_run_is_not_begun_before_every_source_has_told_something(tmp_path: Path) -> None:
    with on_loopback(web_of(RealTime(0.0))) as port:
        settings = settings_in(tmp_path, port, feed_keys="")
    platform = platform_of(settings)
    with pytest.raises(
        FeedInvalid, match="denmark price should tell a value before the run begins, told none: no conn"
    ):
        platform._open_run()
    with closing(JournalWriter(tmp_path / "feed")):  # nothing is left open
        pass


def test_check_asks_each_source_once_and_says_what_came(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_in(tmp_path, port)
    text = (tmp_path / "live.toml").read_text(encoding="utf-8")
    # two addresses of one host are asked apart from each other, which a test does not wait for
    two = text[: text.index('[[site]]\nid = "sydney"')] + "[bitcoin]\nconstant = 50.0\n"
    (tmp_path / "live.toml").write_text(two, encoding="utf-8")
    monkeypatch.setattr("mara.feeds.live.poller.Poller.pause_s", lambda self, one: 0.0)
    monkeypatch.setenv("MARA_FEED_KEYS", "")
    result = CliRunner().invoke(app, ["feed", "check", str(tmp_path / "live.toml")])
    lines = result.output.splitlines()
    assert result.exit_code == 3
    assert lines[0].startswith(f"denmark price (energi-data-service at 127.0.0.1:{port}): price_usd_per_mwh ")
    assert "of the present interval, known until " in lines[0]
    assert [line for line in lines if "needs a key" in line] == [
        f"denmark carbon (electricity-maps at 127.0.0.1:{port}): electricity-maps needs a key, there is none: add "
        "electricity-maps=… to MARA_FEED_KEYS"
    ]
    plain = json.loads(CliRunner().invoke(app, ["feed", "check", str(tmp_path / "live.toml"), "--json"]).output)
    assert {source["name"] for source in plain["sources"]} >= {"denmark price", "texas weather"}


def test_check_asks_the_vtn_too_and_repeats_no_secret(
    tmp_path: Path, port_beside_vtn: int, vtn: FakeVtn, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "quiet.toml"
    spec.write_text(moved(QUIET + OPENADR, port_beside_vtn), encoding="utf-8")
    monkeypatch.setenv("MARA_FEED_KEYS", f"openadr={CLIENT}:{SECRET}")
    good = CliRunner().invoke(app, ["feed", "check", str(spec)])
    assert (good.exit_code, good.output) == (
        0,
        "openadr (127.0.0.1): events_count 3, texas import_limit_mw 1.5, of the present interval\n",
    )
    monkeypatch.setenv("MARA_FEED_KEYS", f"openadr={CLIENT}:wr0ng")
    bad = CliRunner().invoke(app, ["feed", "check", str(spec)])
    assert (bad.exit_code, bad.output) == (
        3,
        "openadr (127.0.0.1): /programs: the login of openadr failed: HTTP 401\n",
    )
    assert not any(token in good.output for token in vtn.tokens)


@pytest.mark.parametrize("now", ["00:35", "01:19", "12:00", "23:59"])
def test_a_journal_is_exported_as_a_history_at_any_time_of_day(tmp_path: Path, port: int, now: str) -> None:
    """A bitcoin price told anew before its hour is over stays the price until then."""
    settings = settings_in(tmp_path, port)
    out = tmp_path / "history"
    begun = recorded(tmp_path, datetime.fromisoformat(f"2026-03-03T{now}Z").timestamp())
    first = datetime.fromtimestamp(-(-begun.timestamp() // 3_600) * 3_600 - 3_600, UTC)
    to = datetime.fromtimestamp(first.timestamp() + 3_600, UTC)
    arguments = ["feed", "export", str(settings.feed_spec), "--out", str(out), "--journal", str(tmp_path / "feed")]
    result = CliRunner().invoke(app, [*arguments, "--from", first.isoformat(), "--to", to.isoformat(), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["rows"] == 3
    history = read_history(out)
    assert history.site_ids == ("denmark", "texas", "sydney")
    assert history.price_known == ("day_ahead", "real_time", "real_time")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"feed_spec": None}, "MARA_FEED=live needs the SPEC of its sources"),
        ({"speed": 300.0}, "a live world keeps the wall clock, its speed is 1, came 300"),
        ({"day_ahead_position": "planned"}, "day-ahead positions are bought in replays alone"),
        ({"feed_keys": "nonsense-secret"}, "MARA_FEED_KEYS should be provider=key"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, options: dict[str, object], expected: str) -> None:
    settings = settings_in(tmp_path, 9, "mara.db", **options)
    with pytest.raises(ConfigError, match=expected) as refusal:
        platform_of(settings)._open_run()
    assert "nonsense-secret" not in str(refusal.value)


def test_a_fleet_with_a_site_that_nobody_tells_of_is_refused(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, 9, fleet="global_ten")
    with pytest.raises(ConfigError, match="should have sources of every site of the fleet, has none of"):
        live_outside(settings, Memory(keeps=True))
