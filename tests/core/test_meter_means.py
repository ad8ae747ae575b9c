"""Means of meters over a tick, and machines that meters show standing still."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.fleet import WORKLOAD_KEYS, Workload
from mara.core.meter_means import SET_SHARE, STILL_SHARE, mean_over, metering_of, span_of
from mara.core.metering import Metering, Quality, Reading
from mara.core.step import advance
from mara.core.world import World
from tests.builders import START, WEST, config, observation, step, world

OF = config()
SPAN = span_of(1, OF)
"""From 00:05 to 00:10."""
ALONE = sealed(np.array([True, False, False]))


def reading(
    second: float,
    power_mw: float,
    *,
    came: float | None = None,
    group: str = "",
    quality: Quality = "good",
    hashrate_ths: float | None = None,
) -> Reading:
    """A reading of West, at a second after 00:05; it comes a second later unless said otherwise."""
    began = START + timedelta(minutes=5)
    return Reading(
        site_id="west",
        group=group,
        at=began + timedelta(seconds=second),
        known_at=began + timedelta(seconds=second + 1 if came is None else came),
        power_mw=power_mw,
        hashrate_ths=hashrate_ths,
        quality=quality,
    )


@pytest.mark.parametrize(
    ("readings", "mean_mw"),
    [
        # 10 MW for 60 s, 20 MW for 240 s.
        ([reading(0, 10.0), reading(60, 20.0)], 18.0),
        # The reading before holds for the first 30 s: (30 x 4 + 270 x 6) / 300.
        ([reading(-100, 4.0), reading(30, 6.0)], 5.8),
        # A reading holds for two ticks, and no longer: the one of 280 s before reaches beyond the end.
        ([reading(-280, 7.0)], 7.0),
        ([reading(-400, 7.0)], None),
        ([reading(10, 7.0)], None),
        ([], None),
        # What came when the tick was over is late, and what is of after it is not of it.
        ([reading(0, 10.0), reading(60, 20.0, came=301)], 10.0),
        ([reading(0, 10.0), reading(300, 99.0, came=300)], 10.0),
        ([reading(0, 10.0), reading(60, 20.0, quality="bad"), reading(120, 10.0)], None),
        ([reading(-60, 10.0, quality="bad"), reading(0, 20.0, quality="estimated")], 20.0),
    ],
)
def test_the_mean_of_a_tick_is_by_time_and_of_what_was_known_at_its_end(
    readings: Sequence[Reading], mean_mw: float | None
) -> None:
    assert mean_over(readings, SPAN) == (None if mean_mw is None else pytest.approx(mean_mw))


def running(*, miners: float = 5.0) -> World:
    """The world before the third tick, in two of which West was metered and ran miners."""
    state, plan = (
        world(OF, miners=[[miners, 0.0, 0.0]] + [[0.0] * 3] * 2),
        step(OF, miners=[[miners, 0, 0]] + [[0] * 3] * 2),
    )
    told = Metering(
        is_metered=ALONE, power_mw=sealed(np.full(3, np.nan)), is_down=sealed(np.zeros((3, 5), dtype=np.bool_))
    )
    for tick in range(2):
        state = advance(state, replace(observation(OF, tick), metering=told), plan, OF).world
    return state


def told_of(state: World, *readings: Reading) -> Metering:
    by_meter: dict[tuple[str, str], list[Reading]] = {}
    for one in readings:
        by_meter.setdefault((one.site_id, one.group), []).append(one)
    return metering_of(by_meter, ALONE, state, OF)


def standing(told: Metering) -> set[str]:
    return {WORKLOAD_KEYS[k] for k in np.flatnonzero(told.is_down[WEST]).tolist()}


def test_a_site_is_the_sum_of_its_groups_where_it_has_no_meter_of_its_own() -> None:
    state = running()
    groups = [reading(0, 1.5, group=key) for key in ("air_miner", "immersion_miner", "gpu", "asic")]
    assert told_of(state, *groups).power_mw[WEST] == 6.0
    assert np.isnan(told_of(state, *groups[1:]).power_mw[WEST])
    assert told_of(state, *groups, reading(0, 9.0)).power_mw[WEST] == 9.0


@pytest.mark.parametrize(
    ("readings", "down"),
    [
        ([reading(0, 6.0)], set()),
        ([reading(0, 0.0, group="air_miner")], {"air_miner"}),
        ([reading(0, 6.0), reading(0, 0.05, group="air_miner")], {"air_miner"}),
        ([reading(0, 0.0, group="gpu")], set()),  # it was not set to run
        ([reading(0, 5.0, group="air_miner", hashrate_ths=0.0)], {"air_miner"}),
        ([reading(0, 5.0, hashrate_ths=0.0)], {"air_miner"}),
        ([reading(0, 0.0)], {"air_miner"}),
        ([], set()),
    ],
)
def test_machines_set_to_run_whose_meter_reads_nothing_stand_still(readings: list[Reading], down: set[str]) -> None:
    assert standing(told_of(running(), *readings)) == down


def test_machines_that_were_just_started_are_given_a_tick() -> None:
    state = running(miners=5.0)
    assert state.unread is not None
    started = replace(state.unread, set_mw=sealed(np.zeros((3, 5))))
    assert standing(told_of(replace(state, unread=started), reading(0, 0.0))) == set()


def test_a_few_machines_that_draw_what_was_planned_do_not_stand_still() -> None:
    state = running()
    assert state.unread is not None
    few_mw = 0.205
    set_mw = np.zeros((3, 5))
    set_mw[WEST, Workload.ASIC] = few_mw
    quiet = replace(state, unread=replace(state.unread, set_mw=sealed(set_mw)))
    assert few_mw >= SET_SHARE * OF.fleet.nameplate_mw[WEST, Workload.ASIC]
    assert few_mw <= STILL_SHARE * OF.fleet.nameplate_mw[WEST].sum()
    assert standing(told_of(quiet, reading(0, few_mw))) == set()
    assert standing(told_of(quiet, reading(0, 0.0, group="asic"))) == {"asic"}


def test_they_stay_down_while_the_meter_is_silent_and_come_back_when_it_does() -> None:
    state = running()
    plan = step(OF, miners=[[5.0, 0.0, 0.0], [0.0] * 3, [0.0] * 3])
    fallen = told_of(state, reading(0, 0.0, group="air_miner"))
    after = advance(state, replace(observation(OF, 2), metering=fallen), plan, OF)
    assert after.allocation.miners_mw[WEST, Workload.AIR_MINER] == 0.0
    later = 300.0  # the next tick
    assert standing(told_of(after.world)) == {"air_miner"}
    assert standing(told_of(after.world, reading(later, 0.0, group="air_miner"))) == {"air_miner"}
    assert standing(told_of(after.world, reading(later, 3.0, group="air_miner"))) == set()


def test_a_site_none_of_whose_machines_runs_is_down_as_a_whole() -> None:
    state = running()
    assert state.unread is not None
    busy = replace(state.unread, set_mw=OF.fleet.nameplate_mw)
    told = told_of(replace(state, unread=busy), reading(0, 0.0))
    assert told.is_down[WEST].all()
    tick = advance(state, replace(observation(OF, 2), metering=told), step(OF, miners=1.0), OF)
    assert tick.down == (WEST,)
    assert tick.allocation.site_power_mw[WEST] == 0.0
