"""Plans with power terms: peaks avoided or paid for, batteries, awards, and rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from mara.core.arrays import sealed
from mara.core.outlook import outlooks_of
from mara.core.plan import Problem, problem_in
from mara.core.power_calendar import month_numbers
from mara.core.power_signals import PowerForecast, PowerObservation
from mara.core.power_terms import (
    AS_PRODUCED,
    BLOCK,
    CFD,
    COLLAR,
    TAKE_OR_PAY,
    AdderCharge,
    CoincidentPeakCharge,
    DemandCharge,
    PowerTerms,
    ReserveProduct,
    SiteBattery,
    SupplyContract,
    TermTimes,
)
from mara.core.quote import OutageRecord, QuoteRequest
from mara.core.step import advance
from mara.core.world import RunConfig, first_world
from mara.optimizers.flexibility.contracted_supply import take_or_pay_usd_per_mwh
from mara.optimizers.flexibility.expected_terms import peak_price_now, risk_of_next_day
from mara.optimizers.flexibility.peak_risk import peak_risk_share
from mara.optimizers.flexibility.simple_rules import with_peak_price, with_simple_power
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.plan_in_force import followed, plan_in_force_of
from mara.optimizers.quoting.context import QuoteContext
from mara.optimizers.quoting.offer import quote_of
from mara.optimizers.quoting.pricing import solution_of
from mara.optimizers.rules.rules import Rules
from tests.builders import START, WEST, config, fleet, forecast, observation, problem, step

CHARGE = CoincidentPeakCharge(
    site=WEST, usd_per_mw_year=60_000.0, month_numbers=(6, 7), peaks_count=1, interval_minutes=60
)
JUNE = datetime(2025, 6, 1, tzinfo=UTC)
UNKNOWN = np.full(31, -1.0)


def risk(demand_mw: Any, first: datetime = JUNE, *, month: float = -1.0, before: Any = UNKNOWN) -> np.ndarray:
    count = len(demand_mw)
    return peak_risk_share(
        np.asarray(demand_mw, dtype=np.float64),
        [first + timedelta(hours=h) for h in range(count)],
        np.ones(count),
        charge=CHARGE,
        month_peaks_mw=np.array([month]),
        daily_peaks_mw=np.asarray(before, dtype=np.float64),
    )


def test_the_first_of_thirty_unknown_days_has_the_month_s_peak_once_in_thirty_times() -> None:
    assert risk([50_000.0] * 24).sum() == pytest.approx(1.0 / 30.0)
    assert risk([50_000.0] * 24, JUNE + timedelta(days=29)).sum() == pytest.approx(1.0), "the last day"


def test_a_day_s_risk_lies_in_its_highest_hours() -> None:
    share = risk([40_000.0] * 17 + [50_000.0] + [40_000.0] * 6)
    assert share[17] > 0.999 * share.sum()


def test_a_day_below_the_month_s_peak_carries_little_risk_and_one_in_another_month_none() -> None:
    last = JUNE + timedelta(days=29)
    assert risk([50_000.0] * 24, last, month=55_000.0).sum() < 1e-4
    assert not risk([50_000.0] * 24, datetime(2025, 8, 30, tzinfo=UTC)).any()


def test_days_that_were_higher_lower_the_risk_of_a_day_early_in_the_month() -> None:
    high = np.concatenate([[-1.0], np.full(30, 60_000.0)])
    low = np.concatenate([[-1.0], np.full(30, 40_000.0)])
    assert risk([50_000.0] * 24, before=high).sum() < 1e-6
    assert risk([50_000.0] * 24, before=low).sum() == pytest.approx(31.0 / 60.0)


def run_of(**parts: Any) -> RunConfig:
    terms = PowerTerms(export_limit_mw=np.zeros(3), export_fee_usd_per_mwh=np.zeros(3), **parts)
    return config(replace(fleet(), power=terms), tick_minutes=60)


def asked(
    of: RunConfig, *, price: Any = 50.0, demand: Any = 40_000.0, reserve: float = 0.0, tokens_per_h: float = 0.0
) -> Problem:
    """A problem of 24 hours with prices and system demand by hour."""
    assert of.fleet.power is not None
    shape = (24, len(of.fleet.power.products), 3)
    hourly = np.broadcast_to(np.asarray(price, dtype=np.float64), (24,))
    system = np.broadcast_to(np.asarray(demand, dtype=np.float64), (24,))
    seen = replace(
        observation(of, price=float(hourly[0]), demand=tokens_per_h),
        power=PowerObservation(
            system_demand_mw=np.full(3, float(system[0])),
            reserve_price_usd_per_mw_h=np.full(shape[1:], reserve),
            called_share=np.zeros(shape[1:]),
            call_ends_tick=np.zeros(shape[1], dtype=np.int64),
        ),
    )
    power = PowerForecast(
        system_demand_mw=sealed(np.tile(system[:, None], (1, 3))), reserve_price_usd_per_mw_h=np.full(shape, reserve)
    )
    ahead = replace(forecast(seen), energy_price_usd_per_mwh=sealed(np.tile(hourly[:, None], (1, 3))), power=power)
    return replace(problem(of, first_world(of), seen), forecast=ahead)


def test_a_plan_stops_miners_in_the_hour_that_may_be_the_month_s_peak_and_so_do_the_rules_when_it_is_there() -> None:
    """The third of the month's last hours has its highest system demand.

    It is 19:00 on 30 June in Chicago.
    """
    of = run_of(peaks=(CHARGE,))
    plan = Lp().plan(asked(of, demand=[40_000.0, 41_000.0, 60_000.0, *[40_000.0] * 21]))
    mined = [float(there.miners_mw[WEST].sum()) for there in plan.steps[:4]]
    assert mined[2] == 0.0
    assert min(mined[0], mined[1], mined[3]) > 10.0
    now = asked(of, demand=[60_000.0, *[40_000.0] * 23])
    assert with_peak_price(now).observation.energy_price_usd_per_mwh[WEST] > 1_000.0
    assert Rules().plan(now).steps[0].miners_mw[WEST].sum() == 0.0


def test_tokens_are_not_served_in_the_hour_that_may_be_the_month_s_peak_by_a_new_plan_nor_by_one_in_force() -> None:
    """Tokens earn 1,080 USD/MWh at most, and a megawatt-hour at the peak costs 15,000."""
    now = asked(run_of(peaks=(CHARGE,)), demand=[60_000.0, 60_000.0, *[30_000.0] * 22], tokens_per_h=1e12)
    assert peak_price_now(now)[WEST] > 5_000.0
    plan = Lp().plan(now)
    later = replace(now, world=replace(now.world, tick=1), observation=replace(now.observation, tick=1))
    after = followed(plan_in_force_of(plan, now), later)
    for done in (plan.steps[0], plan.steps[1], after.steps[1]):
        assert done.merchant_mw[:, WEST].sum() == done.miners_mw[WEST].sum() == 0.0
    assert plan.steps[0].merchant_mw.sum() > 0.0, "elsewhere they are"
    assert plan.steps[2].merchant_mw[:, WEST].sum() > 5.0


def test_adders_and_peaks_count_in_backtests_too_which_compute_conditions_ahead() -> None:
    of = run_of(adders=(AdderCharge(site=WEST, usd_per_mwh=4.0),), peaks=(CHARGE,))
    now = asked(of, demand=[60_000.0, *[40_000.0] * 23])
    (outlook,) = outlooks_of([now.observation], [now.forecast], of)
    ahead = problem_in(of, now.world, outlook)
    assert ahead.conditions.grid_cost_usd_per_mwh.tolist() == now.conditions.grid_cost_usd_per_mwh.tolist()
    assert Rules().plan(ahead).steps[0].miners_mw[WEST].sum() == 0.0
    assert (
        Rules().plan(asked(of, demand=[40_000.0] * 2 + [60_000.0] + [40_000.0] * 21)).steps[0].miners_mw[WEST].sum()
        > 10.0
    )


def test_a_plan_raises_a_peak_only_where_the_days_left_pay_for_it_and_the_tick_keeps_to_it() -> None:
    """Miners gain some 80 USD/MWh: at 10 USD/MW and month a new peak pays.

    At 300,000 it does not pay in a month.
    """
    cheap, dear = (
        run_of(demand=(DemandCharge(site=WEST, usd_per_mw_month=rate, interval_minutes=60),)) for rate in (10.0, 3e5)
    )
    assert Lp().plan(asked(cheap)).steps[0].miners_mw[WEST].sum() > 10.0
    plan = Lp().plan(asked(dear))
    assert plan.steps[0].miners_mw[WEST].sum() == 0.0
    now = asked(dear)
    done = advance(now.world, now.observation, plan.steps[0], dear)
    assert done.allocation.drawn_mw[WEST] == pytest.approx(0.0, abs=1e-5)
    state = now.world.power
    assert state is not None
    paid = replace(now, world=replace(now.world, power=replace(state, peak_mw=np.array([6.0]))))
    after = advance(paid.world, paid.observation, Lp().plan(paid).steps[0], dear)
    assert after.allocation.drawn_mw[WEST] == pytest.approx(6.0, abs=1e-5), "what is paid for already is free"


def test_the_hours_of_the_next_month_have_a_peak_of_their_own() -> None:
    """June ends at WEST after five hours; its peak is paid for, and July's is not."""
    of = run_of(demand=(DemandCharge(site=WEST, usd_per_mw_month=3e5, interval_minutes=60),))
    now = asked(of)
    state = now.world.power
    assert state is not None
    paid = replace(now, world=replace(now.world, power=replace(state, peak_mw=np.array([6.0]))))
    powers = [there.power for there in Lp().plan(paid).steps]
    limits = [float(power.draw_limit_mw[WEST]) for power in powers if power is not None]
    assert limits == pytest.approx([6.0] * 5 + [0.0] * 19, abs=1e-5)


