"""The power contract in the linear program equals a second model; no rule breaks.

The second model has whole numbers.
"""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from mara.errors import PlanRejected
from mara.optimizers.lp.accounting import profit_usd
from mara.optimizers.lp.bound import alike_merged, bound_of
from mara.optimizers.lp.case import LpCase, check
from mara.optimizers.lp.decomposition.master import solve_split
from mara.optimizers.lp.duals import contract_prices_of, shadow_of
from mara.optimizers.lp.model import model_of
from mara.optimizers.lp.optimizer import shifted
from mara.optimizers.lp.power_contract import Batteries
from mara.optimizers.lp.schedule import Schedule, net_site_mw, peaks_mw
from mara.optimizers.lp.solve import Solution, solve
from mara.optimizers.lp.staged.one_way import solve_one_way
from mara.optimizers.problem_answer import schedule_of
from tests.optimizers.lp_cases import random_case
from tests.optimizers.power_cases import power_case
from tests.optimizers.power_oracle import optimum_usd
from tests.optimizers.power_rules import DUST, broken_rules

SEEDS = range(50)


def solved(case: LpCase) -> tuple[Solution, Schedule]:
    """The optimum of a case, and its schedule."""
    model = model_of(case)
    solution = solve_one_way(model, case)
    return solution, schedule_of(solution.primal_mw, model.columns, case)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_optimum_is_that_of_a_second_model_with_whole_numbers(seed: int) -> None:
    case = power_case(seed)
    check(case)
    solution, schedule = solved(case)
    best = optimum_usd(case)
    assert solution.certificate.objective_usd == pytest.approx(best, rel=1e-9, abs=1e-6)
    assert solution.certificate.bound_usd >= best - 1e-6 - 1e-9 * abs(best)
    assert solution.certificate.residual_mw < DUST
    assert profit_usd(schedule, case) == pytest.approx(solution.certificate.objective_usd, rel=1e-9, abs=1e-5)
    assert broken_rules(schedule, case) == []


def battery_case(prices: list[float], **changes: float) -> LpCase:
    """One battery of 1 MW and 1 MWh, half full at first and free at the end.

    Half of the energy is lost on the way in.
    """
    case = power_case(0)
    contract = case.power_contract
    assert contract is not None
    one, h = np.ones(1), len(prices)
    battery = Batteries(
        power_mw=one,
        energy_mwh=one,
        efficiency_in_share=0.5 * one,
        efficiency_out_share=one,
        wear_usd_per_mwh=changes.get("wear_usd_per_mwh", 0.0) * one,
        start_mwh=0.5 * one,
        end_mwh=None,
    )
    terms = replace(
        contract,
        export_limit_mw=one,
        export_fee_usd_per_mwh=0.0 * one,
        adder_usd_per_mwh=np.zeros((h, 1)),
        battery=battery,
        demand_charge=None,
        products=(),
    )
    return replace(
        case,
        dt_h=np.ones(h),
        price_usd_per_mwh=np.array(prices)[:, None],
        carbon_t_per_mwh=np.zeros((h, 1)),
        pue=np.ones((h, 1, 5)),
        grid_limit_mw=one,
        hedge_mw=0.0 * one,
        available_mw=np.zeros((h, 1, 5)),
        mining_value_usd_per_mwh=np.zeros((h, 3)),
        token_value_usd_per_mwh=np.zeros((h, 1, 1, 2)),
        demand_tokens_per_h=np.zeros((h, 1)),
        demand_mw=np.zeros((h, 4)),
        shed_limit_mw=np.zeros((h, 3)),
        breakable_mw=np.zeros((h, 3)),
        unbacked_mw=np.zeros(h),
        served_now_mw=np.zeros((1, 3)),
        miners_now_mw=np.zeros(1),
        power_contract=terms,
    )


