"""The plan ahead puts steps of any length, and the prices behind them, on clock hours."""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.plan import Plan
from mara.core.plan_ahead import HOURS_AHEAD, plan_ahead_of
from tests.builders import config, forecast, observation, step

OF = config()
MADE = 6
"""Half past the hour."""


def plan_of_a_day() -> Plan:
    """A plan of twelve ticks and two hours, whose miners are those of its number."""
    steps = tuple(step(OF, miners=[[n, 0, 0]] * 3, merchant=0.5, contracts=[[1, 0, 0, n]] * 3) for n in range(14))
    return Plan(optimizer="lp", made_tick=MADE, steps=steps, step_ticks=(1,) * 12 + (12, 12), status="optimal")


def test_an_hour_shows_the_mean_of_the_steps_in_it_and_the_first_its_rest() -> None:
    seen = observation(OF, MADE, price=[10.0, 20.0, 30.0])
    ahead = plan_ahead_of(plan_of_a_day(), forecast(seen), MADE, OF)
    assert [at.hour for at in ahead.at] == [0, 1, 2, 3]
    west = ahead.sites[0]
    halves = (sum(range(6)) / 6, (sum(range(6, 12)) + 6 * 12) / 12, (12 + 13) / 2, 13.0)
    assert west.mining_mw == pytest.approx(halves)
    assert west.contracts_mw == pytest.approx([1.0 + half for half in halves])
    assert west.inference_mw == pytest.approx([0.5 * np.prod(step(OF, merchant=0.5).merchant_mw[:, 0].shape)] * 4)
    assert [site.energy_price_usd_per_mwh[3] for site in ahead.sites] == pytest.approx([10.0, 20.0, 30.0])
    assert (west.battery_mw, west.is_published) == ((), ())


def test_hours_that_are_over_and_those_beyond_a_day_are_not_shown() -> None:
    later = plan_ahead_of(plan_of_a_day(), None, MADE + 18, OF)
    assert ([at.hour for at in later.at], later.age_minutes) == ([2, 3], 90.0)
    assert later.sites[0].energy_price_usd_per_mwh == ()
    week = replace(plan_of_a_day(), steps=(step(OF),) * 168, step_ticks=(12,) * 168)
    assert len(plan_ahead_of(week, None, MADE, OF).at) == HOURS_AHEAD


def test_only_whole_hours_of_published_prices_are_called_published() -> None:
    known = replace(forecast(observation(OF, MADE)), published_count=sealed(np.array([1, 3, 24])))
    ahead = plan_ahead_of(plan_of_a_day(), known, MADE, OF)
    assert [site.is_published for site in ahead.sites] == [(False,) * 4, (True, True, True, False), (True,) * 4]


def test_a_plan_of_the_present_alone_says_nothing_about_later_hours() -> None:
    ahead = plan_ahead_of(Plan(optimizer="rules", made_tick=MADE, steps=(step(OF),)), None, MADE, OF)
    assert (ahead.optimizer, ahead.at, ahead.sites) == ("rules", (), ())
