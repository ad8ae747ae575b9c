"""Executors of a live run are armed by a user, get each plan, and are released."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from mara.bootstrap import platform_of
from mara.errors import CommandError, ConfigError, StoreError
from mara.runtime.live.platform import Platform
from mara.runtime.live.supervisor import RetryPolicy
from mara.runtime.published_state import EngineState
from mara.settings import Settings
from mara.signals.executors.hold import HOLD, Hold, HoldFile
from mara.signals.imitations.luxos_miner import ImitatedMiner
from tests.signals.devices import a_miner, serving

SITE = "dublin"
UNIT_MW = 0.125
COUNT = 8
PATIENCE_S = 20.0


@dataclass
class RealSite:
    """A run at real time with eight imitated miners at a site, which its plan limits."""

    platform: Platform
    miners: list[ImitatedMiner]

    @property
    def modes(self) -> list[str]:
        return [miner.mode for miner in self.miners]

    @property
    def expected(self) -> list[str]:
        """The modes of the miners that the newest document asks for."""
        document = self.platform.publisher.read().dispatch
        assert document is not None
        (limit_mw,) = [site.site_limit_mw for site in document.sites if site.site_id == SITE]
        assert limit_mw is not None
        awake_count = min(COUNT, int(limit_mw / UNIT_MW + 1e-9))
        return ["Sleep"] * (COUNT - awake_count) + ["None"] * awake_count

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a condition, tested at each change of the published state."""
        changed = asyncio.Event()
        self.platform.publisher.follow(lambda _: changed.set())
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                await changed.wait()
                changed.clear()

    async def kinds(self) -> list[str]:
        return [entry.kind for entry in await self.platform.archive.signals(SITE)]

    def state(self) -> str:
        (status,) = self.platform.publisher.read().executors
        return status.state


def holds_in(folder: Path) -> list[Path]:
    return list(folder.rglob(f"*{HOLD}"))


@asynccontextmanager
async def beside(folder: Path, miners: list[ImitatedMiner]) -> AsyncIterator[RealSite]:
    with ExitStack() as stack:
        hosts = [f"127.0.0.1:{stack.enter_context(serving(miner.answer))}" for miner in miners]
        path = folder / "executors.toml"
        path.write_text(
            f'[[executor]]\nsite = "{SITE}"\nkind = "luxos"\nhosts = {hosts}\nunit_power_mw = {UNIT_MW}\n'
            "least_interval_s = 0.0\n",
            encoding="utf-8",
        )
        settings = Settings(database_url=f"sqlite:///{folder / 'm.db'}", optimizer="rules", speed=1.0, executors=path)
        platform = platform_of(settings, RetryPolicy(first_wait_s=0.001, longest_wait_s=0.002))
        await platform.start()
        site = RealSite(platform, miners)
        try:
            await site.until(lambda: platform.publisher.read().state is EngineState.RUNNING)
            platform.publisher.set_world("live")
            yield site
        finally:
            await platform.stop()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[RealSite]:
    async with beside(tmp_path, [a_miner() for _ in range(COUNT)]) as made:
        yield made


async def test_an_armed_site_follows_the_plan_and_is_given_back_when_it_is_disarmed(site: RealSite) -> None:
    assert site.modes == ["None"] * COUNT, "nothing is written in advise"
    await site.platform.set_mode(SITE, "dry-run", "to see it first")
    await site.until(lambda: site.state() == "ready")
    assert site.modes == ["None"] * COUNT
    await site.platform.set_mode(SITE, "act", "it looked right")
    await site.until(lambda: site.modes == site.expected and site.state() == "written")
    assert site.expected != ["None"] * COUNT
    await site.platform.set_mode(SITE, "shadow", "enough")
    await site.until(lambda: site.modes == ["None"] * COUNT and site.state() == "released")
    assert (await site.kinds())[::-1] == ["mode", "planned", "mode", "write", "mode", "release"]