def test_the_first_plan_of_a_month_does_not_take_the_month_before_for_its_own() -> None:
    """July begins at WEST with tick 5, whose plan is made before the state is turned over."""
    of = run_of(demand=(DemandCharge(site=WEST, usd_per_mw_month=3e5, interval_minutes=60),))
    now = asked(of)
    state = now.world.power
    assert state is not None
    last = replace(state, peak_mw=np.array([6.0]), month_number=month_numbers(of.fleet, of.grid.epoch_h(4)))
    turned = replace(now, world=replace(now.world, tick=5, power=last))
    power = Lp().plan(turned).steps[0].power
    assert power is not None
    assert power.draw_limit_mw[WEST] == pytest.approx(0.0, abs=1e-5)


def test_each_demand_charge_of_a_site_limits_its_own_hours() -> None:
    """It is 19:00 at WEST: a dear charge counts from 20:00 to 22:00, a cheap one always."""
    evening = TermTimes(hour_numbers=(20, 21))
    of = run_of(
        demand=(
            DemandCharge(site=WEST, usd_per_mw_month=1.0, interval_minutes=60),
            DemandCharge(site=WEST, usd_per_mw_month=3e5, interval_minutes=60, times=evening),
        )
    )
    plan = Lp().plan(asked(of))
    mined = [float(there.miners_mw[WEST].sum()) for there in plan.steps[:4]]
    assert mined[1] == mined[2] == 0.0
    assert min(mined[0], mined[3]) > 10.0
    assert plan.objective_usd == pytest.approx(plan.bound_usd)


