"""A site is stopped between two ticks: its devices are told at once, and the next tick obeys."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from mara.core.contract import Tier
from mara.core.live_source import GridLimit
from mara.core.overtaking import Overtaking, ResponseStatus
from mara.errors import CommandError, StoreError
from mara.runtime.published_state import EngineState
from mara.runtime.signals.executor_desk import ExecutorSetup
from mara.signals.imitations.luxos_miner import ImitatedMiner
from mara.store.read.order_list import orders
from mara.store.read.read_model import ReadModel
from tests.builders import NORTH, WEST, config, contract
from tests.runtime.made_up import until
from tests.scenarios.real_fleet import RealFleet, running
from tests.signals.devices import a_miner, serving

PACE_S = 10.5
"""A little more than devices are left alone between two writes; a stop waits for nothing."""
ASLEEP, AWAKE = ["Sleep"] * 2, ["None"] * 2


@asynccontextmanager
async def acting(folder: Path, miners: list[ImitatedMiner]) -> AsyncIterator[RealFleet]:
    """A live run whose site West acts, with some imitated miners."""
    with ExitStack() as stack:
        hosts = [f"127.0.0.1:{stack.enter_context(serving(miner.answer))}" for miner in miners]
        specs = folder / "executors.toml"
        specs.write_text(
            f'[[executor]]\nsite = "west"\nkind = "luxos"\nhosts = {hosts}\nunit_power_mw = 1.0\n', encoding="utf-8"
        )
        setup = ExecutorSetup(specs=specs, secret="", holds=folder / "holds", locks=folder / "locks")
        contracts = (contract("gold", Tier.PREMIUM, 2.0), contract("far", Tier.PREMIUM, 2.0))
        fleet = RealFleet(folder / "mara.db", config(), contracts, (WEST, NORTH), executors=setup)
        async with running(fleet):
            fleet.platform.resume()
            await until(lambda: fleet.platform.publisher.read().state is EngineState.RUNNING)
            await fleet.platform.set_mode("west", "act", "a trial")
            await until(lambda: fleet.platform.publisher.read().executors[0].state in {"ready", "written"})
            fleet.platform.pause()
            await until(lambda: fleet.is_paused_at(0))
            yield fleet


async def later(fleet: RealFleet) -> None:
    """Let a write's pause pass, once what was told is done: a clock that moves meanwhile is a device that hangs."""
    (site,) = fleet.platform.executors._sites.values()
    await until(lambda: site.waiting is None and not site.one_at_a_time.locked())
    fleet.clock.at_s += PACE_S


def modes_of(miners: list[ImitatedMiner]) -> list[str]:
    return [miner.mode for miner in miners]


def response_of(fleet: RealFleet) -> ResponseStatus:
    (response,) = fleet.platform.publisher.read().responses
    return response


async def test_a_stopped_site_is_off_before_the_next_tick_which_obeys_and_so_does_a_replay(tmp_path: Path) -> None:
    miners = [a_miner(), a_miner()]
    async with acting(tmp_path, miners) as fleet:
        tick = fleet.shown.tick
        assert fleet.site("west").site_power_mw > 0.0
        receipt = await fleet.platform.stop_site("West", "smoke in hall 2")
        await until(lambda: response_of(fleet).state == "read back")
        assert modes_of(miners) == ASLEEP
        assert fleet.shown.tick == tick, "no tick was waited for"
        assert (receipt.tick, response_of(fleet).cause, response_of(fleet).is_late) == (tick + 1, "stop", False)
        document = fleet.platform.publisher.read().dispatch
        assert document is not None
        assert (document.key, document.sites[WEST].site_limit_mw) == ((tick, 1), 0.0)
        assert document.sites[WEST].contracts == ()
        assert document.sites[WEST].reasons[0] == "stopped at once by operator: smoke in hall 2"
        assert document.sites[NORTH].contracts != ()
        await fleet.tick(2)
        assert (fleet.site("west").status, fleet.site("west").site_power_mw) == ("down", 0.0)
        document = fleet.platform.publisher.read().dispatch
        assert document is not None
        assert (document.revision_number, document.sites[WEST].site_limit_mw) == (0, 0.0), (
            "the plan itself keeps it off"
        )
        assert modes_of(miners) == ASLEEP
        await later(fleet)
        released = await fleet.platform.release_site("west", "the fire brigade has left")
        assert len(released.orders) == 1
        await fleet.tick(2)  # miners stay off for their least time first
        await until(lambda: modes_of(miners) == AWAKE)
        assert fleet.site("west").site_power_mw > 0.0
        lines = await fleet.platform.archive.signals("west", "emergency")
        assert [(line.before, line.after, line.reason) for line in lines] == [
            ("stop", "plan", "the fire brigade has left"),
            ("plan", "stop", "smoke in hall 2"),
        ]
    reading = ReadModel.open(fleet.url)
    assert [order.kind for order in orders(reading)] == ["restore", "outage"]
    reading.close()
    fleet.refuse_differences()