async def test_a_release_is_logged_after_the_change_of_mode_that_caused_it_also_while_the_store_is_busy(
    site: RealSite,
) -> None:
    await site.platform.set_mode(SITE, "act", "a test")
    await site.until(lambda: site.state() == "written")
    store, is_over = site.platform.executors._store, Event()
    assert store is not None
    store.executor.submit(is_over.wait, PATIENCE_S)
    change = asyncio.create_task(site.platform.set_mode(SITE, "shadow", "enough"))
    await site.until(lambda: site.modes == ["None"] * COUNT and site.state() == "released")
    assert not change.done()
    is_over.set()
    await change
    assert (await site.kinds())[::-1] == ["mode", "write", "mode", "release"]


async def test_a_site_is_given_back_before_the_run_ends_and_is_not_armed_in_the_next(tmp_path: Path) -> None:
    miners = [a_miner() for _ in range(COUNT)]
    async with beside(tmp_path, miners) as site:
        await site.platform.set_mode(SITE, "act", "a test")
        await site.until(lambda: site.state() == "written")
    assert site.modes == ["None"] * COUNT
    assert holds_in(tmp_path) == []
    async with beside(tmp_path, miners) as again:
        assert again.platform.signals.mode_of(SITE) == "shadow"
        (newest, *_) = await again.platform.archive.signals(SITE, "mode")
        assert (newest.actor, newest.after) == ("mara", "shadow")


async def test_time_that_runs_faster_than_machines_disarms_and_cannot_be_armed(site: RealSite) -> None:
    await site.platform.set_mode(SITE, "act", "a test")
    await site.until(lambda: site.state() == "written")
    site.platform.set_speed(60.0)
    await site.until(lambda: site.platform.signals.mode_of(SITE) == "shadow" and site.state() == "released")
    assert site.modes == ["None"] * COUNT
    with pytest.raises(CommandError, match="time runs 60 times too fast for machines"):
        await site.platform.set_mode(SITE, "act", "again")


@pytest.mark.parametrize("world", ["synthetic", "replay"])
async def test_prices_that_are_not_of_the_present_are_never_acted_on(site: RealSite, world: str) -> None:
    site.platform.publisher.set_world(world)
    with pytest.raises(CommandError, match=f"only act on live prices, those of this run are {world}"):
        await site.platform.set_mode(SITE, "act", "a test")
    await site.platform.set_mode(SITE, "dry-run", "it writes nothing")
    assert site.modes == ["None"] * COUNT


