"""The benchmark of the power contract: arithmetic on small cases, no later data."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bench.battery_referee import profit_usd, schedule_mw
from bench.power_worth.battery import as_24, as_long_as, day_forecast, share
from bench.power_worth.demand import FILE, demand_by_hour, drawn_demand_mw
from bench.power_worth.demand_charge import ChargedYear, bound_usd, usd_begun_alike
from bench.power_worth.instruments import Held, default_fleet_case, worths_usd
from bench.power_worth.instruments import profit_usd as profit_of
from bench.power_worth.peaks import accrued_usd, peak_hours, recalls, risks
from mara.errors import FeedInvalid
from mara.optimizers.flexibility.blind import INSTRUMENTS
from mara.optimizers.registry import optimizer_of

ONE_WAY = 0.85**0.5


def test_a_battery_buys_the_cheap_hour_and_sells_the_dear_one() -> None:
    """Charging 1 MW at 10 USD stores 0.922 MWh, which deliver 0.85 MWh at 100 USD."""
    schedule = schedule_mw([10.0, 100.0], 1.0)
    assert schedule == pytest.approx([1.0, -0.85])
    assert profit_usd(schedule, [10.0, 100.0], 1.0) == pytest.approx(75.0)


def test_a_battery_that_is_nearly_empty_charges_to_where_it_has_to_end() -> None:
    schedule = schedule_mw([50.0, 40.0], 1.0, start_mwh=1.0 - ONE_WAY)
    assert schedule == pytest.approx([0.0, 1.0])


def test_no_battery_burns_energy_at_negative_prices() -> None:
    """A battery that begins and ends half full has no use for one negative price."""
    assert schedule_mw([-50.0], 1.0) == pytest.approx([0.0])


def test_a_day_that_is_like_the_days_before_is_forecast_as_they_were() -> None:
    day = 20.0 + np.arange(24.0)
    assert day_forecast(np.tile(day, (20, 1)), np.full((21, 24), 5e4)) == pytest.approx(day)


def test_more_demand_than_of_late_raises_a_forecast_as_it_did_before() -> None:
    """In the past, demand 1,000 MW above the days before came with a higher price."""
    demand = 5e4 + 1e3 * (np.arange(30) % 2)[:, None] * np.ones(24)
    price = 20.0 + (demand[:-1] - 5e4) / 100.0
    high, low = day_forecast(price, demand), day_forecast(price, np.vstack([demand[:-1], demand[:1]]))
    assert (high > low).all()
    assert high == pytest.approx(np.full(24, 30.0), abs=1.0)


def test_local_days_of_23_and_25_hours_are_brought_to_24_and_back() -> None:
    short, long = np.arange(23.0), np.arange(25.0)
    assert as_24(short)[:4].tolist() == [0.0, 1.0, 1.0, 2.0]
    assert as_long_as(as_24(short), 23).tolist() == short.tolist()
    assert as_24(long)[:4].tolist() == [0.0, 1.0, 3.0, 4.0]
    assert len(as_long_as(as_24(long), 25)) == 25


def test_a_share_of_the_best_is_that_of_the_sums() -> None:
    assert share(np.array([[1.0, 2.0], [5.0, 6.0]])) == pytest.approx(0.75)


def test_a_demand_forecast_bridges_one_hour_and_refuses_two(tmp_path: Path) -> None:
    start = datetime(2024, 1, 1, 6, tzinfo=UTC)
    values = ["100", "", "300", "", "", "600"]
    rows = [f"{start + timedelta(hours=n):%Y-%m-%dT%H:%M:%SZ},{value},9" for n, value in enumerate(values)]
    (tmp_path / FILE).write_text("interval_start_utc,da_demand_forecast_mw,temp_c_ercot\n" + "\n".join(rows))
    assert demand_by_hour(tmp_path, start, 3).tolist() == [100.0, 200.0, 300.0]
    with pytest.raises(FeedInvalid, match="none for 2 in a row"):
        demand_by_hour(tmp_path, start, 6)


def test_drawn_demand_is_near_its_forecast_and_the_same_for_a_seed() -> None:
    forecast = np.full(24 * 400, 5e4)
    drawn = drawn_demand_mw(forecast, seed=3)
    assert (drawn == drawn_demand_mw(forecast, seed=3)).all()
    assert np.std(drawn.reshape(-1, 24).mean(axis=1) / 5e4) == pytest.approx(0.02, rel=0.1)


def test_a_summer_peak_is_caught_by_the_hours_whose_risk_was_high_that_morning() -> None:
    """July's demand is flat but for one day of 80 GW at 17:00.

    The last day is as high by forecast and comes lower.
    """
    days = [[datetime(2024, 7, day, hour, tzinfo=UTC) for hour in range(24)] for day in range(1, 32)]
    forecast = [np.full(24, 5e4) for _ in days]
    for day in (19, 30):
        forecast[day] = np.where(np.arange(24) == 17, 8e4, 5e4)
    demand = [*forecast[:30], np.full(24, 5e4)]
    (least, *_, most) = recalls(days, risks(days, forecast, demand), demand)
    assert least.caught_count == most.caught_count == 1
    assert most.curtailed_hours <= least.curtailed_hours
    assert most.curtailed_hours >= 2


def test_a_morning_s_risk_knows_nothing_of_the_days_to_come() -> None:
    days = [[datetime(2024, 7, day, hour, tzinfo=UTC) for hour in range(24)] for day in range(1, 4)]
    forecast = [np.full(24, 5e4 + day) for day in range(3)]
    later = [*forecast[:2], np.full(24, 9e4)]
    before = risks(days, forecast, forecast)
    assert all((a == b).all() for a, b in zip(before[:2], risks(days, later, later)[:2], strict=True))


def test_coincident_peaks_accrue_a_quarter_of_the_year_s_price_each() -> None:
    """60,000 USD per MW and year over four months are 15,000 each.

    At 1, 0.5, 0 and 1 MW they cost 37,500 USD.
    """
    months, demand = np.repeat([6, 7, 8, 9], 2), np.array([1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 1.0])
    peaks = peak_hours(months, demand)
    assert peaks.tolist() == [1, 2, 5, 6]
    load = np.array([9.0, 1.0, 0.5, 9.0, 9.0, 0.0, 1.0, 9.0])
    assert accrued_usd(load, peaks) == pytest.approx(37_500.0)


def test_the_bound_runs_a_month_only_where_it_earns_more_than_its_peak_costs() -> None:
    """A peak of 1 MW costs 6,000 USD; miners earn 10 USD/MWh for 700 hours or 500.

    At a flat price the battery does one thing alone: in the month without a peak it gives the megawatt-hour that it
    begins with to miners worth 80 USD/MWh, less its losses and 5 USD/MWh of wear: 0.85^0.5 x 75 USD.
    """
    month = np.repeat([1, 2], [700, 500])
    assert bound_usd(np.full(1_200, 70.0), month, 80.0, 6_000.0) == pytest.approx(1_000.0 + 0.85**0.5 * 75.0)


def test_charges_that_follow_the_peak_leave_nothing_unpaid() -> None:
    year = ChargedYear(
        profit_usd=0.0,
        usd_per_mw_month=6_000.0,
        drawn_mw=np.array([0.5, 1.0, 0.7, 0.2]),
        month_numbers=np.array([1, 1, 1, 2]),
        charge_usd=np.array([3_000.0, 3_000.0, 0.0, 0.0]),
    )
    assert year.unpaid_usd == pytest.approx(1_200.0)


def test_worth_of_each_instrument_is_the_profit_less_that_of_plans_without_it() -> None:
    case = default_fleet_case(days=1)
    worth = dict(worths_usd(case, "rules"))
    assert list(worth) == ["all", *INSTRUMENTS]
    assert worth["all"] == pytest.approx(profit_of(case, Held(optimizer_of("rules"))))


def test_months_that_begin_alike_lose_the_first_day_of_one_or_pay_for_the_other() -> None:
    """A megawatt earns 35 USD/MWh in the first month and 1 in the second; its peak costs 1,000 USD.

    Three days bring 2,520 USD in the one, 72 in the other. Without a peak on the first day 840 USD are lost, with one
    928 would be paid for nothing.
    """
    price, months = np.repeat([0.0, 34.0], 72), np.repeat([1, 2], 72)
    known = bound_usd(price, months, 35.0, 1_000.0)
    assert known - usd_begun_alike(price, months, 35.0, 1_000.0, 1) == pytest.approx(840.0, abs=1.0)
    assert known - usd_begun_alike(price, months, 35.0, 1_000.0, 3) == pytest.approx(928.0, abs=1.0)