async def test_a_stop_that_no_tick_has_obeyed_yet_is_undone_at_once(tmp_path: Path) -> None:
    miners = [a_miner(), a_miner()]
    async with acting(tmp_path, miners) as fleet:
        before = fleet.platform.publisher.read().dispatch
        assert before is not None
        await fleet.platform.stop_site("west", "the wrong button")
        await until(lambda: modes_of(miners) == ASLEEP)
        await later(fleet)
        await fleet.platform.release_site("west", "the wrong button")
        document = fleet.platform.publisher.read().dispatch
        assert document is not None
        assert (document.revision_number, document.sites) == (2, fleet.platform.signals.with_modes(before).sites)
        assert fleet.platform.publisher.read().waiting_count == 0
        assert fleet.platform.publisher.read().responses == ()
        await fleet.tick()
        assert fleet.site("west").status != "down"
        with pytest.raises(CommandError, match="west is not stopped: there is nothing to release"):
            await fleet.platform.release_site("west", "again")
    fleet.refuse_differences()


async def test_a_site_is_stopped_though_the_order_cannot_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    miners = [a_miner(), a_miner()]
    async with acting(tmp_path, miners) as fleet:

        async def refuse(*_: object) -> None:
            raise StoreError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(fleet.platform.orders, "order", refuse)
            with pytest.raises(
                StoreError, match=r"west was told to stop, but the order is not stored.*the disk is full"
            ):
                await fleet.platform.stop_site("west", "smoke")
        await until(lambda: modes_of(miners) == ASLEEP)
        await fleet.tick()
        document = fleet.platform.publisher.read().dispatch
        assert document is not None
        assert document.sites[WEST].site_limit_mw == 0.0, "it stands over the plan, which does not know of it"
        await later(fleet)
        await fleet.platform.release_site("west", "over")
        await until(lambda: modes_of(miners) == AWAKE)


def limit_of(fleet: RealFleet, limit_mw: float, waited_s: float = 0.0) -> GridLimit:
    """A limit of West that was heard some seconds ago."""
    asked_at = fleet.clock.now() - timedelta(seconds=waited_s)
    return GridLimit(site_id="west", limit_mw=limit_mw, asked_at=asked_at, response_s=5.0, author="OpenADR VTN grid")