async def test_a_site_is_given_back_though_its_log_cannot_be_written(
    site: RealSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.platform.set_mode(SITE, "act", "a test")
    await site.until(lambda: site.state() == "written")

    def refuse(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(site.platform.executors._store.signals, "_aside", refuse)  # type: ignore[union-attr]
    with pytest.raises(StoreError, match="the disk is full"):
        await site.platform.set_mode(SITE, "shadow", "the disk is full")
    await site.until(lambda: site.modes == ["None"] * COUNT and site.state() == "released")


@pytest.mark.parametrize("reason", ["a\x00b", "a\ud800b", "x" * 201, "a\u202eb"])
async def test_a_reason_that_cannot_be_kept_arms_nothing_and_still_disarms(site: RealSite, reason: str) -> None:
    with pytest.raises(CommandError, match="a reason is one line of 1 to 200 printable characters"):
        await site.platform.set_mode(SITE, "dry-run", reason)
    await site.platform.set_mode(SITE, "dry-run", "to see it first")
    await site.platform.set_mode(SITE, "shadow", reason)
    (newest, *_) = await site.platform.archive.signals(SITE, "mode")
    assert newest.after == "shadow"
    assert newest.reason.isprintable()
    assert len(newest.reason) <= 200


@pytest.mark.parametrize("reason", ["a\x00b", "a\ud800b", "x" * 201])
async def test_a_reason_of_a_device_that_no_database_holds_is_logged_without_what_cannot_be(
    site: RealSite, reason: str
) -> None:
    await site.platform.set_mode(SITE, "act", "a test")
    await site.until(lambda: site.state() == "written")
    await site.platform.signals.disarm(SITE, reason)
    await site.until(lambda: site.state() == "released")
    newest, cause, *_ = await site.platform.archive.signals(SITE)
    assert (newest.kind, cause.kind, cause.after) == ("release", "mode", "shadow")
    assert cause.reason == ("x" * 200 if reason.startswith("x") else "a b")


async def test_a_plan_that_grows_stale_disarms(site: RealSite) -> None:
    await site.platform.set_mode(SITE, "act", "a test")
    await site.until(lambda: site.state() == "written")
    site.platform.executors._tick_s = 0.0
    await site.platform.executors.look_at_lease()
    await site.until(lambda: site.platform.signals.mode_of(SITE) == "shadow" and site.state() == "released")
    (newest, *_) = await site.platform.archive.signals(SITE, "mode")
    assert newest.reason == "no new targets came for 2 ticks: the run is paused, or stands still"


async def test_a_lost_watchdog_disarms_and_nothing_more_is_written(site: RealSite) -> None:
    await site.platform.set_mode(SITE, "act", "a test")
    await site.until(lambda: site.state() == "written")
    lease = site.platform.executors._lease
    assert lease is not None
    watchdog = lease._watchdog
    assert watchdog is not None
    watchdog.kill()
    watchdog.wait(PATIENCE_S)
    await site.platform.executors.look_at_lease()
    await site.until(lambda: site.platform.signals.mode_of(SITE) == "shadow" and site.state() == "released")
    (newest, *_) = await site.platform.archive.signals(SITE, "mode")
    assert newest.reason == "the lease was lost: Mara or its watchdog stood still for longer than it lasts"


async def looked(site: RealSite) -> None:
    """Look at the lease, and wait for what is logged beside it."""
    desk = site.platform.executors
    if desk._noting is not None:  # one under way may have looked too soon, and no other begins beside it
        await desk._noting
    await desk.look_at_lease()
    assert desk._noting is not None
    await desk._noting


def given_back(folder: Path) -> None:
    """Leave the note of a watchdog that gave a miner back."""
    hold = HoldFile(folder / "m.db.holds", folder / "locks", SITE)
    hold.write(Hold(site_id=SITE, spec={}, owners=(("a", "wakeup"),), ours=((("a", "sleep"),),)))
    hold.forget_as("a=wakeup restored")


async def test_what_the_watchdog_gave_back_while_mara_hung_is_in_the_log_of_the_same_run(
    site: RealSite, tmp_path: Path
) -> None:
    given_back(tmp_path)
    await looked(site)
    (newest, *_) = await site.platform.archive.signals(SITE)
    assert (newest.kind, newest.reason) == ("release", "by the watchdog: a=wakeup restored")
    await looked(site)
    assert await site.kinds() == ["release"]


async def test_what_the_watchdog_gave_back_is_logged_also_by_a_run_that_was_stopped_and_started(
    site: RealSite, tmp_path: Path
) -> None:
    await site.platform.stop()
    await site.platform.start()
    given_back(tmp_path)
    await looked(site)
    (newest, *_) = await site.platform.archive.signals(SITE)
    assert (newest.kind, newest.reason) == ("release", "by the watchdog: a=wakeup restored")


async def test_a_miner_that_somebody_wakes_is_left_alone(site: RealSite) -> None:
    await site.platform.set_mode(SITE, "act", "a test")
    await site.until(lambda: site.state() == "written")
    site.miners[0].mode = "None"
    left = site.modes
    site.platform.step(1)
    await site.until(lambda: site.state() == "override")
    assert site.modes == left
    assert "override" in await site.kinds()


async def test_an_executors_file_of_another_fleet_refuses_the_start(tmp_path: Path) -> None:
    path = tmp_path / "executors.toml"
    path.write_text(
        '[[executor]]\nsite = "atlantis"\nkind = "luxos"\nhosts = ["h"]\nunit_power_mw = 0.1\n', encoding="utf-8"
    )
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'm.db'}", optimizer="rules", executors=path)
    with pytest.raises(ConfigError, match="no site 'atlantis'"):
        await platform_of(settings).start()
