"""Power terms in snapshots: bills and their forecast, battery plans, and supply."""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.plan import Plan, PowerStep
from mara.core.power_bill import BillHours, bill_hours, bill_of
from mara.core.power_snapshot import planned_battery_mw, power_snapshot_of
from mara.core.power_terms import (
    BLOCK,
    TAKE_OR_PAY,
    AdderCharge,
    CoincidentPeakCharge,
    DemandCharge,
    SiteBattery,
    SupplyContract,
    TermTimes,
)
from mara.core.units import TOLERANCE_MW
from tests.builders import WEST, step
from tests.core.power_runs import ran, run_of, state_of, terms_of


def test_a_bill_is_forecast_by_the_hours_left_but_charges_on_peaks_stand() -> None:
    """48 of 480 hours are billed, so that charges on energy grow tenfold.

    A peak of 4 MW instead of 3 is planned.
    """
    charge = DemandCharge(site=WEST, usd_per_mw_month=1_000.0, interval_minutes=60)
    of = run_of(terms_of(demand=(charge,), adders=(AdderCharge(site=WEST, usd_per_mwh=4.0),)))
    state = state_of(ran(of, [3.0, 2.0])[-1])
    hours = BillHours(billed_h=48.0, left_h=432.0)
    ends = {part.kind: part.month_end_usd for part in bill_of(state, WEST, hours, 0.0)}
    assert ends == pytest.approx({"energy": -2_500.0, "adder": -200.0, "demand_charge": -3_000.0})
    ahead = {part.kind: part.month_end_usd for part in bill_of(state, WEST, hours, 4_000.0)}
    assert ahead["demand_charge"] == pytest.approx(-4_000.0)


def test_the_first_day_of_a_bill_is_no_ground_for_a_forecast() -> None:
    state = state_of(ran(run_of(terms_of()), [3.0])[-1])
    (energy,) = bill_of(state, WEST, BillHours(billed_h=23.0, left_h=700.0), 0.0)
    assert energy.amount_usd == pytest.approx(-150.0)
    assert energy.month_end_usd is None


def test_a_bill_begins_with_the_local_month_or_with_the_run() -> None:
    """The run begins on 1 July at 00:00 UTC, five hours before July does in Chicago."""
    grid = run_of(terms_of()).grid
    assert bill_hours(0, "America/Chicago", grid) == BillHours(billed_h=1.0, left_h=4.0)
    assert bill_hours(5, "America/Chicago", grid) == BillHours(billed_h=1.0, left_h=743.0)


def test_what_batteries_do_next_is_told_by_the_clock_hour() -> None:
    """The plan rests 45 minutes after 15 at 4 MW, then charges two hours with 6 MW.

    It is looked at from its second step.
    """
    battery = SiteBattery(
        site=WEST,
        power_mw=10.0,
        energy_mwh=20.0,
        efficiency_in_share=1.0,
        efficiency_out_share=1.0,
        wear_usd_per_mwh=0.0,
    )
    of = run_of(terms_of(batteries=(battery,)), tick_minutes=15)
    west, none = np.array([1.0, 0.0, 0.0]), np.zeros(3)
    steps = tuple(
        replace(
            step(of),
            power=PowerStep(
                charge_mw=charge * west, discharge_mw=deliver * west, award_mw=np.zeros((0, 3)), draw_limit_mw=none
            ),
        )
        for charge, deliver in ((0.0, 4.0), (0.0, 0.0), (6.0, 0.0))
    )
    plan = Plan(optimizer="lp", made_tick=0, steps=steps, step_ticks=(1, 3, 8))
    assert planned_battery_mw(plan, 0, of)[:, WEST].tolist() == pytest.approx([1.0, -6.0, -6.0])
    assert planned_battery_mw(plan, 1, of)[:, WEST].tolist() == pytest.approx([0.0, -6.0, -6.0])
    assert planned_battery_mw(replace(plan, steps=steps[:1], step_ticks=(1,)), 0, of).shape == (0, 3)


def test_contracted_supply_is_told_as_the_hours_of_the_local_day() -> None:
    block = SupplyContract(
        site=WEST, kind=BLOCK, power_mw=10.0, price_usd_per_mwh=30.0, times=TermTimes(hour_numbers=(6, 7))
    )
    of = run_of(terms_of(supplies=(block,)))
    (told,) = power_snapshot_of(ran(of, [1.0])[-1], of)[WEST].supplies
    assert [hour for hour, mw in enumerate(told.hourly_mw) if mw == 10.0] == [6, 7]
    assert (len(told.hourly_mw), told.price_usd_per_mwh) == (24, 30.0)


def test_a_year_s_energy_is_told_beside_what_was_due_in_the_hours_of_the_run() -> None:
    year = SupplyContract(site=WEST, kind=TAKE_OR_PAY, energy_mwh_per_year=8_760.0, price_usd_per_mwh=20.0)
    of = run_of(terms_of(supplies=(year,)))
    (told,) = power_snapshot_of(ran(of, [0.5, 2.0, 0.5])[-1], of)[WEST].supplies
    assert (told.taken_mwh, told.due_so_far_mwh, told.due_mwh) == pytest.approx((3.0, 3.0, 8_760.0))


def test_each_coincident_peak_charge_of_a_site_is_told_and_the_dearest_stands_for_all() -> None:
    """Charges of two bodies at one site: a megawatt at a peak costs 100 USD for the first, 250 for the second."""
    monthly = CoincidentPeakCharge(
        site=WEST, usd_per_mw_year=1_200.0, month_numbers=tuple(range(1, 13)), peaks_count=1, interval_minutes=60
    )
    summer = replace(monthly, usd_per_mw_year=1_000.0, month_numbers=(6, 7, 8, 9))
    of = run_of(terms_of(peaks=(monthly, summer)))
    shown = power_snapshot_of(ran(of, [2.0, 5.0], demand_mw=[900.0, 800.0])[-1], of)[WEST]
    assert [(charge.usd_per_mw, charge.load_at_peak_mw) for charge in shown.coincident_charges] == [
        (250.0, 2.0),
        (100.0, 2.0),
    ]
    assert (shown.coincident_mw_usd, shown.system_peak_mw) == (250.0, 900.0)


def test_a_limit_that_is_just_what_is_contracted_is_no_target_of_a_demand_charge() -> None:
    """With 2 MW contracted the plan's limit of 2 MW is the contract, and one of 3 MW the peak."""
    charge = DemandCharge(site=WEST, usd_per_mw_month=1_000.0, interval_minutes=60)
    block = SupplyContract(
        site=WEST, kind=BLOCK, power_mw=2.0, price_usd_per_mwh=30.0, sellback_spread_share=0.1, times=TermTimes()
    )
    of = run_of(terms_of(demand=(charge,), supplies=(block,)))
    (done,) = ran(of, [2.0])
    assert done.plan.power is not None
    targets = []
    for limit_mw in (2.0 + TOLERANCE_MW, 3.0):
        limited = replace(done.plan.power, draw_limit_mw=np.array([limit_mw, 9.0, 9.0]))
        shown = power_snapshot_of(replace(done, plan=replace(done.plan, power=limited)), of)[WEST]
        targets.append((shown.peak_target_mw, shown.demand_charges[0].target_mw))
    assert targets == [(None, None), (3.0, 3.0)]
