"""A failing feed: the last good observation, marked stale, stands in for an hour.

After that the failure shows.
"""

from mara.core.commands import Outage
from mara.runtime.published_state import EngineState
from tests.runtime.made_up import MemoryStore, running, stage


async def test_a_gap_of_an_hour_runs_on_the_last_good_observation_marked_stale() -> None:
    here = stage(missing=range(2, 14))
    async with running(here):
        here.platform.step(15)
        await here.stored(15)
        stale = [step.observation.stale_sources for step in here.store.steps]
        assert stale == [()] * 2 + [("calm",)] * 12 + [()]
        prices = {float(step.observation.energy_price_usd_per_mwh[0]) for step in here.store.steps}
        assert prices == {50.0}


async def test_a_stale_tick_says_so_where_it_is_shown() -> None:
    async with running(stage(missing=range(1, 3))) as here:
        here.platform.step(2)
        await here.stored(2)
        assert here.shown.stale_sources == ("calm",)


async def test_a_gap_longer_than_an_hour_shows_the_feed_s_own_reason() -> None:
    here = stage(missing=range(1, 100))
    async with running(here):
        here.platform.step(20)
        await here.in_state(EngineState.HALTED)
        assert here.stored_ticks == list(range(13))
        assert here.platform.metrics.feed_age_ticks == 13
        assert "nothing came for tick 13: mend the line" in here.reason
        here.feed.missing = range(0)
        here.platform.resume()
        await here.stored(14)
        assert here.state is EngineState.RUNNING


async def test_a_stale_tick_that_is_tried_again_does_not_use_up_the_hour() -> None:
    here = stage(missing=range(1, 13), store=MemoryStore())
    async with running(here):
        await here.stored(1)
        here.store.refusals += [OSError("gone")] * 5
        here.platform.step(13)
        await here.stored(14)
        assert here.stored_ticks == list(range(14))


async def test_an_ordered_outage_ends_on_time_though_the_feed_is_silent() -> None:
    here = stage(missing=range(3, 10))
    async with running(here):
        await here.stored(1)
        await here.platform.order(Outage(site_id="north", duration_ticks=3))
        here.platform.step(5)
        await here.stored(6)
        up = [float(step.observation.availability_share[1]) for step in here.store.steps]
        assert up == [1.0, 0.0, 0.0, 0.0, 1.0, 1.0]


async def test_a_feed_that_has_nothing_at_the_start_shows_its_reason() -> None:
    async with running(stage(missing=range(100))) as here:
        await here.in_state(EngineState.HALTED)
        assert "nothing came for tick 0" in here.reason
        assert here.stored_ticks == []