BLOCK_OF_FIVE = SupplyContract(
    site=WEST, kind=BLOCK, power_mw=5.0, price_usd_per_mwh=60.0, sellback_spread_share=0.5, hourly_share=(1.0,) * 24
)


def test_rules_do_not_raise_a_peak_that_the_hours_ahead_do_not_pay_for() -> None:
    """It is the last day of the month at WEST: miners gain some 70 USD/MWh, 350 USD in its five hours."""
    dear, cheap = (
        run_of(demand=(DemandCharge(site=WEST, usd_per_mw_month=rate, interval_minutes=60),)) for rate in (1e3, 10.0)
    )
    for of, most in ((dear, 6.0), (cheap, 100.0)):
        now = asked(of)
        state = now.world.power
        assert state is not None
        now = replace(now, world=replace(now.world, power=replace(state, peak_mw=np.array([6.0]))))
        done = advance(now.world, now.observation, Rules().plan(now).steps[0], of)
        drawn = float(done.allocation.drawn_mw[WEST])
        assert drawn == pytest.approx(6.0, abs=1e-5) if most == 6.0 else drawn > 10.0


def drawn_mw(of: RunConfig, price: float) -> float:
    """Power that a plan's first step draws at WEST."""
    now = asked(of, price=price)
    done = advance(now.world, now.observation, Lp().plan(now).steps[0], of)
    return float(done.allocation.drawn_mw[WEST])


