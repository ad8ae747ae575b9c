"""Bills of power terms, computed by hand for each charge, supply and product."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from mara.core.arrays import Floats
from mara.core.contract import Tier
from mara.core.events import events_of
from mara.core.finance import EnergyLine, Line
from mara.core.plan import PowerStep
from mara.core.power_settlement import open_accruals_micro_usd
from mara.core.power_snapshot import power_snapshot_of
from mara.core.power_terms import (
    AS_PRODUCED,
    BLOCK,
    CFD,
    COLLAR,
    TAKE_OR_PAY,
    AdderCharge,
    CoincidentPeakCharge,
    DemandCharge,
    SiteBattery,
    SupplyContract,
    TermTimes,
)
from mara.core.step import Step, advance
from tests.builders import NORTH, WEST, config, contract, observation, step, world
from tests.core.power_runs import PUE, USD, product, ran, run_of, signals, state_of, terms_of, usd


def test_an_adder_is_paid_on_each_megawatt_hour_in_its_local_hours() -> None:
    """5 MW for an hour at 4 USD/MWh cost 20 USD.

    It is 19:00 in Chicago, so that the adder of the morning is not paid.
    """
    evening, morning = TermTimes(hour_numbers=(19,)), TermTimes(hour_numbers=(7,))
    of = run_of(
        terms_of(
            adders=(
                AdderCharge(site=WEST, usd_per_mwh=4.0, times=evening),
                AdderCharge(site=WEST, usd_per_mwh=9.0, times=morning),
            )
        )
    )
    first, second = ran(of, [5.0, 5.0])
    assert usd(first, Line.ADDER) == pytest.approx(-20.0)
    assert usd(second, Line.ADDER) == 0.0
    assert first.conditions.grid_cost_usd_per_mwh.tolist() == [54.0, 50.0, 50.0]


def test_a_demand_charge_is_posted_as_the_peak_rises_and_begins_anew_with_the_local_month() -> None:
    """Loads of 3, 5 and 4 MW at 1,000 USD/MW and month: 3,000, 2,000 more, nothing.

    July begins in Chicago at tick 5.
    """
    charge = DemandCharge(site=WEST, usd_per_mw_month=1_000.0, interval_minutes=60)
    steps = ran(run_of(terms_of(demand=(charge,))), [3.0, 5.0, 4.0, 0.0, 0.0, 2.0])
    assert [usd(done, Line.DEMAND_CHARGE) for done in steps] == pytest.approx([-3_000, -2_000, 0, 0, 0, -2_000])
    assert state_of(steps[-1]).earlier_peaks_mw[0, :2] == pytest.approx([5.0, 0.0])


def test_demand_charges_of_other_hours_are_posted_side_by_side() -> None:
    """5 MW at 19:00 and 3 MW at 20:00, which alone counts for the second charge."""
    always = DemandCharge(site=WEST, usd_per_mw_month=1_000.0, interval_minutes=60)
    evening = replace(always, usd_per_mw_month=200.0, times=TermTimes(hour_numbers=(20,)))
    of = run_of(terms_of(demand=(always, evening)))
    steps = ran(of, [5.0, 3.0])
    assert [usd(done, Line.DEMAND_CHARGE) for done in steps] == pytest.approx([-5_000, -600])
    shown = power_snapshot_of(steps[-1], of)[WEST]
    assert [(charge.peak_mw, charge.counts_now) for charge in shown.demand_charges] == [(5.0, True), (3.0, True)]
    assert (shown.peak_mw, shown.next_mw_usd) == (5.0, 1_200.0)


def test_prices_under_a_demand_charge_are_remembered_by_block_and_local_day() -> None:
    """The run begins at 19:00 on 30 June in Chicago: an hour of one block, four of the next, then July."""
    charge = DemandCharge(site=WEST, usd_per_mw_month=1_000.0, interval_minutes=60)
    of = run_of(terms_of(demand=(charge,)))
    steps = ran(of, [1.0] * 7, price=[70.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0])
    seen = state_of(steps[-1]).seen
    assert seen is not None
    assert seen.usd_per_mwh[0, 0, 0] == pytest.approx(55.0)
    assert seen.usd_per_mwh[0, 1, 4:] == pytest.approx([70.0, 25.0])
    assert np.isfinite(seen.usd_per_mwh).sum() == 3
    assert state_of(ran(run_of(terms_of()), [1.0])[-1]).seen is None, "without a demand charge nothing is remembered"


def test_a_ratchet_bills_a_share_of_earlier_peaks_from_the_month_s_first_tick_on() -> None:
    """The least bill is 0.8 x 5 MW x 1,000 USD, which covers the 4 MW drawn later."""
    charge = DemandCharge(site=WEST, usd_per_mw_month=1_000.0, interval_minutes=60, ratchet_share=0.8)
    steps = ran(run_of(terms_of(demand=(charge,))), [5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 4.5])
    assert [usd(done, Line.DEMAND_CHARGE) for done in steps[5:]] == pytest.approx([-4_000, 0, -500])


def test_a_demand_charge_is_for_the_mean_of_an_interval() -> None:
    """3, 6 and 3 MW in a quarter of an hour are a peak of 4 MW, known when it is over."""
    charge = DemandCharge(site=WEST, usd_per_mw_month=1_000.0, interval_minutes=15)
    steps = ran(run_of(terms_of(demand=(charge,)), tick_minutes=5), [3.0, 6.0, 3.0])
    assert [usd(done, Line.DEMAND_CHARGE) for done in steps] == pytest.approx([0, 0, -4_000])


def test_coincident_peaks_are_accrued_when_their_month_is_over() -> None:
    """The site draws 2 MW in June's highest hour: 2 x 12,000 USD in July's first hour.

    The power system has 60,000 MW in that hour.
    """
    charge = CoincidentPeakCharge(
        site=WEST, usd_per_mw_year=12_000.0, month_numbers=(6,), peaks_count=1, interval_minutes=60
    )
    of = run_of(terms_of(peaks=(charge,)))
    steps = ran(of, [1, 2, 3, 4, 5, 6], demand_mw=[50_000.0, 60_000.0, 55_000.0, 58_000.0, 40_000.0, 70_000.0])
    assert open_accruals_micro_usd(steps[3].world.power, of.fleet)[WEST] == pytest.approx(24_000 * USD)
    assert [usd(done, Line.COINCIDENT_PEAK) for done in steps] == pytest.approx([0, 0, 0, 0, 0, -24_000])
    assert state_of(steps[-1]).accrued_micro_usd == pytest.approx(24_000 * USD)
    assert not open_accruals_micro_usd(steps[-1].world.power, of.fleet).any(), "July does not count"


def test_several_peaks_of_a_month_share_the_price() -> None:
    """Two peaks of June cost 12,000 / 2 USD/MW each.

    The site draws 2 and 4 MW in the hours of 60,000 and 58,000 MW.
    """
    charge = CoincidentPeakCharge(
        site=WEST, usd_per_mw_year=12_000.0, month_numbers=(6,), peaks_count=2, interval_minutes=60
    )
    of = run_of(terms_of(peaks=(charge,)))
    steps = ran(of, [1, 2, 3, 4, 5, 6], demand_mw=[50_000.0, 60_000.0, 55_000.0, 58_000.0, 40_000.0, 0.0])
    assert usd(steps[-1], Line.COINCIDENT_PEAK) == pytest.approx(-6_000.0 * (2.0 + 4.0))


def battery_at_west(**parts: float) -> tuple[SiteBattery, ...]:
    given = {"power_mw": 2.0, "energy_mwh": 4.0, "wear_usd_per_mwh": 10.0, "start_share": 0.0} | parts
    return (SiteBattery(site=WEST, efficiency_in_share=0.9, efficiency_out_share=0.9, **given),)


def test_a_battery_keeps_what_it_is_given_less_its_losses_and_wears_as_it_delivers() -> None:
    """2 MW for an hour store 1.8 MWh and return 1.62 MWh, with 16.2 USD of wear.

    Without stored energy nothing runs.
    """
    charging, delivering = ran(
        run_of(terms_of(batteries=battery_at_west())), [3.0, 3.0], charge=[2.0, 0.0], discharge=[0.0, 2.0]
    )
    assert state_of(charging).stored_mwh[WEST] == pytest.approx(1.8)
    assert usd(charging, Line.ENERGY) == pytest.approx(-250.0)
    assert usd(delivering, Line.ENERGY) == pytest.approx(-50.0 * (3.0 - 1.62))
    assert usd(delivering, Line.BATTERY_WEAR) == pytest.approx(-16.2)
    assert state_of(delivering).stored_mwh[WEST] == pytest.approx(0.0, abs=1e-12)
    wh = delivering.settlement.energy_wh
    assert wh[WEST, EnergyLine.BATTERY] == 1_620_000
    assert not wh.sum(axis=1).any()


def test_a_battery_feeds_in_what_the_connection_may_and_no_more() -> None:
    """A full battery without load earns 50 USD where 1 MW may be fed in: 1 MWh at 50."""
    of = run_of(terms_of(export=(1.0, 0.0, 0.0), batteries=battery_at_west(start_share=1.0)))
    (done,) = ran(of, [0.0], discharge=[2.0])
    assert usd(done, Line.EXPORT_REVENUE) == pytest.approx(50.0)
    assert done.settlement.revenue_micro_usd == 50 * USD
    assert done.settlement.energy_wh[WEST, EnergyLine.EXPORTED] == -1_000_000


def test_a_battery_delivers_no_more_cycles_a_day_than_it_may() -> None:
    """Half a cycle a day of 4 MWh are 2 MWh."""
    of = run_of(terms_of(batteries=battery_at_west(start_share=1.0, daily_cycles_count=0.5)))
    first, second = ran(of, [5.0, 5.0], discharge=[1.5, 1.5])
    assert [usd(done, Line.BATTERY_WEAR) for done in (first, second)] == pytest.approx([-15.0, -5.0])


def test_a_sold_megawatt_is_paid_and_stays_away_when_called() -> None:
    """3 of 5 MW are sold at 5 USD/MW and hour, which is 15 USD.

    Called for an hour they bring 100 USD/MWh, and the award goes on.
    """
    of = run_of(terms_of(products=(product(),)))
    ready, called = ran(of, [5.0, 5.0], award=[3.0, 0.0], price=[50.0, 50.0], called=[0.0, 1.0])
    assert usd(ready, Line.RESERVE_REVENUE) == 0.0, "the market pays nothing in this tick"
    assert called.allocation.site_power_mw[WEST] == pytest.approx(2.0)
    assert usd(called, Line.DEPLOYMENT_REVENUE) == pytest.approx(300.0)
    assert usd(called, Line.RESERVE_PENALTY) == 0.0
    told = [event.text for event in events_of(called, of) if event.kind == "called"]
    assert told == ["rrs called 3.0 MW at West until 03:00 UTC."]
    (there,) = [site for site in power_snapshot_of(called, of) if site.awards]
    assert (there.site_id, there.awards[0].called_mw) == ("west", 3.0)
    assert there.awards[0].delivered_mw == pytest.approx(3.0)


def test_a_call_takes_spot_first_then_the_battery_then_own_load_and_never_a_promise() -> None:
    of = run_of(terms_of(products=(product(response_s=600.0),), batteries=battery_at_west(start_share=1.0)))
    before = world(of, (contract("s", Tier.SPOT, 1.0), contract("p", Tier.PREMIUM, 2.0)), at=[WEST, WEST])
    miners = np.zeros((3, 3))
    miners[WEST, 0] = 4.0 / PUE
    plan = step(of, miners=miners, contracts=[[2, 0, 0, 1], [0] * 4, [0] * 4])
    seen = replace(observation(of), power=signals(of))
    award = np.array([[5.0, 0.0, 0.0]])
    power = PowerStep(
        charge_mw=np.zeros(3), discharge_mw=np.zeros(3), award_mw=award, draw_limit_mw=of.fleet.grid_limit_mw
    )
    plan = replace(plan, power=power)
    ready = advance(before, seen, plan, of)
    called = advance(ready.world, replace(seen, tick=1, power=signals(of, called=1.0)), plan, of)
    done = called.allocation
    assert done.power is not None
    assert done.contracts_mw[WEST].tolist() == [2.0, 0.0, 0.0, 0.0]
    assert done.power.discharge_mw[WEST] == pytest.approx(2.0)
    assert done.site_mining_it_mw[WEST] * PUE == pytest.approx(
        4.0 - (5.0 - 2.0 - 1.0 * float(called.conditions.rack_pue[WEST]))
    )
    assert done.power.delivered_mw[0, WEST] == pytest.approx(5.0)


def test_miners_that_pay_but_for_an_expected_peak_are_told_once_an_hour_and_when_they_stop() -> None:
    """Air miners pay 73.5 USD/MWh above a price of 50: a peak that adds 90 stops them, one of 60 does not."""
    of = run_of(terms_of(), tick_minutes=30)

    def told(steps: list[Step], peak_usd_per_mwh: float) -> list[list[str]]:
        peak = np.array([peak_usd_per_mwh, 0.0, 0.0])
        events = [events_of(done, of, peak) for done in steps]
        return [[event.text for event in tick if event.kind == "peak"] for tick in events]

    stopped, off = ran(of, [7.42, 0.0]), ran(of, [0.0, 0.0, 0.0])
    text = (
        "West keeps 7.4 MW of miners off, as its power system may have a billed peak: price 50 USD/MWh, and 90 more "
        "for the peak."
    )
    assert told(stopped, 90.0) == [[], [text]]
    assert told(stopped, 60.0) == [[], []]
    assert told(off, 90.0) == [[text], [], [text]]
    assert not any(event.kind == "peak" for event in events_of(off[0], of)), "no peak is billed"


def test_no_megawatt_is_sold_twice() -> None:
    """Awards together never exceed the load that may stop, plus free batteries."""
    products = (
        product(id="fast", sites=(0, 1, 2)),
        product(id="slow", sites=(0, 1, 2), response_s=600.0, duration_minutes=120, block_mw=0.5),
        product(id="whole", sites=(0, 1), response_s=60.0, minimum_bid_mw=1.0),
    )
    of = run_of(terms_of(products=products, batteries=battery_at_west(start_share=0.7)))
    assert of.fleet.power is not None
    chance = np.random.default_rng(11)
    before = world(of, (contract("p", Tier.PREMIUM, 4.0), contract("s", Tier.SPOT, 2.0)), at=[WEST, NORTH])
    for _ in range(60):
        plan = step(
            of,
            miners=chance.uniform(0, 12, (3, 3)),
            merchant=chance.uniform(0, 4, (3, 3, 2)),
            contracts=[[4, 0, 0, 0], [0, 0, 0, 2], [0] * 4],
            reserve=chance.uniform(0, 5, 3),
        )
        asked = chance.uniform(0, 12, (3, 3))
        flow = chance.uniform(0, 2, (2, 3))
        power = PowerStep(charge_mw=flow[0], discharge_mw=flow[1], award_mw=asked, draw_limit_mw=of.fleet.grid_limit_mw)
        seen = replace(observation(of, demand=1e12), power=signals(of, price=1.0))
        done = advance(before, seen, replace(plan, power=power), of).allocation
        assert done.power is not None
        award: Floats = done.power.award_mw
        load = done.power.flexible_mw + done.power.discharge_mw
        free = of.fleet.power.battery_power_mw - done.power.discharge_mw
        assert (award.sum(axis=0) <= load + free + 1e-9).all()
        assert (award <= asked + 1e-9).all()
        assert (award[0] <= (done.miners_mw * done.pue[:, :3]).sum(axis=1) + done.power.charge_mw + free + 1e-9).all()
        assert np.allclose(award[1] % 0.5, 0.0) or np.allclose(award[1] % 0.5, 0.5)
        assert ((award[2] == 0.0) | (award[2] >= 1.0)).all()
        assert award[2, 2] == 0.0


def test_a_block_is_used_first_and_its_rest_sold_below_the_price() -> None:
    """Block of 4 MW at 30, price 50, load 3 MW: 3 x 20 gained, 1 MW sold at 47.5.

    The megawatt that is sold cost 30.
    """
    block = SupplyContract(site=WEST, kind=BLOCK, power_mw=4.0, price_usd_per_mwh=30.0, sellback_spread_share=0.05)
    (done,) = ran(run_of(terms_of(supplies=(block,))), [3.0])
    assert usd(done, Line.SUPPLY) == pytest.approx(60.0 + 17.5)
    assert usd(done, Line.ENERGY) == pytest.approx(-150.0)


def test_power_as_produced_follows_its_profile() -> None:
    """Half of 4 MW is produced at 19:00 in Chicago, and all used: 2 x (50 - 30)."""
    shares = tuple(0.5 if hour == 19 else 1.0 for hour in range(24))
    sun = SupplyContract(site=WEST, kind=AS_PRODUCED, power_mw=4.0, price_usd_per_mwh=30.0, hourly_share=shares)
    first, second = ran(run_of(terms_of(supplies=(sun,))), [3.0, 3.0])
    assert usd(first, Line.SUPPLY) == pytest.approx(40.0)
    assert usd(second, Line.SUPPLY) == pytest.approx(4.0 * 20.0)


def test_contracts_for_difference_and_collars_are_settled_whatever_runs() -> None:
    """10 MW at a strike of 40 and a price of 50 pay 100 USD.

    A collar between 55 and 60 costs its holder 5 x 10 at a price of 50.
    """
    fixed = SupplyContract(site=WEST, kind=CFD, power_mw=10.0, price_usd_per_mwh=40.0)
    collar = SupplyContract(site=NORTH, kind=COLLAR, power_mw=10.0, price_usd_per_mwh=60.0, floor_usd_per_mwh=55.0)
    (done,) = ran(run_of(terms_of(supplies=(fixed, collar))), [0.0])
    assert usd(done, Line.CFD) == pytest.approx(100.0)
    assert usd(done, Line.CFD, NORTH) == pytest.approx(-50.0)


def test_take_or_pay_is_used_until_it_is_taken_and_paid_for_when_the_year_is_over() -> None:
    """8,760 MWh a year are 2 MWh in two hours.

    0.5 MW at 20 instead of 50 gain 15 an hour; 1 MWh short costs 20 USD.
    """
    deal = SupplyContract(site=WEST, kind=TAKE_OR_PAY, energy_mwh_per_year=8_760.0, price_usd_per_mwh=20.0)
    of = run_of(terms_of(supplies=(deal,)), start=datetime(2026, 1, 1, 4, tzinfo=UTC))
    steps = ran(of, [0.5, 0.5, 0.0])
    assert [usd(done, Line.SUPPLY) for done in steps] == pytest.approx([15.0, 15.0, 0.0])
    assert [usd(done, Line.TAKE_OR_PAY) for done in steps] == pytest.approx([0.0, 0.0, -20.0])


def test_a_month_s_bill_is_told_by_part() -> None:
    charge = DemandCharge(site=WEST, usd_per_mw_month=1_000.0, interval_minutes=60)
    of = run_of(terms_of(demand=(charge,), adders=(AdderCharge(site=WEST, usd_per_mwh=4.0),)))
    *_, last = ran(of, [3.0, 2.0])
    told = power_snapshot_of(last, of)[WEST]
    bill = {part.kind: part.amount_usd for part in told.bill}
    assert bill == pytest.approx({"energy": -250.0, "adder": -20.0, "demand_charge": -3_000.0})
    assert told.peak_mw == pytest.approx(3.0)
    assert power_snapshot_of(last, config(tick_minutes=60)) == ()