async def test_a_limit_by_the_grid_s_operator_is_kept_between_ticks_and_freed_when_it_ends(tmp_path: Path) -> None:
    miners = [a_miner(), a_miner()]
    async with acting(tmp_path, miners) as fleet:
        tick, keep = fleet.shown.tick, fleet.platform.emergency.keep
        await keep([limit_of(fleet, 1.0, waited_s=0.5)])
        await until(lambda: response_of(fleet).state == "read back")
        assert modes_of(miners) == ["Sleep", "None"]
        assert (fleet.shown.tick, fleet.shown_limit_mw("west")) == (tick, 1.0), "no tick was waited for"
        response = response_of(fleet)
        assert (response.cause, response.told_s, response.read_back_s) == ("limit of the grid", 0.5, 0.5)
        assert (response.allowed_s, response.is_late) == (5.0, False)
        await keep([limit_of(fleet, 1.0)])
        assert fleet.shown_key == (tick, 1), "what is known is not told again"
        await fleet.tick()
        assert fleet.shown_limit_mw("west") == 1.0, "it stands over a tick that was settled without it"
        fleet.feed.limit_mw = (1.0, np.inf, np.inf)
        await fleet.tick()
        assert fleet.shown_key == (tick + 2, 0), "the plan itself keeps it"
        assert fleet.shown_limit_mw("west") == pytest.approx(1.0)
        fleet.feed.limit_mw = ()
        await fleet.tick()
        await keep([])
        await fleet.tick(2)  # miners stay off for their least time first
        await later(fleet)
        await fleet.tick()
        await until(lambda: modes_of(miners) == AWAKE)
        assert fleet.platform.publisher.read().responses == ()
        ended, begun = await fleet.platform.archive.signals("west", "emergency")
        assert (begun.actor, begun.after, begun.reason) == (
            "OpenADR VTN grid",
            "1 MW",
            f"{begun.actor} limits it to 1 MW",
        )
        assert ended.reason == (
            "the limit by the grid's operator has ended; it was read back after 0.5 s, 5 s are allowed"
        )
    fleet.refuse_differences()


async def test_a_stop_counts_more_than_a_limit_which_stands_when_the_site_is_released(tmp_path: Path) -> None:
    miners = [a_miner(), a_miner()]
    async with acting(tmp_path, miners) as fleet:
        await fleet.platform.stop_site("west", "smoke")
        await fleet.platform.emergency.keep([limit_of(fleet, 1.0)])
        await until(lambda: modes_of(miners) == ASLEEP)
        assert response_of(fleet).cause == "stop"
        await later(fleet)
        await fleet.platform.release_site("west", "a false alarm")
        assert fleet.shown_limit_mw("west") == 1.0
        await until(lambda: modes_of(miners) == ["Sleep", "None"])
        await fleet.platform.emergency.keep([limit_of(fleet, 1_000.0)])
        assert fleet.shown_limit_mw("west") is None, "more than its connection is no limit"


async def test_a_response_that_is_not_read_back_in_time_is_an_alert(tmp_path: Path) -> None:
    miners = [a_miner(), a_miner()]
    async with acting(tmp_path, miners) as fleet:
        order = Overtaking(site_id="west", limit_mw=0.0, reason="called by the grid")
        for miner in miners:
            miner.fault = "refuse"
        fleet.platform.emergency.overtake(order, cause="call of ecrs", allowed_s=0.01)
        await until(lambda: response_of(fleet).is_late)
        await until(lambda: ("slow", "west") in fleet.alerts)
        assert fleet.alerts["slow", "west"] == "West: call of ecrs not read back, 0.01 s are allowed"


async def test_a_site_that_nobody_disarmed_is_an_alert_until_a_person_sets_its_mode(tmp_path: Path) -> None:
    async with acting(tmp_path, [a_miner()]) as fleet:
        fleet.platform.set_speed(60.0)
        await until(lambda: ("disarmed", "west") in fleet.alerts)
        assert fleet.alerts["disarmed", "west"] == "West was disarmed: time runs 60 times too fast for machines"
        await fleet.platform.set_mode("west", "shadow", "I know")
        await until(lambda: ("disarmed", "west") not in fleet.alerts)


async def test_a_site_without_an_executor_is_told_by_its_document(tmp_path: Path) -> None:
    fleet = RealFleet(tmp_path / "mara.db", config(), (), world="synthetic")
    async with running(fleet):
        await fleet.tick()
        await fleet.platform.stop_site("east", "a flood")
        assert response_of(fleet).state == "unarmed"
        with pytest.raises(CommandError, match="a reason is one line of 1 to 200 printable characters"):
            await fleet.platform.stop_site("east", " \n ")
        with pytest.raises(CommandError, match="site"):
            await fleet.platform.stop_site("nowhere", "a flood")
        await fleet.tick()
        assert fleet.site("east").status == "down"
    fleet.refuse_differences()