def test_what_is_contracted_runs_where_selling_it_would_bring_less_than_the_load_is_worth() -> None:
    """At 200 USD/MWh no miner buys power, but half of that is less than a miner earns."""
    assert drawn_mw(run_of(supplies=(BLOCK_OF_FIVE,)), 200.0) == pytest.approx(5.0, abs=1e-4)
    assert drawn_mw(run_of(), 200.0) == pytest.approx(0.0, abs=1e-4)
    assert drawn_mw(run_of(supplies=(BLOCK_OF_FIVE,)), 400.0) == pytest.approx(0.0, abs=1e-4), "selling brings 200"
    free = replace(BLOCK_OF_FIVE, sellback_spread_share=0.0)
    assert drawn_mw(run_of(supplies=(free,)), 200.0) == pytest.approx(0.0, abs=1e-4)


def test_power_as_produced_runs_in_the_hours_of_its_profile() -> None:
    """It is 19:00 at WEST; the contract has power from 20:00 to 22:00."""
    evening = tuple(float(hour in (20, 21)) for hour in range(24))
    of = run_of(supplies=(replace(BLOCK_OF_FIVE, kind=AS_PRODUCED, hourly_share=evening),))
    mined = [float(there.miners_mw[WEST].sum()) for there in Lp().plan(asked(of, price=200.0)).steps[:4]]
    assert mined[0] == mined[3] == 0.0
    assert min(mined[1], mined[2]) > 4.0


def test_energy_of_a_take_or_pay_contract_costs_the_price_to_come_or_nothing_where_it_is_paid_for_anyway() -> None:
    """Noon costs 900 USD/MWh, the other hours 20: an hour's energy is as good as that of any other."""
    year = SupplyContract(site=WEST, kind=TAKE_OR_PAY, price_usd_per_mwh=30.0, energy_mwh_per_year=5e6)
    prices = [900.0, *[20.0] * 23]
    plain, contracted = (Lp().plan(asked(of, price=prices)) for of in (run_of(), run_of(supplies=(year,))))
    assert plain.steps[0].miners_mw[WEST].sum() == 0.0
    assert contracted.steps[0].miners_mw[WEST].sum() > 5.0
    dear = asked(run_of(supplies=(year,)), price=900.0)
    assert Lp().plan(dear).steps[0].miners_mw[WEST].sum() == 0.0, "it would be bought later at 900"
    late = replace(dear, world=replace(dear.world, tick=48))
    assert Lp().plan(late).steps[0].miners_mw[WEST].sum() > 5.0, "nothing was taken in two days"


@pytest.mark.parametrize(("ahead_h", "share"), [(-30.0, 0.0), (-12.0, 0.25), (0.0, 0.5), (6.0, 0.625), (24.0, 1.0)])
def test_energy_of_a_year_rises_in_worth_from_a_day_behind_its_pace_to_a_day_ahead(
    ahead_h: float, share: float
) -> None:
    """A worth of nothing or all would take load on and off with each plan, and raise the peak that is billed."""
    year = SupplyContract(site=WEST, kind=TAKE_OR_PAY, price_usd_per_mwh=30.0, energy_mwh_per_year=8_760e3)
    problem = asked(run_of(supplies=(year,)), price=[100.0] * 12 + [60.0] * 12)
    state = problem.world.power
    assert state is not None
    late = replace(problem.world, tick=48, power=replace(state, taken_mwh=np.array([1e3 * (48.0 + ahead_h)])))
    prices = problem.forecast.energy_price_usd_per_mwh
    more = take_or_pay_usd_per_mwh(replace(problem, world=late), prices, np.ones(len(prices)))
    assert (prices + more)[:, WEST] == pytest.approx(80.0 * share)


