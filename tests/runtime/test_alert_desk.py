"""Alerts of a live run are recorded, acknowledged by users, and survive restarts."""

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mara.core.alert import Alert
from mara.core.commands import Outage
from mara.core.metering import Reading
from mara.core.snapshot import Snapshot
from mara.errors import CommandError, EngineStopped, StoreError
from mara.runtime.actor import ACTOR, Actor
from mara.runtime.live.platform import Platform
from mara.runtime.observe import alert_desk
from mara.runtime.observe.alert_desk import AlertDesk
from mara.runtime.observe.alert_targets import AlertMessage
from mara.runtime.published_state import EngineState, StatePublisher
from mara.store import maintenance
from mara.store.read import alert_list
from mara.store.read.read_model import ReadModel
from tests.runtime.made_up import PATIENCE_S, MemoryStore, quiet, running, stage, until
from tests.runtime.test_durable_orders import on, paused
from tests.store.databases import asked, url_of
from tests.ui.platform import GRID, AlertMemory
from tests.ui.snapshots import snapshot_at


class Heard:
    """An alert target that records what it is sent."""

    def __init__(self) -> None:
        self.messages: list[AlertMessage] = []

    def send(self, message: AlertMessage) -> None:
        self.messages.append(message)

    def close(self) -> None:
        """Do nothing, because nothing is open."""


def standing(run: Platform) -> tuple[Alert, ...]:
    return run.publisher.read().alerts


async def ended(run: Platform, number: int) -> Alert:
    """Wait until the end of an alert is recorded, which may be after it is shown."""
    async with asyncio.timeout(PATIENCE_S):
        while (alert := await run.archive.alert(number)).ended_at is None:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
    return alert


async def down(run: Platform, ticks: int = 40) -> Alert:
    """Take a site down, and return the alert about it."""
    snapshot = run.publisher.read().snapshot
    assert snapshot is not None
    await run.order(Outage(site_id=snapshot.sites[0].id, duration_ticks=ticks))
    await on(run, 1)
    await until(lambda: any(alert.kind == "site" for alert in standing(run)))
    return next(alert for alert in standing(run) if alert.kind == "site")


async def test_an_alert_its_acknowledgement_and_a_silence_survive_a_restart_with_who_ordered_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.db"
    async with paused(path, 1) as run:
        alert = await down(run)
        assert (alert.severity, alert.about, alert.began_tick) == ("warning", "site", 1)
        ACTOR.set(Actor(name="ola", address="10.0.0.9"))
        await run.alerts.acknowledge(alert.number)
        until_at = alert.began_at + timedelta(hours=2)
        (silenced,) = await run.alerts.silence(alert.number, until=until_at)
        assert standing(run) == (silenced,)
    async with paused(path) as run:
        await until(lambda: bool(standing(run)))
        (again,) = standing(run)
        assert (again.number, again.began_tick, again.acknowledged_by) == (alert.number, 1, "ola")
        assert (again.silenced_by, again.silenced_until) == ("ola", until_at)
        await on(run, 40)
        await until(lambda: not standing(run))
    with closing(ReadModel.open(url_of(path))) as reading:
        (over,) = alert_list.alerts(reading)
        assert (over.number, over.ended_tick, over.state) == (alert.number, 41, "ended")
        began, ended = over.began_at, over.ended_at
        assert ended is not None
        for from_, to, count in (
            (None, began, 0),
            (began, ended, 1),
            (ended - timedelta(minutes=5), None, 1),
            (ended + timedelta(minutes=5), None, 0),
        ):
            assert len(alert_list.alerts(reading, from_, to)) == count
        assert alert_list.alert(reading, alert.number) == over
        with pytest.raises(CommandError, match="there is no alert 99"):
            alert_list.alert(reading, 99)
    ordered = asked(path, "SELECT change, actor, address FROM alert_log WHERE actor <> '' ORDER BY number")
    assert [tuple(row) for row in ordered] == [("acknowledged", "ola", "10.0.0.9"), ("silenced", "ola", "10.0.0.9")]
    assert maintenance.check(url_of(path)).findings == ()


async def test_an_alert_is_told_once_and_a_silenced_one_when_its_silence_is_over() -> None:
    heard = Heard()
    async with running(stage()) as around:
        around.platform.alerts._targets = (heard,)
        await around.stored(1)
        publisher = around.platform.publisher
        publisher.mark(EngineState.DEGRADED, "slow disk")
        publisher.mark(EngineState.RUNNING)
        told = [(message.severity, message.text, message.path) for message in heard.messages]
        text = "the engine is degraded: slow disk"
        assert told == [("warning", text, "/alerts?alert=1"), ("resolved", f"over: {text}", "/alerts?alert=1")]
        publisher.mark(EngineState.DEGRADED, "slow disk")
        await around.platform.alerts.silence(2, until=around.shown.at + timedelta(minutes=5))
        publisher.mark(EngineState.RUNNING)
        heard.messages.clear()
        publisher.mark(EngineState.DEGRADED, "slow disk")
        assert heard.messages == []
        publisher.mark(EngineState.HALTED, "no disk")
        assert [message.severity for message in heard.messages] == ["critical"], "worse than what was silenced"


async def test_an_alert_that_began_in_a_silence_is_told_after_it_across_a_restart(tmp_path: Path) -> None:
    path, heard = tmp_path / "m.db", Heard()
    async with paused(path, 1) as run:
        alert = await down(run, 1)
        await run.alerts.silence(alert.number, until=alert.began_at + timedelta(minutes=20))
        await on(run, 2)
        await until(lambda: not standing(run))
        again = await down(run)
        assert (again.number, again.state) == (2, "silenced")
    async with paused(path) as run:
        run.alerts._targets = (heard,)
        await until(lambda: bool(standing(run)))
        assert heard.messages == []
        await on(run, 4)
        await until(lambda: bool(heard.messages))
        assert [(message.alert, message.severity) for message in heard.messages] == [(2, "warning")]