@pytest.mark.parametrize("prices", [[10, 50, 20, 80], [-40, -10, 30, -60], [-5, -5, -5, -5], [90, 10, 10, 95]])
def test_no_way_of_running_a_battery_in_half_megawatts_is_better_and_one_is_as_good(prices: list[float]) -> None:
    case = battery_case(prices, wear_usd_per_mwh=2.0)
    best = -np.inf
    for net in product([-1.0, -0.5, 0.0, 0.5, 1.0], repeat=len(prices)):
        bought, energy = np.array(net), 0.5 + np.cumsum([0.5 * mw if mw > 0.0 else mw for mw in net])
        if ((energy >= 0.0) & (energy <= 1.0)).all():
            best = max(best, float(-bought @ prices - 2.0 * np.maximum(-bought, 0.0).sum()))
    assert solved(case)[0].certificate.objective_usd == pytest.approx(best, abs=1e-9)


def test_energy_is_never_burnt_in_a_battery_and_the_gap_says_what_that_costs() -> None:
    case = battery_case([-50.0, -50.0, -50.0])
    solution, schedule = solved(case)
    assert schedule.power is not None
    assert np.minimum(schedule.power.charge_mw, schedule.power.discharge_mw).max() == 0.0
    # Charge 1 MW and be full, deliver half of it for 25 USD, and charge again.
    assert solution.certificate.objective_usd == pytest.approx(50.0 - 25.0 + 50.0)
    relaxed = solve(model_of(case)).certificate.objective_usd
    assert solution.certificate.bound_usd == pytest.approx(relaxed) == pytest.approx(50.0 * 5.0 / 3.0)
    assert solution.status == "feasible"


def test_a_peak_is_paid_once_and_only_beyond_the_peak_so_far() -> None:
    case = power_case(0)
    contract = case.power_contract
    assert contract is not None
    assert contract.demand_charge is not None
    dear = replace(
        contract.demand_charge, usd_per_mw=np.full(case.sites, 1e5), counts=np.ones_like(contract.demand_charge.counts)
    )
    case = replace(case, power_contract=replace(contract, demand_charge=dear))
    _, schedule = solved(case)
    # A megawatt of peak costs more than any load earns in a day.
    assert peaks_mw(net_site_mw(schedule, case), case, dear) == pytest.approx(dear.peak_so_far_mw)
    free = replace(dear, usd_per_mw=np.zeros(case.sites))
    without = solved(replace(case, power_contract=replace(contract, demand_charge=free)))
    none = solved(replace(case, power_contract=replace(contract, demand_charge=None)))
    assert without[0].certificate.objective_usd == pytest.approx(none[0].certificate.objective_usd, rel=1e-9)


def test_what_one_more_unit_is_worth_is_what_the_optimum_gains_by_it() -> None:
    case = power_case(5)
    model = model_of(case)
    solution, contract = solve_one_way(model, case), case.power_contract
    prices = contract_prices_of(solution.row_duals_usd_per_unit, model, case)
    assert prices is not None
    assert contract is not None
    assert contract.demand_charge is not None
    assert contract.battery is not None
    small = 1e-4
    for s in range(case.sites):
        more = (contract.demand_charge.site == s) * small
        charge = replace(contract.demand_charge, peak_so_far_mw=contract.demand_charge.peak_so_far_mw + more)
        gained = _gain_usd(case, replace(contract, demand_charge=charge), solution)
        assert gained == pytest.approx(prices.peak_usd_per_mw[s] * small, abs=1e-6)
        rates = contract.demand_charge.usd_per_mw[contract.demand_charge.site == s]
        assert prices.peak_usd_per_mw[s] <= rates.sum() + 1e-6
    assert (prices.pledge_usd_per_mw_h >= -1e-9).all()
    shadow = shadow_of(solution.row_duals_usd_per_unit, model, case)
    assert np.isfinite(shadow.site_power_usd_per_mwh).all()


def _gain_usd(case: LpCase, contract: object, before: Solution) -> float:
    after, _ = solved(replace(case, power_contract=contract))  # type: ignore[arg-type]
    return after.certificate.objective_usd - before.certificate.objective_usd