BATTERY = SiteBattery(
    site=WEST, power_mw=2.0, energy_mwh=4.0, efficiency_in_share=0.95, efficiency_out_share=0.95, wear_usd_per_mwh=1.0
)


def test_a_battery_is_charged_in_cheap_hours_and_ends_where_it_began() -> None:
    of = run_of(batteries=(BATTERY,))
    plan = Lp().plan(asked(of, price=[50.0] * 6 + [20.0] * 6 + [120.0] * 6 + [50.0] * 6))
    powers = [there.power for there in plan.steps]
    net = np.array([power.discharge_mw[WEST] - power.charge_mw[WEST] for power in powers if power is not None])
    assert net[6:12].sum() < -3.0
    assert net[12:18].sum() > 3.0
    stored = 2.0 + np.cumsum(np.where(net < 0.0, -net * 0.95, -net / 0.95))
    assert stored[-1] == pytest.approx(2.0, abs=1e-5)
    cheap = with_simple_power(step(of), asked(of, price=[20.0, *[50.0] * 17, *[120.0] * 6])).power
    dear = with_simple_power(step(of), asked(of, price=[120.0, *[50.0] * 17, *[20.0] * 6])).power
    assert cheap is not None
    assert dear is not None
    assert (cheap.charge_mw[WEST], cheap.discharge_mw[WEST]) == (2.0, 0.0)
    assert (dear.charge_mw[WEST], dear.discharge_mw[WEST]) == (0.0, 2.0)


def test_a_battery_rests_where_the_spread_does_not_pay_for_losses_and_wear() -> None:
    """Energy bought at 50 costs 55.4 USD/MWh when it is delivered, and its wear: at 60 that leaves 4.6."""
    price = [50.0] * 12 + [60.0] * 12
    for wear_usd_per_mwh, moves in ((4.0, True), (5.0, False)):
        plan = Lp().plan(asked(run_of(batteries=(replace(BATTERY, wear_usd_per_mwh=wear_usd_per_mwh),)), price=price))
        delivered = sum(there.power.discharge_mw[WEST] for there in plan.steps if there.power is not None)
        assert (delivered > 0.1) == moves


def test_financial_contracts_change_no_plan() -> None:
    price = [20.0] * 8 + [500.0] * 8 + [50.0] * 8
    fixed = SupplyContract(site=WEST, kind=CFD, power_mw=10.0, price_usd_per_mwh=40.0)
    collar = SupplyContract(site=WEST, kind=COLLAR, power_mw=10.0, price_usd_per_mwh=60.0, floor_usd_per_mwh=30.0)
    plain, hedged = (Lp().plan(asked(run_of(supplies=held), price=price)) for held in ((), (fixed, collar)))
    assert hedged.objective_usd == plain.objective_usd
    for one, other in zip(plain.steps, hedged.steps, strict=True):
        assert (one.miners_mw == other.miners_mw).all()


def test_what_runs_and_may_stop_is_sold_to_the_product_that_pays_and_fast_ones_take_what_is_fast() -> None:
    slow = ReserveProduct(id="slow", kind="reserve", sites=(0, 1, 2), response_s=600.0, duration_minutes=60)
    fast = replace(slow, id="fast", response_s=5.0)
    of = run_of(products=(slow, fast), batteries=(BATTERY,))
    now = asked(of, reserve=4.0)
    for plan in (Lp().plan(now), Rules().plan(now)):
        done = advance(now.world, now.observation, plan.steps[0], of).allocation
        assert done.power is not None
        assert done.power.award_mw[:, WEST].sum() > 11.0
        assert (done.power.award_mw[1] <= of.fleet.power.battery_power_mw + 1e-9).all()  # type: ignore[union-attr]
    idle = replace(asked(of), world=replace(first_world(of)))
    assert START.tzinfo is not None
    assert not advance(idle.world, idle.observation, step(of), of).allocation.power.award_mw.any()  # type: ignore[union-attr]


