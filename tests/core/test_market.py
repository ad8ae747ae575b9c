"""Value of power, hashes and tokens, and demand by local hour, computed by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mara.core.economics import economics_of
from mara.core.market import (
    REGION_COUNT,
    REGION_DEMAND_SHARE,
    Region,
    break_even_usd_per_mwh,
    margin_usd_per_mwh,
    merchant_value_usd_per_mwh,
    mining_value_usd_per_mwh,
    region_of,
    sellback_usd_per_mwh,
    token_demand_per_h,
)
from mara.core.world import conditions_of
from tests.builders import MACHINES, config, fleet, multipliers_at, observation


def test_at_55_usd_a_17_5_joule_miner_earns_130_95_usd_per_mwh() -> None:
    values = mining_value_usd_per_mwh(55.0, np.array([17.5, 16.0, 13.5]))
    assert values == pytest.approx([130.952381, 143.229167, 169.753086], abs=1e-6)


def test_the_machines_of_the_trade_have_the_stated_efficiency() -> None:
    assert [machine.efficiency_j_per_th for machine in MACHINES[:3]] == [17.5, 16.0, 13.5]


def test_an_it_megawatt_hour_of_tokens_is_worth_rate_times_price_times_multiplier() -> None:
    # 12,000 tok/s at 10 kW are 4.32e9 tokens per MWh, 1,080 USD at 0.25 USD per million.
    value = merchant_value_usd_per_mwh(fleet(), 0.25, np.array([1.5, 1.0, 0.44]), 0.0)
    assert value.shape == (REGION_COUNT, 3, 2)
    assert value[0, 0].tolist() == pytest.approx([1_620.0, 2_700.0])
    assert value[1, 0].tolist() == pytest.approx([1_080.0, 1_800.0])
    assert value[2, 0].tolist() == pytest.approx([475.2, 792.0])


def test_serving_another_region_costs_four_dollars_a_megawatt_hour() -> None:
    value = merchant_value_usd_per_mwh(fleet(), 0.25, np.ones(3), 4.0)
    at_home = np.array([[True, False, False], [False, True, False], [False, False, True]])
    assert value[:, :, 0] == pytest.approx(np.where(at_home, 1_080.0, 1_076.0))


@pytest.mark.parametrize(
    ("timezone", "region"),
    [
        ("America/Chicago", Region.AMERICAS),
        ("America/Argentina/Buenos_Aires", Region.AMERICAS),
        ("US/Central", Region.AMERICAS),
        ("Canada/Pacific", Region.AMERICAS),
        ("Europe/Oslo", Region.EUROPE),
        ("Atlantic/Reykjavik", Region.EUROPE),
        ("Africa/Nairobi", Region.EUROPE),
        ("Asia/Kolkata", Region.ASIA_PACIFIC),
        ("Australia/Sydney", Region.ASIA_PACIFIC),
        ("Pacific/Auckland", Region.ASIA_PACIFIC),
    ],
)
def test_a_site_belongs_to_the_region_of_its_iana_zone(timezone: str, region: Region) -> None:
    assert region_of(timezone) is region


@pytest.mark.parametrize(
    ("moment", "americas", "europe", "asia"),
    [
        # A Tuesday in July: Chicago is at UTC-5, Berlin at UTC+2, Tokyo at UTC+9.
        (datetime(2025, 7, 1, 0, tzinfo=UTC), 1.2, 0.8, 1.5),
        (datetime(2025, 7, 1, 6, tzinfo=UTC), 0.8, 1.2, 1.5),
        (datetime(2025, 7, 1, 14, tzinfo=UTC), 1.5, 1.5, 0.8),
        # A Tuesday in January: Chicago at UTC-6, Berlin at UTC+1.
        (datetime(2025, 1, 7, 15, tzinfo=UTC), 1.5, 1.5, 0.8),
        (datetime(2025, 1, 7, 8, tzinfo=UTC), 0.8, 1.5, 1.5),
        (datetime(2025, 1, 7, 17, tzinfo=UTC), 1.5, 1.2, 0.8),
    ],
)
def test_demand_follows_the_local_hour_of_each_region(
    moment: datetime, americas: float, europe: float, asia: float
) -> None:
    assert multipliers_at(moment).tolist() == pytest.approx([americas, europe, asia])


def test_the_weekend_begins_and_ends_with_the_local_day() -> None:
    # Saturday 2025-07-05, 02:00 in Tokyo is Friday evening in Berlin and Friday noon in Chicago.
    assert multipliers_at(datetime(2025, 7, 4, 17, tzinfo=UTC)).tolist() == pytest.approx([1.5, 1.2, 0.8 * 0.55])
    # Monday 2025-07-07, 09:00 in Tokyo is Monday night in Berlin and Sunday evening in Chicago.
    assert multipliers_at(datetime(2025, 7, 7, 0, tzinfo=UTC)).tolist() == pytest.approx([1.2 * 0.55, 0.8, 1.5])


@pytest.mark.parametrize(
    ("moment", "before", "after"),
    [
        # Berlin springs forward on 2025-03-30 (a Sunday) and back on 2025-10-26.
        (datetime(2025, 3, 28, 8, tzinfo=UTC), 1.5, 1.5),
        (datetime(2025, 3, 31, 7, tzinfo=UTC), 1.5, 1.5),
        (datetime(2025, 10, 27, 7, tzinfo=UTC), 1.2, 1.2),
    ],
)
def test_business_hours_move_with_daylight_saving_in_berlin(moment: datetime, before: float, after: float) -> None:
    assert multipliers_at(moment)[Region.EUROPE] == before == after


def test_on_the_day_the_clocks_change_the_local_hour_decides() -> None:
    # Sunday 2025-03-30: 08:00 UTC is 10:00 in Berlin, though it was 09:00 the day before; 06:00 is 08:00.
    hours = [multipliers_at(datetime(2025, 3, 30, h, tzinfo=UTC))[Region.EUROPE] / 0.55 for h in (3, 4, 6, 7)]
    assert hours == pytest.approx([0.8, 1.2, 1.2, 1.5])


def test_the_year_wraps_at_local_midnight() -> None:
    # 2025-12-31 23:00 UTC is New Year's Day 08:00 in Tokyo, a Thursday like any other.
    assert multipliers_at(datetime(2025, 12, 31, 23, tzinfo=UTC)).tolist() == pytest.approx([1.5, 0.8, 1.2])


def test_merchant_demand_averages_a_fifth_of_the_fleets_tokens_over_a_week() -> None:
    own = fleet()
    monday = datetime(2025, 6, 30, tzinfo=UTC)
    week = np.array([multipliers_at(monday + timedelta(hours=h)) for h in range(168)])
    tokens = token_demand_per_h(week, own)
    assert tokens.shape == (168, REGION_COUNT)
    assert tokens.sum(axis=1).mean() == pytest.approx(0.20 * own.token_capacity_per_h, rel=1e-9)
    assert (tokens.mean(axis=0) / tokens.mean(axis=0).sum()).tolist() == pytest.approx(list(REGION_DEMAND_SHARE))
    assert (tokens.max(axis=0) / tokens.mean(axis=0)).tolist() == pytest.approx([1.46] * 3, abs=0.01)


def test_the_fleets_token_capacity_is_that_of_its_racks() -> None:
    # 15 MW of GPU and 10 MW of ASIC at 4.32e9 and 7.2e9 tokens per MWh.
    assert fleet().token_capacity_per_h == pytest.approx(15 * 4.32e9 + 10 * 7.2e9)


def test_the_break_even_price_counts_pue_and_carbon() -> None:
    of = config()
    # 30 C: air miners at PUE 1.168; 400 g/kWh at 50 USD/t is 20 USD/MWh.
    conditions = conditions_of(observation(of, price=90.0, carbon=400.0, dry=30.0), of)
    break_even = 130.952381 / 1.168 - 20.0
    assert break_even == pytest.approx(92.117, abs=1e-3)
    margin = conditions.mining_value_usd_per_mwh[0] - conditions.pue[0, 0] * conditions.grid_cost_usd_per_mwh[0]
    assert margin / 1.168 == pytest.approx(break_even - 90.0, abs=1e-5)


def test_a_load_breaks_even_where_its_value_pays_for_cooling_and_carbon() -> None:
    value, pue, carbon = np.array([130.95]), np.array([1.1]), np.array([20.0])
    limit = break_even_usd_per_mwh(value, pue, carbon)
    assert limit == pytest.approx([99.045], abs=0.001)
    assert margin_usd_per_mwh(value, pue, limit + carbon) == pytest.approx([0.0], abs=1e-12)


@given(value=st.floats(0.0, 5e3), pue=st.floats(1.0, 2.0), price=st.floats(-1e3, 2e4))
def test_a_margin_has_the_sign_of_the_comparison_that_it_stands_for(value: float, pue: float, price: float) -> None:
    margin = float(margin_usd_per_mwh(np.array(value), np.array(pue), np.array(price)))
    assert (margin < 0.0) is (value < pue * price)
    assert (margin >= 0.0) is (value >= pue * price)


def test_power_sold_back_earns_less_than_its_price_whatever_its_sign() -> None:
    assert sellback_usd_per_mwh(np.array([100.0, -100.0, 0.0]), 0.05).tolist() == [95.0, -105.0, 0.0]


def test_the_table_of_a_tick_holds_what_the_conditions_say() -> None:
    of = config()
    seen = observation(of, price=[90.0, -10.0, 0.0], carbon=400.0)
    conditions = conditions_of(seen, of)
    each = economics_of(seen, conditions, of)
    assert each.grid_usd_per_mwh.tolist() == conditions.grid_cost_usd_per_mwh.tolist() == [110.0, 10.0, 20.0]
    assert each.sellback_usd_per_mwh.tolist() == [85.5, -10.5, 0.0]
    assert each.mining_usd_per_mwh is conditions.mining_value_usd_per_mwh