@pytest.mark.parametrize("seed", [0, 4, 7])
def test_a_shifted_basis_of_another_hour_leads_to_the_same_optimum(seed: int) -> None:
    case, other = power_case(seed), power_case(seed)
    model = model_of(case)
    dearer = model_of(replace(other, price_usd_per_mwh=other.price_usd_per_mwh + 7.0))
    warm = solve_one_way(model, case, basis=shifted(solve(dearer).basis, model))
    assert warm.certificate.objective_usd == pytest.approx(solved(case)[0].certificate.objective_usd, rel=1e-9)


@pytest.mark.parametrize("seed", [0, 5, 12])
def test_the_bound_of_a_case_with_a_contract_is_no_less_than_its_optimum(seed: int) -> None:
    case = power_case(seed)
    assert alike_merged(case) is case
    most_usd, _ = bound_of(case)
    assert most_usd >= solved(case)[0].certificate.objective_usd - 1e-6


@pytest.mark.parametrize("seed", [0, 4, 8])
def test_blocks_of_sites_carry_their_contracts_with_them(seed: int) -> None:
    case = power_case(seed)
    whole, exact = solve_split(case, block_sites=2, workers=1), solved(case)[0]
    dust = 1e-6 + 1e-8 * abs(exact.certificate.objective_usd)
    assert whole.certificate.objective_usd <= exact.certificate.objective_usd + dust
    assert whole.certificate.bound_usd >= exact.certificate.objective_usd - dust
    assert whole.contract_prices is not None
    assert whole.contract_prices.stored_usd_per_mwh.shape == (case.steps, case.sites)
    schedule = schedule_of(whole.primal_mw, model_of(case).columns, case)
    assert broken_rules(schedule, case) == []
    assert profit_usd(schedule, case) == pytest.approx(whole.certificate.objective_usd, rel=1e-9, abs=1e-5)


def test_a_case_without_a_contract_has_none_of_its_columns_and_rows() -> None:
    case = power_case(0)
    model, plain = model_of(replace(case, power_contract=None)), model_of(random_case(0))
    assert model.columns.width == plain.columns.width
    assert np.array_equal(model.matrix.data, plain.matrix.data)
    assert not model.families.keys() & {"stored", "one_way", "site_peak", "pledged", "sold_racks", "sold_power"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"export_fee_usd_per_mwh": np.full(1, -1.0)}, "must not bring more than it costs"),
        ({"adder_usd_per_mwh": np.full((2, 1), -5.0)}, "must not bring more than it costs"),
        ({"adder_usd_per_mwh": np.zeros((1, 1))}, "adder_usd_per_mwh must have shape"),
        ({"export_limit_mw": np.full(1, np.nan)}, "export_limit_mw must be finite"),
        ({"export_limit_mw": np.full(1, -1.0)}, "export_limit_mw must not be negative"),
    ],
)
def test_terms_that_earn_money_from_nothing_or_make_no_sense_are_refused(changes: dict[str, object], said: str) -> None:
    case = battery_case([10.0, 20.0])
    assert case.power_contract is not None
    with pytest.raises(PlanRejected, match=said):
        check(replace(case, power_contract=replace(case.power_contract, **changes)))  # type: ignore[arg-type]


def test_an_end_that_the_battery_cannot_reach_is_refused_and_one_that_it_can_is_not() -> None:
    case = battery_case([10.0])
    contract = case.power_contract
    assert contract is not None
    assert contract.battery is not None
    for end_mwh in (0.0, 0.5, 1.0):
        battery = replace(contract.battery, end_mwh=np.array([end_mwh]))
        check(replace(case, power_contract=replace(contract, battery=battery)))
    slow = replace(contract.battery, power_mw=np.array([0.2]), end_mwh=np.array([1.0]))
    with pytest.raises(PlanRejected, match=r"within reach, got 1 at site 0.*0.3 to 0.6 MWh after 1 h"):
        check(replace(case, power_contract=replace(contract, battery=slow)))
