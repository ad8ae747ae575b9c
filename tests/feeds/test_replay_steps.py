"""Histories with steps below an hour: ticks and forecasts, without later data."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mara.assembly.backtest import BacktestOrder, backtest_of
from mara.core.finance import EnergyLine, Line
from mara.core.plan import problem_of
from mara.core.step import Step, advance
from mara.core.timegrid import TimeGrid
from mara.core.world import RunConfig, first_world
from mara.errors import FeedInvalid
from mara.feeds.files.history import History
from mara.feeds.replay import ForecastKind, ReplayFeed
from mara.optimizers.base import Optimizer
from mara.optimizers.lp.horizon import case_of, step_lengths
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rules.rules import Rules
from mara.optimizers.rules.static import Static
from mara.runtime.backtest import backtest
from mara.settings import read_settings
from tests.builders import fleet, site

START = datetime(2024, 3, 8, tzinfo=UTC)
SITES = (
    site("texas", "America/Chicago", price_zone="hub"),
    site("berlin", "Europe/Berlin", price_zone="DE-LU"),
    site("sydney", "Australia/Sydney", price_zone="NSW1"),
)
FORECAST_ARRAYS = ("energy_price_usd_per_mwh", "carbon_intensity_g_per_kwh", "dry_bulb_c", "wet_bulb_c")


def history_of(step_minutes: int, seed: int = 1, days: int = 4) -> History:
    """A history of three sites, of which two have prices that are known a day ahead.

    The first has them beside real-time prices, the second has them alone, the third has none.
    """
    draw = np.random.default_rng(seed)
    count = days * 24 * 60 // step_minutes
    shape = (count, len(SITES))
    day_ahead = np.repeat(draw.normal(60.0, 30.0, (days * 24, 3)), 60 // step_minutes, axis=0)
    day_ahead[:, 1:] = np.nan
    return History(
        file=Path("invented/history.csv"),
        sha256="0",
        site_ids=tuple(own.id for own in SITES),
        step_minutes=step_minutes,
        first_epoch_s=int(START.timestamp()),
        energy_price_usd_per_mwh=draw.normal(90.0, 60.0, shape),
        carbon_intensity_g_per_kwh=draw.uniform(50.0, 600.0, shape),
        renewable_share=draw.uniform(0.0, 1.0, shape),
        dry_bulb_c=draw.normal(20.0, 8.0, shape),
        wet_bulb_c=draw.normal(5.0, 4.0, shape),
        hashprice_usd_per_ph_day=np.full(count, 60.0),
        day_ahead_usd_per_mwh=day_ahead,
        price_known=("real_time", "day_ahead", "real_time"),
    )


def config_of(tick_minutes: int) -> RunConfig:
    return RunConfig(
        fleet=fleet(limit_mw=[16.0, 14.0, 20.0], sites=SITES), grid=TimeGrid(start=START, tick_minutes=tick_minutes)
    )


def feed_of(history: History, tick_minutes: int, kind: ForecastKind = "persistence") -> ReplayFeed:
    return ReplayFeed(config_of(tick_minutes), history, forecast=kind)


def steps_of(history: History, tick_minutes: int, optimizer: Optimizer, kind: ForecastKind, ticks: int) -> list[Step]:
    own = config_of(tick_minutes)
    steps: list[Step] = []
    backtest(
        own, ReplayFeed(own, history, forecast=kind), optimizer, first_world(own), ticks, horizon_hours=24,
        on_step=steps.append,
    )  # fmt: skip
    return steps


@pytest.mark.parametrize(("step", "tick"), [(15, 60), (5, 15), (30, 60), (15, 30)])
def test_a_tick_that_is_longer_than_the_steps_sees_their_mean(step: int, tick: int) -> None:
    history, feed = history_of(step), feed_of(history_of(step), tick)
    for number in (0, 7, 40):
        rows = slice(number * tick // step, (number + 1) * tick // step)
        seen = feed.observe(number)
        np.testing.assert_allclose(seen.energy_price_usd_per_mwh, history.energy_price_usd_per_mwh[rows].mean(axis=0))
        np.testing.assert_allclose(seen.dry_bulb_c, history.dry_bulb_c[rows].mean(axis=0))


@pytest.mark.parametrize(("step", "tick"), [(15, 5), (30, 10), (15, 15)])
def test_a_tick_that_is_shorter_holds_the_value_of_its_step(step: int, tick: int) -> None:
    history, feed = history_of(step), feed_of(history_of(step), tick)
    for number in (0, 7, 100):
        expected = history.energy_price_usd_per_mwh[number * tick // step]
        assert feed.observe(number).energy_price_usd_per_mwh.tolist() == expected.tolist()


def test_ticks_that_straddle_steps_are_refused_with_the_remedy() -> None:
    with pytest.raises(FeedInvalid, match="--tick-minutes 15"):
        feed_of(history_of(15), 20)


@pytest.mark.parametrize(
    ("step", "rows"),
    [(5, (5,) * 24 + (60,) * 22), (15, (15,) * 24 + (60,) * 18), (30, (30,) * 12 + (60,) * 18)],
)
def test_a_plan_looks_ahead_in_steps_and_then_in_hours_from_any_tick(step: int, rows: tuple[int, ...]) -> None:
    feed = feed_of(history_of(step), step)
    for tick in (0, 3, 47):
        forecast = feed.forecast(tick, 24)
        assert forecast.row_minutes == rows
        assert forecast.energy_price_usd_per_mwh.shape == (len(rows), 3)
        world = replace(first_world(config_of(step)), tick=tick)
        given_ = problem_of(config_of(step), world, feed.observe(tick), forecast)
        lengths = step_lengths(given_)
        assert sum(lengths) * step == 24 * 60
        case = case_of(given_, lengths)
        np.testing.assert_array_equal(case.price_usd_per_mwh, forecast.energy_price_usd_per_mwh)
        np.testing.assert_allclose(case.dt_h * 60, rows)


def test_hours_of_a_perfect_forecast_are_the_means_of_their_quarters() -> None:
    history = history_of(15)
    forecast = feed_of(history, 15, "perfect").forecast(5, 24)
    price = history.energy_price_usd_per_mwh
    np.testing.assert_array_equal(forecast.energy_price_usd_per_mwh[:24], price[5:29])
    np.testing.assert_allclose(forecast.energy_price_usd_per_mwh[24:], price[29:101].reshape(18, 4, 3).mean(axis=1))
    assert not forecast.expects_present_price


def test_the_price_of_a_real_time_quarter_is_expected_and_that_of_an_auctioned_one_is_seen() -> None:
    history = history_of(15)
    for kind in ("persistence", "day-ahead"):
        feed = feed_of(history, 15, kind)
        forecast = feed.forecast(200, 24)
        price = history.energy_price_usd_per_mwh
        assert forecast.expects_present_price
        assert forecast.energy_price_usd_per_mwh[0, 1] == price[200, 1]
        for real_time in (0, 2):
            now = forecast.energy_price_usd_per_mwh[0, real_time]
            assert now != price[200, real_time]
            assert abs(now - price[199, real_time]) < 60.0


def test_what_a_real_time_price_differs_by_has_faded_after_a_day() -> None:
    history = history_of(15)
    base, odd = (feed_of(h, 15, "day-ahead").forecast(100, 24) for h in (history, _with_price(history, 99, 900.0)))
    difference = (odd.energy_price_usd_per_mwh - base.energy_price_usd_per_mwh)[:, 0]
    assert difference[0] == pytest.approx(difference[3])
    assert abs(difference[-1]) < 0.001 * abs(difference[0])


def _with_price(history: History, row: int, price: float) -> History:
    prices = history.energy_price_usd_per_mwh.copy()
    prices[row, 0] = price
    return replace(history, energy_price_usd_per_mwh=prices)


def noised(history: History, row: int) -> History:
    """The same history with noise in all that is unknown when the tick is planned."""
    noise = history_of(history.step_minutes, seed=99)
    per_hour = 60 // history.step_minutes
    after = np.arange(history.step_count) > row
    price = np.where(after[:, None], noise.energy_price_usd_per_mwh, history.energy_price_usd_per_mwh)
    price[row, [0, 2]] = noise.energy_price_usd_per_mwh[row, [0, 2]]
    midnight = 24 * per_hour * (row // (24 * per_hour) + 1) - 2 * per_hour
    price[row : max(midnight, row), 1] = history.energy_price_usd_per_mwh[row : max(midnight, row), 1]
    day_ahead = history.day_ahead_usd_per_mwh
    assert day_ahead is not None
    # what any zone's publication reaches to at most: the end of its day after tomorrow's begin
    unpublished = np.arange(history.step_count) >= row + 48 * per_hour
    other = noise.day_ahead_usd_per_mwh
    assert other is not None

    def later(name: str) -> Any:
        return np.where(after[:, None], getattr(noise, name), getattr(history, name))

    return replace(
        history,
        energy_price_usd_per_mwh=price,
        day_ahead_usd_per_mwh=np.where(unpublished[:, None], other, day_ahead),
        carbon_intensity_g_per_kwh=later("carbon_intensity_g_per_kwh"),
        dry_bulb_c=later("dry_bulb_c"),
        wet_bulb_c=later("wet_bulb_c"),
    )


@pytest.mark.parametrize("kind", ["persistence", "day-ahead"])
@pytest.mark.parametrize("step", [5, 15, 30])
def test_no_forecast_on_steps_depends_on_what_comes_after_it(step: int, kind: ForecastKind) -> None:
    history = history_of(step)
    for hour in (1, 25, 40, 46):
        row = hour * 60 // step + 1
        other = noised(history, row)
        if kind == "day-ahead":  # the auctioned site's published prices are those of the other history, and rightly so
            other = replace(
                other,
                energy_price_usd_per_mwh=np.where(
                    [False, True, False], history.energy_price_usd_per_mwh, other.energy_price_usd_per_mwh
                ),
            )
        a, b = (feed_of(h, step, kind).forecast(row, 24) for h in (history, other))
        for name in FORECAST_ARRAYS:
            assert getattr(a, name).tolist() == getattr(b, name).tolist(), (hour, name)


@pytest.mark.parametrize("optimizer", [Rules(), Static(breakeven=True)], ids=["rules", "static-breakeven"])
def test_no_quarter_is_decided_by_its_own_settlement_price(optimizer: Optimizer) -> None:
    history, last = history_of(15), 30
    other = noised(history, last)
    for kind in ("persistence", "day-ahead"):
        if kind == "day-ahead":
            other = replace(
                other,
                energy_price_usd_per_mwh=np.where(
                    [False, True, False], history.energy_price_usd_per_mwh, other.energy_price_usd_per_mwh
                ),
            )
        a, b = (steps_of(h, 15, optimizer, kind, last + 1)[-1] for h in (history, other))
        assert a.allocation.miners_mw.tolist() == b.allocation.miners_mw.tolist()
        assert a.settlement.lines_micro_usd.tolist() != b.settlement.lines_micro_usd.tolist()


def test_a_run_by_perfect_sight_would_be_found_out() -> None:
    history, last = history_of(15), 30
    found = [
        a.allocation.miners_mw.tolist() != b.allocation.miners_mw.tolist()
        for row in range(last, last + 6)
        for a, b in [
            [steps_of(h, 15, Static(breakeven=True), "perfect", row + 1)[-1] for h in (history, noised(history, row))]
        ]
    ]
    assert any(found)


def test_the_linear_program_on_steps_decides_by_what_was_known() -> None:
    history, row = history_of(15), 33
    plans = []
    for own in (history, replace(noised(history, row), energy_price_usd_per_mwh=_own_auction(history, row))):
        config, feed = config_of(15), feed_of(own, 15, "day-ahead")
        world = replace(first_world(config), tick=row)
        given_ = problem_of(config, world, feed.observe(row), feed.forecast(row, 24))
        plans.append(Lp().plan(given_))
    assert len(plans[0].steps) == 42
    assert plans[0].step_ticks == (1,) * 24 + (4,) * 18
    assert plans[0].steps[0].miners_mw.tolist() == plans[1].steps[0].miners_mw.tolist()


def _own_auction(history: History, row: int) -> Any:
    return np.where(
        [False, True, False], history.energy_price_usd_per_mwh, noised(history, row).energy_price_usd_per_mwh
    )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_power_of_four_quarters_costs_the_mean_of_the_hour(seed: int) -> None:
    history, always_on = history_of(15, seed=seed), Static()
    mild = np.full_like(history.dry_bulb_c, 15.0)
    history = replace(history, dry_bulb_c=mild, wet_bulb_c=mild - 5.0)
    quarters = steps_of(history, 15, always_on, "persistence", 4 * 6)
    hours = steps_of(history, 60, always_on, "persistence", 6)
    for hour, step in enumerate(hours):
        parts = quarters[4 * hour : 4 * hour + 4]
        paid = sum(part.settlement.lines_micro_usd[:, Line.ENERGY] for part in parts)
        np.testing.assert_allclose(paid, step.settlement.lines_micro_usd[:, Line.ENERGY], atol=8)
        bought = sum(part.settlement.energy_wh[:, EnergyLine.BOUGHT] for part in parts)
        np.testing.assert_allclose(bought, step.settlement.energy_wh[:, EnergyLine.BOUGHT], atol=8)


HOURLY = json.loads((Path(__file__).parent / "hourly_replays.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [name for name in HOURLY if name.endswith("feed")])
def test_hourly_histories_are_seen_and_forecast_as_ever_to_the_last_bit(name: str) -> None:
    tick, kind, _ = name.split()
    case = backtest_of(*_order(int(tick), kind, "rules"))
    total = sha256()
    for number in range(0, case.ticks, 5):
        forecast = case.outside.feed.forecast(number, 24 if number % 2 else 60)
        for array in (
            *FORECAST_ARRAYS, "hashprice_usd_per_ph_day", "demand_multiplier_share", "demand_tokens_per_h",
        ):  # fmt: skip
            total.update(np.ascontiguousarray(getattr(forecast, array)).tobytes())
        seen = case.outside.feed.observe(number)
        total.update(seen.energy_price_usd_per_mwh.tobytes() + seen.demand_tokens_per_h.tobytes())
    assert total.hexdigest()[:16] == HOURLY[name]


@pytest.mark.parametrize("name", [name for name in HOURLY if "60 day-ahead" in name and not name.endswith("feed")])
def test_hourly_histories_earn_what_they_ever_did_to_the_millionth(name: str) -> None:
    tick, kind, policy = name.split()
    case = backtest_of(*_order(int(tick), kind, policy))
    totals, _ = backtest(
        case.outside.config, case.outside.feed, case.optimizer, case.world, case.ticks, horizon_hours=24
    )
    assert totals.report()["profit_usd"] == HOURLY[name]


def _order(tick_minutes: int, kind: str, policy: str) -> tuple[Any, BacktestOrder]:
    chosen = read_settings({}, {"history": "four_markets_2023", "tick_minutes": tick_minutes, "optimizer": policy})
    to = datetime(2023, 7, 3, tzinfo=UTC) if tick_minutes == 60 else datetime(2023, 7, 1, 6, tzinfo=UTC)
    return chosen, BacktestOrder(from_=datetime(2023, 7, 1, tzinfo=UTC), to=to, forecast=kind)


def test_a_step_is_settled_by_what_came() -> None:
    history = history_of(15)
    step = steps_of(history, 15, Rules(), "persistence", 9)[-1]
    assert step.observation.energy_price_usd_per_mwh.tolist() == history.energy_price_usd_per_mwh[8].tolist()
    again = advance(step.before, step.observation, step.plan, config_of(15))
    assert again.settlement.profit_micro_usd == step.settlement.profit_micro_usd
