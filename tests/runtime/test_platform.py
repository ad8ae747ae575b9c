"""The live run shows what is stored, repeats a failing tick, and reports why."""

import pytest

from mara.core.commands import Outage
from mara.errors import StoreError
from mara.runtime.live.supervisor import RetryPolicy
from mara.runtime.published_state import EngineState
from mara.runtime.tick import engine
from tests.runtime.made_up import MemoryStore, quiet, running, stage, until

FULL = StoreError("disk full at tick 0: free space and try again")


async def test_a_tick_is_shown_only_when_it_is_stored() -> None:
    store = MemoryStore()
    store.gate.clear()
    async with running(stage(store=store)) as here:
        await quiet()
        assert here.platform.publisher.read().snapshot is None
        store.gate.set()
        await here.stored(1)
        assert here.shown.tick == 0
        assert here.state is EngineState.RUNNING


async def test_what_is_shown_is_what_was_settled() -> None:
    async with running(stage()) as here:
        here.platform.step(3)
        await here.stored(3)
        step, shown = here.store.steps[-1], here.shown
        hours = 5 / 60
        assert shown.revenue_usd_per_h * hours == pytest.approx(step.settlement.revenue_micro_usd / 1e6)
        assert shown.cost_usd_per_h * hours == pytest.approx(step.settlement.cost_micro_usd / 1e6)
        assert shown.profit_total_usd == sum(s.settlement.profit_micro_usd for s in here.store.steps) / 1e6
        assert sum(site.profit_usd_per_h for site in shown.sites) == pytest.approx(shown.profit_usd_per_h)
        assert sum(site.revenue_usd_per_h for site in shown.sites) == pytest.approx(shown.revenue_usd_per_h)
        assert sum(site.site_power_mw for site in shown.sites) == pytest.approx(shown.site_power_mw)
        assert sum(power for _, power in shown.power_by_workload_mw) == pytest.approx(shown.it_power_mw)


async def test_the_forecast_that_is_shown_is_the_one_behind_the_plan_that_is_shown() -> None:
    async with running(stage()) as here:
        here.platform.step(3)
        await here.stored(3)
        forecast = here.platform.publisher.read().forecast
        assert forecast is not None
        assert forecast.made_tick == here.shown.plan.made_tick
        assert len(forecast.at) == len(forecast.energy_price_usd_per_mwh)
        assert {len(row) for row in forecast.energy_price_usd_per_mwh} == {len(here.shown.sites)}


async def test_a_tick_the_store_refused_shows_degraded_at_once_and_is_tried_again() -> None:
    here = stage(store=MemoryStore(refusals=[FULL]), retry=RetryPolicy(first_wait_s=0.03))
    async with running(here):
        await here.in_state(EngineState.DEGRADED)
        assert "disk full at tick 0" in here.reason
        assert here.stored_ticks == []
        await here.stored(1)
        assert here.stored_ticks == [0]
        assert here.state is EngineState.RUNNING
        assert here.reason == ""


async def test_a_tick_that_is_tried_again_is_the_same_tick() -> None:
    here = stage(store=MemoryStore(refusals=[FULL, FULL]))
    async with running(here):
        await here.stored(1)
        assert len(here.store.offered) == 3
        assert all(step is here.store.offered[0] for step in here.store.offered)


async def test_six_refusals_of_one_tick_halt_the_engine_until_it_is_resumed() -> None:
    here = stage(store=MemoryStore(refusals=[FULL] * 6))
    async with running(here):
        await here.in_state(EngineState.HALTED)
        assert "6 tries" in here.reason
        assert "disk full" in here.reason
        await quiet()
        assert len(here.store.offered) == 6
        here.platform.resume()
        await here.stored(1)
        assert here.stored_ticks == [0]
        assert here.state is EngineState.RUNNING


async def test_five_refusals_do_not_halt_the_engine() -> None:
    here = stage(store=MemoryStore(refusals=[FULL] * 5))
    async with running(here):
        await here.stored(1)
        assert here.state is EngineState.RUNNING


async def test_tries_are_counted_for_each_tick_anew() -> None:
    here = stage(store=MemoryStore(refusals=[FULL] * 5))
    async with running(here):
        await here.stored(1)
        here.store.refusals += [FULL] * 5
        here.platform.step(1)
        await here.stored(2)
        assert here.stored_ticks == [0, 1]


async def test_a_programming_error_in_a_tick_is_shown_and_the_loop_lives_on() -> None:
    here = stage(store=MemoryStore(refusals=[ZeroDivisionError("by zero")] * 6))
    async with running(here):
        await here.in_state(EngineState.HALTED)
        assert "ZeroDivisionError: by zero" in here.reason
        here.platform.resume()
        await here.stored(1)
        assert here.state is EngineState.RUNNING


async def test_a_picture_that_cannot_be_drawn_does_not_lose_the_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(stage()) as here:
        with monkeypatch.context() as broken:
            broken.setattr(engine, "snapshot_of", lambda *_: 1 / 0)
            await here.in_state(EngineState.DEGRADED)
        here.platform.step(1)
        await until(lambda: len(here.store.steps) >= 2)
        await here.in_state(EngineState.PAUSED)
        assert here.stored_ticks == list(range(len(here.stored_ticks)))


async def test_an_ordered_outage_acts_in_the_next_tick_and_is_stored_with_it() -> None:
    async with running(stage()) as here:
        await here.stored(1)
        outage = Outage(site_id="north", duration_ticks=2)
        await here.platform.order(outage)
        here.platform.step(3)
        await here.stored(4)
        assert [step.commands for step in here.store.steps] == [(), (outage,), (), ()]
        assert [float(step.observation.availability_share[1]) for step in here.store.steps] == [1.0, 0.0, 0.0, 1.0]


async def test_an_order_is_obeyed_once_though_its_tick_is_tried_again() -> None:
    async with running(stage()) as here:
        await here.stored(1)
        here.store.refusals += [FULL, FULL]
        await here.platform.order(Outage(site_id="north", duration_ticks=1))
        here.platform.step(2)
        await here.stored(3)
        assert [len(step.commands) for step in here.store.steps] == [0, 1, 0]
