"""Repeated tries of a failing tick: number of tries, waits, and counts by tick."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from mara.core.world import first_world
from mara.errors import FeedEnded, StoreBlocked, StoreError, StoreLost, StoreWentBack
from mara.optimizers.rolling_horizon import RollingHorizon
from mara.optimizers.rules.rules import Rules
from mara.runtime.live.planner import Planner
from mara.runtime.live.platform import Platform
from mara.runtime.live.supervisor import RetryPolicy
from mara.runtime.published_state import EngineState, StatePublisher
from mara.runtime.tick.engine import TickEngine
from mara.store.store import Store
from tests import builders
from tests.runtime.made_up import CalmFeed, ManualClock, MemoryStore, Stage, running, stage


@dataclass
class Waits:
    """A replacement for waiting, which records the waits."""

    waited_s: list[float] = field(default_factory=list)

    async def wait(self, duration_s: float) -> None:
        self.waited_s.append(duration_s)
        await asyncio.sleep(0)

    async def of(self, failures: list[Exception]) -> list[float]:
        """The waits of a tick that fails so often and then succeeds."""
        left = list(failures)
        async for attempt in RetryPolicy().retrying(self.wait, lambda _: None):
            with attempt:
                if left:
                    raise left.pop(0)
        return self.waited_s


async def test_waits_double_up_to_a_bound() -> None:
    assert await Waits().of([OSError("gone")] * 5) == [0.5, 1.0, 2.0, 4.0, 8.0]


async def test_what_only_stands_in_the_way_is_tried_until_it_has_passed() -> None:
    waited_s = await Waits().of([StoreBlocked("disk full")] * 2_000)
    assert (len(waited_s), waited_s[:6], waited_s[-1]) == (2_000, [0.5, 1.0, 2.0, 4.0, 8.0, 8.0], 8.0)


async def test_a_run_that_stands_elsewhere_than_its_store_does_not_wait() -> None:
    assert await Waits().of([StoreWentBack("elsewhere"), OSError("gone")]) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("error", "tries_count"),
    [(StoreError("no"), 6), (StoreWentBack("no"), 6), (StoreLost("no"), 1), (FeedEnded("no"), 1)],
)
async def test_the_last_failure_is_told(error: Exception, tries_count: int) -> None:
    waits = Waits()
    with pytest.raises(type(error)):
        await waits.of([error] * 7)
    assert len(waits.waited_s) == tries_count - 1


async def test_the_platform_waits_by_its_clock() -> None:
    class PatientClock(ManualClock, Waits):
        def __init__(self) -> None:
            ManualClock.__init__(self)
            Waits.__init__(self)

        async def wait(self, duration_s: float) -> None:
            await Waits.wait(self, duration_s)

    clock = PatientClock()
    here = stage(store=MemoryStore(refusals=[StoreError("disk full")] * 3), clock=clock, retry=RetryPolicy())
    async with running(here):
        await here.stored(1)
        assert clock.waited_s == [0.5, 1.0, 2.0]


async def test_a_tick_gone_back_to_has_tries_of_its_own() -> None:
    """Ten failures halt nothing, because each tick has five.

    Five are at tick 1 and five at tick 0, after the store lost a tick.
    """
    failed = OSError("gone")
    store = MemoryStore()
    here = reloadable(store)
    async with running(here):
        await here.stored(1)
        store.refusals += [*[failed] * 4, StoreWentBack("the store stands at tick 0"), *[failed] * 5]
        here.platform.step(1)
        await here.in_state(EngineState.PAUSED)
        assert here.stored_ticks == [0, 0]
        assert here.platform.metrics.restarts_count == 10


async def test_a_run_that_cannot_get_back_to_its_store_halts() -> None:
    store = MemoryStore()
    here = reloadable(store)
    async with running(here):
        await here.stored(1)

        def refuse(_: Store) -> tuple[TickEngine, Planner]:
            raise StoreError("the server is gone")

        here.platform._opened.supervisor._reload = refuse
        store.refusals += [StoreWentBack("elsewhere")] * 6
        here.platform.step(1)
        await here.in_state(EngineState.HALTED)
        assert "after 6 tries" in here.reason


def reloadable(store: MemoryStore) -> Stage:
    """A platform that can go back to the beginning."""
    config, feed = builders.config(), CalmFeed(builders.config(), range(0))

    def planned() -> tuple[TickEngine, Planner]:
        engine = TickEngine(config=config, feed=feed, optimizer=Rules(), horizon_hours=2, world=first_world(config))
        return engine, Planner(Rules(), RollingHorizon(Rules()), 60.0, first_patience_s=0.0)

    clock = ManualClock()
    platform = Platform(
        lambda: (cast(Store, store), *planned()),
        StatePublisher(),
        clock,
        1.0,
        reload=lambda _: planned(),
        retry=RetryPolicy(first_wait_s=0.001, longest_wait_s=0.001),
    )
    return Stage(platform, clock, store, feed, config)
