"""Properties of power terms that hold whatever runs, however prices move."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mara.core.finance import Line
from mara.core.power_terms import (
    CFD,
    COLLAR,
    TAKE_OR_PAY,
    DemandCharge,
    ReserveProduct,
    SiteBattery,
    SupplyContract,
)
from tests.builders import WEST
from tests.core.power_runs import USD, ran, run_of, state_of, terms_of, usd

BATTERY = SiteBattery(
    site=WEST,
    power_mw=2.0,
    energy_mwh=4.0,
    efficiency_in_share=0.9,
    efficiency_out_share=0.9,
    wear_usd_per_mwh=10.0,
    start_share=0.5,
)
RRS = ReserveProduct(id="rrs", kind="reserve", sites=(WEST,), response_s=15.0, duration_minutes=60)
loads_mw = st.lists(st.floats(0.0, 7.0), min_size=1, max_size=12)
flows_mw = st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(0.0, 5.0)), min_size=1, max_size=30)
prices = st.lists(st.floats(-200.0, 2_000.0), min_size=1, max_size=8)


@settings(max_examples=12, deadline=None)
@given(flows=flows_mw, cycles=st.sampled_from((None, 0.25, 1.0)))
def test_a_battery_holds_what_it_was_given_within_its_power_energy_and_cycles(
    flows: list[tuple[float, float]], cycles: float | None
) -> None:
    """Whatever a plan asks for; what it delivers wears it."""
    battery = BATTERY if cycles is None else replace(BATTERY, daily_cycles_count=cycles)
    charge, discharge = zip(*flows, strict=True)
    steps = ran(run_of(terms_of(batteries=(battery,))), [4.0] * len(flows), charge=charge, discharge=discharge)
    stored, by_day = 2.0, dict[str, float]()
    for done in steps:
        flow = done.allocation.power
        assert flow is not None
        into, out = float(flow.charge_mw[WEST]), float(flow.discharge_mw[WEST])
        assert min(into, out) == 0.0
        assert max(into, out) <= 2.0 + 1e-9
        stored += 0.9 * into - out / 0.9
        assert state_of(done).stored_mwh[WEST] == pytest.approx(stored, abs=1e-9)
        assert -1e-9 <= stored <= 4.0 + 1e-9
        assert usd(done, Line.BATTERY_WEAR) == pytest.approx(-10.0 * out, abs=1e-6)
        day = f"{done.observation.tick // 24}"
        by_day[day] = by_day.get(day, 0.0) + out
    if cycles is not None:
        assert max(by_day.values()) <= 4.0 * cycles + 1e-9


@settings(max_examples=12, deadline=None)
@given(loads=loads_mw, later=loads_mw)
def test_a_month_s_peak_is_charged_once_however_it_was_reached(loads: list[float], later: list[float]) -> None:
    """The charge posted so far is the price of the highest load so far; a lower load is free."""
    charge = DemandCharge(site=WEST, usd_per_mw_month=1_000.0, interval_minutes=60)
    of = run_of(terms_of(demand=(charge,)), start=datetime(2025, 6, 10, 12, tzinfo=UTC))
    steps = ran(of, [*loads, *later])
    drawn = [float(done.allocation.site_power_mw[WEST]) for done in steps]
    posted = np.cumsum([-usd(done, Line.DEMAND_CHARGE) for done in steps])
    assert posted == pytest.approx(1_000.0 * np.maximum.accumulate(drawn), abs=len(drawn) / USD)
    assert all(usd(done, Line.DEMAND_CHARGE) <= 0.0 for done in steps)


@settings(max_examples=10, deadline=None)
@given(given_prices=prices, load=st.floats(0.0, 7.0))
def test_a_contract_for_difference_makes_its_power_cost_the_strike_whatever_the_price(
    given_prices: list[float], load: float
) -> None:
    """A collar keeps it between floor and ceiling; neither changes what runs."""
    fixed = SupplyContract(site=WEST, kind=CFD, power_mw=2.0, price_usd_per_mwh=40.0)
    collar = SupplyContract(site=WEST, kind=COLLAR, power_mw=2.0, price_usd_per_mwh=60.0, floor_usd_per_mwh=30.0)
    none = ran(run_of(terms_of()), [load] * len(given_prices), price=given_prices)
    for contract, low, high in ((fixed, 40.0, 40.0), (collar, 30.0, 60.0)):
        steps = ran(run_of(terms_of(supplies=(contract,))), [load] * len(given_prices), price=given_prices)
        for done, plain, price in zip(steps, none, given_prices, strict=True):
            paid_usd_per_mwh = price - usd(done, Line.CFD) / 2.0
            assert paid_usd_per_mwh == pytest.approx(min(max(price, low), high), abs=1e-5)
            assert (done.allocation.site_power_mw == plain.allocation.site_power_mw).all()


@settings(max_examples=10, deadline=None)
@given(loads=st.lists(st.floats(0.0, 3.0), min_size=3, max_size=3))
def test_take_or_pay_costs_its_energy_once_taken_or_not(loads: list[float]) -> None:
    """3 MWh fall due in three hours, at 20 USD: 60 USD, whatever is taken of them, and the rest costs the price."""
    deal = SupplyContract(site=WEST, kind=TAKE_OR_PAY, energy_mwh_per_year=8_760.0, price_usd_per_mwh=20.0)
    of = run_of(terms_of(supplies=(deal,)), start=datetime(2026, 1, 1, 3, tzinfo=UTC))
    steps = ran(of, [*loads, 0.0])
    taken = sum(float(done.allocation.site_power_mw[WEST]) for done in steps)
    paid = sum(usd(done, Line.ENERGY) + usd(done, Line.SUPPLY) + usd(done, Line.TAKE_OR_PAY) for done in steps)
    assert paid == pytest.approx(-20.0 * max(taken, 3.0), abs=1e-4)


@settings(max_examples=12, deadline=None)
@given(
    load=st.floats(0.0, 7.0),
    discharge=st.floats(0.0, 3.0),
    asked=st.floats(0.0, 12.0),
    hours=st.sampled_from((1, 2, 4)),
    block=st.sampled_from((0.0, 0.5, 1.0)),
    least=st.sampled_from((0.0, 1.5)),
)
def test_an_award_is_covered_by_load_that_runs_and_by_energy_for_its_whole_duration(
    load: float, discharge: float, asked: float, hours: int, block: float, least: float
) -> None:
    """In whole blocks, no smaller than the least bid: what was curtailed already cannot be sold."""
    product = replace(RRS, duration_minutes=60 * hours, block_mw=block, minimum_bid_mw=least)
    of = run_of(terms_of(export=(9.0, 0.0, 0.0), products=(product,), batteries=(BATTERY,)))
    (done,) = ran(of, [load], award=[asked], discharge=[discharge])
    flow = done.allocation.power
    assert flow is not None
    award, out = float(flow.award_mw[0, WEST]), float(flow.discharge_mw[WEST])
    runs = float(done.allocation.site_power_mw[WEST]) + 0.0
    energy_mwh = 0.9 * float(state_of(done).stored_mwh[WEST])
    assert award <= runs + min(2.0 - out, energy_mwh / hours) + 1e-9
    assert award <= asked + 1e-9
    assert award == 0.0 or award >= least - 1e-9
    if block:
        assert award / block == pytest.approx(round(award / block), abs=1e-6)
