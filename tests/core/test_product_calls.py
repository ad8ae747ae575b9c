"""Calls of grid products that come short: penalties, and revenue clawed back, over months' ends too."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from mara.core.events import events_of
from mara.core.finance import Line
from mara.core.plan import PowerStep
from mara.core.step import Step, advance
from mara.core.world import RunConfig, World
from tests.builders import WEST, observation, step, world
from tests.core.power_runs import USD, one, product, run_of, signals, state_of, terms_of, usd


def sold_in_june(of: RunConfig, *, earned_usd: int, base_mw: float = 0.0, remembers: bool = True) -> World:
    """World in which 3 MW are sold in the west, and something was earned in June."""
    before = world(of)
    assert before.power is not None
    sold, earned = np.zeros((1, 3)), np.zeros((1, 3), dtype=np.int64)
    sold[0, WEST], earned[0, WEST] = 3.0, earned_usd * USD
    state = replace(
        before.power,
        award_mw=sold,
        reserve_micro_usd=earned,
        called_base_mw=np.array([base_mw, 0.0, 0.0]),
        month_number=np.full(3, 12 * 2025 + 5),
        calls=before.power.calls if remembers else None,
    )
    return replace(before, power=state)


def clawed_back_usd(of: RunConfig, before: World, ticks: int, ends: int) -> list[float]:
    """Penalties of a call for which nothing stays away, tick by tick."""
    paid: list[float] = []
    for _ in range(ticks):
        done = one(of, before, called=1.0, ends=ends)
        paid.append(usd(done, Line.RESERVE_PENALTY))
        before = done.world
    return paid


def short_call(tick_minutes: int, *, remembers: bool = True) -> list[Step]:
    """A call of an hour for the 3 MW that are sold, of which only 2 ran; 90 USD were earned in the month."""
    of = run_of(terms_of(products=(product(penalty_share=1.0, penalty_usd_per_mwh=60.0),)), tick_minutes=tick_minutes)
    before, steps = sold_in_june(of, earned_usd=90, base_mw=2.0, remembers=remembers), []
    for tick in range(60 // tick_minutes):
        steps.append(one(of, before, 2.0, called=1.0, ends=60 // tick_minutes))
        before = steps[-1].world
        assert steps[-1].tick == tick
    return steps


@pytest.mark.parametrize("tick_minutes", [60, 15, 5])
def test_a_call_that_comes_short_costs_its_penalty_and_the_month_s_revenue_in_part(tick_minutes: int) -> None:
    """1 MW of 3 is missing for an hour: a third of 90 USD goes back when the call ends, and 60 USD/MWh are due.

    However many ticks the call has.
    """
    steps = short_call(tick_minutes)
    paid = [usd(done, Line.RESERVE_PENALTY) for done in steps]
    assert sum(paid) == pytest.approx(-90.0)
    assert paid[-1] == pytest.approx(-30.0 - 60.0 * tick_minutes / 60.0)
    assert state_of(steps[-1]).reserve_micro_usd[0, WEST] == 60 * USD
    done = steps[0]
    assert done.allocation.site_power_mw[WEST] == pytest.approx(0.0)
    of = run_of(terms_of(products=(product(),)), tick_minutes=tick_minutes)
    assert "1.0 MW came short" in next(event.text for event in events_of(done, of) if event.kind == "called")


def test_a_call_over_a_month_s_end_claws_back_what_the_old_month_earned() -> None:
    """Called from 23:00 to 00:15 in Chicago, nothing stays away: half of June's 100,000 USD goes back at midnight."""
    of = run_of(
        terms_of(products=(product(penalty_share=0.5),)), tick_minutes=15, start=datetime(2025, 7, 1, 4, tzinfo=UTC)
    )
    paid = clawed_back_usd(of, sold_in_june(of, earned_usd=100_000), ticks=5, ends=5)
    assert paid == [0.0, 0.0, 0.0, 0.0, -50_000.0]


def test_after_a_month_s_end_a_call_is_judged_by_its_energy_in_the_new_month() -> None:
    """Nothing of 3 MW stays away in June's last tick, all in July's first: July's revenue is kept."""
    of = run_of(
        terms_of(products=(product(penalty_share=0.5),)), tick_minutes=60, start=datetime(2025, 7, 1, 4, tzinfo=UTC)
    )
    june = one(of, sold_in_june(of, earned_usd=0), called=1.0, ends=2).world
    assert june.power is not None
    able = replace(june, power=replace(june.power, called_base_mw=np.array([3.0, 0.0, 0.0])))
    seen = replace(observation(of, able.tick), power=signals(of, price=10.0, called=1.0, ends=2))
    none, limit_mw = np.zeros(3), of.fleet.grid_limit_mw
    power = PowerStep(charge_mw=none, discharge_mw=none, award_mw=np.zeros((1, 3)), draw_limit_mw=limit_mw)
    july = advance(able, seen, replace(step(of), power=power), of)
    assert state_of(july).reserve_micro_usd[0, WEST] == 30 * USD
    assert usd(july, Line.RESERVE_PENALTY) == 0.0


def test_a_product_that_always_calls_claws_back_at_each_month_s_end() -> None:
    """June ends in Chicago with the 48th of 72 hours in which nothing stays away."""
    of = run_of(terms_of(products=(product(penalty_share=1.0),)), start=datetime(2025, 6, 29, 5, tzinfo=UTC))
    paid = clawed_back_usd(of, sold_in_june(of, earned_usd=90), ticks=72, ends=9_999)
    assert [tick for tick, back in enumerate(paid) if back] == [48]
    assert sum(paid) == -90.0


def test_a_call_that_is_broken_off_claws_back_in_the_next_tick() -> None:
    steps = short_call(15)
    of = run_of(terms_of(products=(product(penalty_share=1.0, penalty_usd_per_mwh=60.0),)), tick_minutes=15)
    done = one(of, steps[1].world, 2.0)
    assert usd(done, Line.RESERVE_PENALTY) == pytest.approx(-30.0)
    assert usd(one(of, done.world, 2.0), Line.RESERVE_PENALTY) == 0.0


def test_a_run_without_memory_of_calls_claws_back_in_each_tick_as_it_began() -> None:
    paid = [usd(done, Line.RESERVE_PENALTY) for done in short_call(30, remembers=False)]
    assert paid == pytest.approx([-30.0 - 30.0, -20.0 - 30.0])