async def test_modes_and_an_alert_about_a_meter_stand_after_a_restart_before_the_next_tick(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    async with paused(path, 1) as run:
        snapshot = run.publisher.read().snapshot
        assert snapshot is not None
        site_id = snapshot.sites[0].id
        await run.set_mode(site_id, "shadow", "to see it first")
        await run.signals.receive([Reading(site_id=site_id, at=datetime.now(UTC), power_mw=1.0, quality="bad")])
        await on(run, 1)
        await until(lambda: bool(standing(run)))
        (alert,) = standing(run)
        (alert,) = await run.alerts.acknowledge(alert.number)
    async with paused(path) as run:
        await until(lambda: run.publisher.read().snapshot is not None)
        shown = run.publisher.read()
        assert shown.snapshot is not None
        assert shown.dispatch is not None
        assert (shown.snapshot.sites[0].mode, shown.dispatch.mode) == ("shadow", "shadow")
        assert shown.snapshot.sites[0].metered is not None
        assert standing(run) == (alert,)


async def test_a_failure_that_a_restart_ends_is_over_at_the_last_stored_tick(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    async with paused(path, 3) as run:
        run.publisher.mark(EngineState.HALTED, "no disk")
        (alert,) = standing(run)
    async with paused(path) as run:
        over = await ended(run, alert.number)
        assert over.ended_at is not None
        assert (over.began_tick, over.ended_tick) == (alert.began_tick, alert.began_tick)
        assert over.ended_at >= over.began_at


async def test_an_alert_is_shown_while_the_store_fails_and_recorded_when_it_answers() -> None:
    store, refusals = MemoryStore(), [StoreError("the disk is gone")]
    add = store.alerts.add

    def refuse_first(changes: object, *, full: bool = False) -> None:
        if refusals:
            raise refusals.pop()
        add(changes, full=full)  # type: ignore[arg-type]

    store.alerts.add = refuse_first  # type: ignore[method-assign]
    async with running(stage(store=store)) as around:
        await around.stored(1)
        around.platform.publisher.mark(EngineState.DEGRADED, "the disk is gone")
        (alert,) = standing(around.platform)
        await until(lambda: not refusals)
        refusals.append(StoreError("still gone"))
        with pytest.raises(StoreError, match="still gone"):
            await around.platform.alerts.acknowledge(alert.number)
        assert standing(around.platform)[0].acknowledged_by == "", "what is not on disk is not confirmed"
        await around.platform.alerts.acknowledge(alert.number)
        assert changes_in(store) == ["began", "acknowledged"]


def changes_in(store: MemoryStore) -> list[str]:
    with store._begun() as connection:
        found = connection.exec_driver_sql("SELECT change FROM alert_log ORDER BY number")
        return [str(row.change) for row in found]


async def test_an_order_about_an_alert_needs_an_open_run_and_a_standing_alert() -> None:
    around = stage()
    with pytest.raises(EngineStopped):
        await around.platform.alerts.acknowledge(1)
    async with running(around):
        with pytest.raises(CommandError, match="alert 1 does not stand"):
            await around.platform.alerts.unsilence(1)
        with pytest.raises(CommandError, match="1 to 200 alerts, 0 came"):
            await around.platform.alerts.reopen()


async def test_a_tick_that_is_late_is_an_alert_by_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_desk, "LOOK_INTERVAL_S", 0.05)
    async with running(stage()) as around:
        await around.stored(1)
        desk = around.platform.alerts
        desk._overdue_s = late = _Late()
        await until(lambda: any(alert.kind == "late" for alert in standing(around.platform)), 5.0)
        late.seconds = 0.0
        await until(lambda: not standing(around.platform), 5.0)
        await quiet()


class _Late:
    """A measurement of a tick's lateness, which a test sets."""

    seconds = 9.0

    def __call__(self) -> float:
        return self.seconds


async def test_an_alert_found_by_a_start_says_for_as_long_as_it_stands_that_it_began_before() -> None:
    last = snapshot_at(288)
    publisher = StatePublisher()
    desk = AlertDesk(publisher)
    await desk.open(AlertMemory(), GRID, last=last)
    try:
        publisher.publish(last)
        found = {alert.subject: alert.text for alert in publisher.read().alerts}
        assert found["dublin"].endswith("available (began before this start)")
        first = replace(last.sites[0], status="down")
        publisher.publish(replace(last, tick=289, sites=(first, *last.sites[1:])))
        after = {alert.subject: alert.text for alert in publisher.read().alerts if alert.kind == "site"}
        assert after == {
            "dublin": found["dublin"],
            first.id: f"{first.name} is down: none of its machines is available",
        }
    finally:
        await desk.close()


async def test_an_alert_found_by_a_start_has_the_time_of_its_condition_where_stored_ticks_tell_it() -> None:
    last, publisher = snapshot_at(288), StatePublisher()
    record = _Begins()
    desk = AlertDesk(publisher)
    await desk.open(record, GRID, last=last)
    try:
        publisher.publish(last)
        (alert,) = (one for one in publisher.read().alerts if one.subject == "dublin")
        assert (alert.began_tick, alert.began_at) == (250, GRID.at(250))
        assert alert.text.endswith("none of its machines is available")
        await until(lambda: any(change.tick == 250 for change in record.changes))
    finally:
        await desk.close()


class _Begins(AlertMemory):
    """A store of alerts whose ticks tell since when a site is down."""

    async def begins(self, last: Snapshot) -> dict[tuple[str, str], int]:
        return {("site", "dublin"): 250}
