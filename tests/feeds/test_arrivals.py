"""Arrivals of contracts: rate, size and duration are those of the documentation.

A run begins with contracts already under way.
"""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.contract import ContractRequest
from mara.core.market import REGION_ZONE
from mara.core.units import HOURS_PER_DAY
from mara.feeds.synthetic.arrivals import LIVE_AT_START_COUNT, ArrivalStream, full_lives_days, remaining_lives_days
from mara.feeds.synthetic.draws import RandomStream, generator
from tests.feeds.synthetic_worlds import charter_of, global_ten

DAY = 288
DAYS = 2_000


@pytest.fixture(scope="module")
def requests() -> list[ContractRequest]:
    stream = ArrivalStream(charter_of(tick_minutes=60), 7)
    return [request for tick in range(1, DAYS * 24) for request in stream.arrivals(tick)]


def test_seven_and_a_half_customers_come_on_a_day(requests: list[ContractRequest]) -> None:
    assert len(requests) / DAYS == pytest.approx(7.5, rel=0.03)


def test_they_ask_for_a_megawatt_or_so(requests: list[ContractRequest]) -> None:
    powers = np.array([request.power_mw for request in requests])
    assert powers.mean() == pytest.approx(1.35, rel=0.02)
    assert (powers.min(), powers.max()) == (0.2, 6.0)


def test_they_stay_six_days_or_so(requests: list[ContractRequest]) -> None:
    days = np.array([request.duration_ticks for request in requests]) / 24
    assert days.mean() == pytest.approx(6.0, rel=0.02)
    assert (days.min(), days.max()) == (2.0, 45.0)


def test_the_tiers_share_the_power_as_the_paper_says(requests: list[ContractRequest]) -> None:
    tiers = [request.tier for request in requests]
    powers = [request.power_mw for request in requests]
    np.testing.assert_allclose(np.bincount(tiers, powers) / sum(powers), [0.20, 0.35, 0.30, 0.15], atol=0.015)


def test_they_live_by_the_clock_of_a_demand_region(requests: list[ContractRequest]) -> None:
    assert {request.timezone for request in requests} == set(REGION_ZONE)


def test_every_request_has_an_id_of_its_own_made_of_seed_and_tick(requests: list[ContractRequest]) -> None:
    assert len({request.id for request in requests}) == len(requests)
    at = next(tick for tick in range(1, 24 * 9) if ArrivalStream(charter_of(tick_minutes=60), 7).arrivals(tick))
    first = ArrivalStream(charter_of(tick_minutes=60), 7).arrivals(at)[0]
    assert first.id == f"c7-{at:06d}-0"


def test_the_run_begins_with_forty_five_contracts_in_the_middle_of_their_lives() -> None:
    stream = ArrivalStream(charter_of(), 7)
    live = stream.arrivals(0)[:LIVE_AT_START_COUNT]
    assert [request.id for request in live[:2]] == ["c7-000000-0", "c7-000000-1"]
    days = np.array([request.duration_ticks for request in live]) / DAY
    assert days.min() < 2.0
    assert days.max() <= 45.0
    assert sum(request.power_mw for request in live) == pytest.approx(45 * 1.35, rel=0.35)
    assert len(stream.arrivals(0)) - LIVE_AT_START_COUNT <= 3


def test_what_is_met_at_a_random_moment_lasts_as_renewal_theory_says() -> None:
    chance = generator(1, RandomStream.FIRST_CONTRACTS, 0)
    lives = full_lives_days(chance, 200_000)
    expected = (lives**2).mean() / (2.0 * lives.mean())
    assert remaining_lives_days(chance, 200_000).mean() == pytest.approx(expected, rel=0.02)


def test_the_number_of_live_contracts_stays_where_it_began() -> None:
    stream = ArrivalStream(charter_of(), 5)
    ends = [(tick, tick + request.duration_ticks) for tick in range(120 * DAY) for request in stream.arrivals(tick)]
    begins, finishes = np.array(ends).T
    live = [((begins <= moment) & (finishes > moment)).sum() for moment in range(0, 120 * DAY, DAY)]
    assert live[0] == pytest.approx(45, abs=3)
    assert np.mean(live[:30]) == pytest.approx(45, rel=0.15)
    assert np.mean(live) == pytest.approx(45, rel=0.10)


def test_a_fleet_with_twice_the_racks_has_twice_the_customers() -> None:
    fleet = global_ten()
    double = replace(fleet, units_count=2 * fleet.units_count)
    stream = ArrivalStream(charter_of(double), 7)
    assert len(stream.arrivals(0)) >= 90
    count = sum(len(stream.arrivals(tick)) for tick in range(1, 100 * DAY))
    assert count / 100 == pytest.approx(15.0, rel=0.1)


def test_ticks_asked_for_in_any_order_have_the_same_customers() -> None:
    forwards, backwards = ArrivalStream(charter_of(), 7), ArrivalStream(charter_of(), 7)
    seen = [forwards.arrivals(tick) for tick in range(20 * DAY)]
    assert [backwards.arrivals(tick) for tick in reversed(range(20 * DAY))] == seen[::-1]
    assert not backwards.arrivals(-1)
    assert HOURS_PER_DAY * 12 == DAY
