"""Service levels in integers: budgets, windows and credits by computed examples."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mara.core.contract import (
    TARGET_PPM,
    Tier,
    book_of,
    budget_ticks,
    budgets_of,
    credit_micro_usd,
    next_bad_tick_cost_micro_usd,
    window_of,
)
from mara.core.timegrid import TimeGrid
from tests.builders import config, contract, world

DAY = 288
HOURLY = TimeGrid(start=datetime(2025, 7, 1, tzinfo=UTC), tick_minutes=60)


@pytest.mark.parametrize(
    ("ticks", "tier", "budget"),
    [
        (288, Tier.PREMIUM, 0),
        (999, Tier.PREMIUM, 0),
        (1_000, Tier.PREMIUM, 1),
        (8_640, Tier.PREMIUM, 8),
        (288, Tier.STANDARD, 14),
        (288, Tier.FLEXIBLE, 28),
        (8_640, Tier.STANDARD, 432),
        (8_640, Tier.FLEXIBLE, 864),
        (8_640, Tier.SPOT, 8_640),
    ],
)
def test_a_budget_is_a_whole_number_of_ticks(ticks: int, tier: Tier, budget: int) -> None:
    assert budget_ticks(ticks, tier) == budget


@settings(max_examples=150)
@given(good=st.integers(0, 40_000), bad=st.integers(0, 5_000), tier=st.sampled_from(list(Tier)))
def test_a_budget_is_overspent_exactly_when_a_credit_is_owed(good: int, bad: int, tier: Tier) -> None:
    overspent = bad > budget_ticks(good + bad, tier)
    assert overspent == (credit_micro_usd(tier, good, bad, 1_000_000) > 0)


@pytest.mark.parametrize(
    ("tier", "good", "bad", "percent"),
    [
        (Tier.PREMIUM, 9_990, 10, 0),  # exactly 99.9 %
        (Tier.PREMIUM, 99_899, 101, 10),  # 99.899 % never passes for 99.9
        (Tier.PREMIUM, 9_900, 100, 10),
        (Tier.PREMIUM, 9_899, 101, 30),
        (Tier.PREMIUM, 9_500, 500, 30),
        (Tier.PREMIUM, 9_499, 501, 100),
        (Tier.STANDARD, 950, 50, 0),
        (Tier.STANDARD, 949, 51, 10),
        (Tier.STANDARD, 899, 101, 25),
        (Tier.STANDARD, 799, 201, 50),
        (Tier.FLEXIBLE, 900, 100, 0),
        (Tier.FLEXIBLE, 899, 101, 5),
        (Tier.FLEXIBLE, 799, 201, 15),
        (Tier.FLEXIBLE, 599, 401, 30),
        (Tier.SPOT, 0, 1_000, 0),
        (Tier.PREMIUM, 0, 0, 0),
    ],
)
def test_credits_follow_the_table(tier: Tier, good: int, bad: int, percent: int) -> None:
    assert credit_micro_usd(tier, good, bad, 100_000_000) == percent * 1_000_000


def test_a_contract_under_28_days_is_measured_over_its_whole_life() -> None:
    own = contract("c", starts=100, ticks=28 * 24 - 1)
    assert window_of(own, 100, HOURLY) == (100, 100 + 28 * 24 - 1)
    assert window_of(own, 700, HOURLY) == (100, 100 + 28 * 24 - 1)


def test_from_28_days_on_it_is_measured_by_calendar_month_of_its_zone() -> None:
    # From 2025-07-11 00:00 UTC for 60 days, to 2025-09-09.
    start, end = 10 * 24, 70 * 24
    own = contract("c", starts=start, ticks=60 * 24, timezone="America/New_York")
    august, september = 31 * 24 + 4, 62 * 24 + 4  # midnight there is 04:00 UTC
    assert window_of(own, start, HOURLY) == (start, august)
    assert window_of(own, august - 1, HOURLY) == (start, august)
    assert window_of(own, august, HOURLY) == (august, september)
    assert window_of(own, september, HOURLY) == (september, end)
    assert window_of(contract("c", ticks=28 * 24), 0, HOURLY) == (0, 28 * 24)
    assert window_of(contract("c", starts=start, ticks=28 * 24), start, HOURLY) == (start, 31 * 24)
    assert window_of(own, end - 1, HOURLY) == (september, end)


def test_months_of_the_south_and_of_half_hour_zones_begin_at_their_own_midnight() -> None:
    sydney = contract("s", ticks=90 * 24, timezone="Australia/Sydney")
    assert window_of(sydney, 0, HOURLY) == (0, 31 * 24 - 10)
    kolkata = contract("k", ticks=90 * 24, timezone="Asia/Kolkata")
    assert window_of(kolkata, 0, HOURLY) == (0, 31 * 24 - 5)


@settings(max_examples=40)
@given(
    starts=st.integers(0, 10_000),
    days=st.integers(28, 400),
    name=st.sampled_from(["UTC", "Asia/Kolkata", "America/Santiago", "Pacific/Kiritimati"]),
)
def test_the_windows_of_a_long_contract_tile_its_life(starts: int, days: int, name: str) -> None:
    own = contract("c", starts=starts, ticks=days * 24, timezone=name)
    tick = starts
    while tick < own.ends_tick:
        start, end = window_of(own, tick, HOURLY)
        assert start == tick < end <= own.ends_tick
        assert end - start <= 31 * 24 + 1
        tick = end


def test_a_charge_is_rate_times_power_times_time() -> None:
    book = book_of((contract("p", Tier.PREMIUM, 2.0), contract("s", Tier.SPOT, 1.5)), 1 / 12)
    assert book.tick_charge_micro_usd.tolist() == [87_500_000, 7_500_000]
    assert book.promised_mw.tolist() == [2.0, 0.0, 0.0, 1.5]
    assert [columns.tolist() for columns in book.columns] == [[0], [], [], [1]]
    assert book.index_of == {"p": 0, "s": 1}


def test_list_prices_are_multiples_of_the_base_rate() -> None:
    assert [contract("c", tier).rate_usd_per_mwh for tier in Tier] == [525.0, 300.0, 180.0, 60.0]
    assert TARGET_PPM == (999_000, 950_000, 900_000, 0)


def test_excluded_ticks_shrink_the_window_and_its_budget() -> None:
    of = config()
    state = world(of, (contract("c", Tier.STANDARD, ticks=DAY),))
    assert budgets_of(state.book, state.accounts).tolist() == [14]
    excluded = replace(state.accounts, excluded_ticks=np.array([188]))
    assert budgets_of(state.book, excluded).tolist() == [5]


def test_a_book_without_contracts_has_all_its_columns() -> None:
    book = book_of((), 1.0)
    assert book.promised_mw.tolist() == [0.0] * 4
    assert [columns.tolist() for columns in book.columns] == [[], [], [], []]


def test_the_next_bad_tick_is_a_cliff_where_the_budget_ends() -> None:
    # 30 days of Premium at 5 MW: 8,640 ticks of 218.75 USD, of which 8 may be bad.
    def cost_usd(bad: int, left: int = 4_000) -> float:
        return (
            next_bad_tick_cost_micro_usd(
                Tier.PREMIUM,
                good_ticks=8_640 - bad - left,
                bad_ticks=bad,
                left_ticks=left,
                charge_micro_usd=(8_640 - bad - left) * 218_750_000,
                tick_charge_micro_usd=218_750_000,
            )
            / 1e6
        )

    assert cost_usd(7) == 218.75
    assert cost_usd(8) == pytest.approx(218.75 + 0.10 * (8_640 - 9) * 218.75)
    # Past the cliff a bad tick saves a tenth of its own charge, until the next step at 99.0 %.
    assert cost_usd(9) == pytest.approx(218.75 * 0.9)
    assert cost_usd(86) == pytest.approx(218.75 + (0.30 * (8_640 - 87) - 0.10 * (8_640 - 86)) * 218.75)
    assert cost_usd(8, left=0) == 0.0


def test_a_bad_tick_of_spot_costs_what_it_would_have_paid() -> None:
    charge = {"good_ticks": 3, "bad_ticks": 90, "left_ticks": 10, "charge_micro_usd": 9, "tick_charge_micro_usd": 3}
    assert next_bad_tick_cost_micro_usd(Tier.SPOT, **charge) == 3