def test_a_quote_pays_for_the_power_that_its_racks_had_sold_to_a_product() -> None:
    """A megawatt of racks draws 1.03 MW at NORTH, for which a product pays 4 USD an hour while tokens are served."""
    slow = ReserveProduct(id="slow", kind="reserve", sites=(0, 1, 2), response_s=600.0, duration_minutes=60)
    request = QuoteRequest(tier="standard", power_mw=1.0, duration_h=4.0)
    costs = []
    for paid in (0.0, 4.0):
        given = asked(run_of(products=(slow,)), reserve=paid, tokens_per_h=1e12)
        nothing = OutageRecord(seen_ticks=0, lost_ticks=np.zeros(3), fall_count=np.zeros(3, dtype=np.int64))
        context = QuoteContext(problem=given, before=solution_of(given), waiting=(), record=nothing)
        quote = quote_of(request, 4, context, quote_id="q-1")
        assert quote.exact_cost_usd_per_mwh is not None
        assert quote.landing is not None
        costs.append(quote.exact_cost_usd_per_mwh)
        assert "with what grid products would pay for load there" in quote.landing.why
    assert costs[1] - costs[0] == pytest.approx(4.0 * 1.03, abs=0.2), costs


def test_a_plan_sells_whole_blocks_and_counts_what_it_could_not_sell() -> None:
    """Miners draw 11.6 MW at WEST: two blocks of 5 MW, and no bid of 12."""
    slow = ReserveProduct(id="slow", kind="reserve", sites=(WEST,), response_s=600.0, duration_minutes=60)
    awards, lost = [], []
    for product in (slow, replace(slow, block_mw=5.0), replace(slow, minimum_bid_mw=12.0)):
        plan = Lp().plan(asked(run_of(products=(product,)), reserve=8.0))
        power = plan.steps[0].power
        assert power is not None
        assert plan.objective_usd is not None
        assert plan.bound_usd is not None
        awards.append(float(power.award_mw[0, WEST]))
        lost.append(plan.bound_usd - plan.objective_usd)
    assert awards == pytest.approx([11.5915, 10.0, 0.0], abs=1e-4)
    assert lost == pytest.approx([0.0, 24 * 8.0 * 1.5915, 24 * 8.0 * 11.5915], rel=1e-3, abs=1e-4)


def test_a_battery_with_a_daily_limit_is_planned_within_it() -> None:
    """It delivers 3 of 4 MWh a day; 1 was delivered since midnight UTC, two hours ago."""
    of = run_of(batteries=(replace(BATTERY, daily_cycles_count=0.75, end_share=0.0),))
    now = asked(of, price=[150.0] * 22 + [100.0, 160.0])
    state = now.world.power
    assert state is not None
    before = replace(state, stored_mwh=np.array([4.0, 0.0, 0.0]), delivered_mwh=np.array([1.0, 0.0, 0.0]))
    plan = Lp().plan(replace(now, world=replace(now.world, tick=2, power=before)))
    today = [power.discharge_mw[WEST] for power in (there.power for there in plan.steps[:22]) if power is not None]
    assert sum(today) == pytest.approx(2.0, abs=1e-5)


def test_the_risk_of_the_next_day_is_told_by_the_clock_hour() -> None:
    """At 00:30 the first hour is a half one; the highest demand comes at 04:00."""
    half_past = replace(run_of(peaks=(CHARGE,)).grid, start=START + timedelta(minutes=30), tick_minutes=30)
    of = replace(run_of(peaks=(CHARGE,)), grid=half_past)
    told = risk_of_next_day(asked(of, demand=[40_000.0] * 4 + [50_000.0] + [40_000.0] * 19))
    assert told.shape == (24, 3)
    assert told[:, WEST].argmax() == 4
