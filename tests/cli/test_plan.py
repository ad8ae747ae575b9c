"""`mara plan`: a problem solved by hand, every field of the answer, bad files."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mara.errors import PlanTimeout
from mara.optimizers import problem_answer
from mara.optimizers.lp.model import model_of
from mara.optimizers.lp.solve import solve
from mara.optimizers.problem_file import problem_of
from tests.cli.console import ran

BY_HAND: dict[str, Any] = {
    "dt_h": 1.0,
    "sites": ["oslo"],
    "price": [[40.0], [100.0]],
    "carbon_t_per_mwh": [[0.2], [0.2]],
    "pue": [[[1.0, 1.0, 1.0, 1.25, 1.25]]] * 2,
    "grid_limit_mw": [10.0],
    "available_mw": [[4.0, 0.0, 0.0, 6.0, 0.0]],
    "hedge_mw": [0.0],
    "mining_value_usd_per_mwh": [[80.0, 80.0, 80.0]] * 2,
    "token_value_usd_per_mwh": [200.0, 0.0],
    "token_per_mwh": [100.0, 1.0],
    "token_demand": [100.0, 100.0],
    "demand_mw": [[0.0, 0.0], [3.0, 3.0], [0.0, 0.0], [0.0, 0.0]],
    "budget_mwh": [0.0, 0.0, 0.0],
    "rate_usd_per_mwh": [525.0, 300.0, 180.0, 60.0],
    "credit_usd_per_mwh": [5250.0, 1500.0, 540.0],
    "migration_usd_per_mw": [40.0, 20.0, 8.0],
    "restart_usd_per_mw": 3.0,
    "sellback_spread": 0.05,
    "carbon_price_usd_per_t": 50.0,
    "served_now_mw": [[0.0, 3.0, 0.0]],
    "miners_now_mw": [0.0],
}
"""A problem of two hours whose optimum is computed by hand.

Power and carbon cost 50, then 110 USD/MWh. Standard runs at 3 MW, tokens at the 1 MW that is asked for; miners earn
80 and run in the first hour alone, for a start of 3 USD a megawatt.
"""


def with_(**changes: object) -> dict[str, Any]:
    return deepcopy(BY_HAND) | changes


def planned(here: Path, problem: dict[str, Any], *words: str) -> dict[str, Any]:
    file = here / "problem.json"
    file.write_text(json.dumps(problem), encoding="utf-8")
    outcome = ran("plan", "--problem", str(file), "--json", *words)
    assert (outcome.exit_code, outcome.err) == (0, "")
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def refused(here: Path, text: str) -> str:
    file = here / "problem.json"
    file.write_text(text, encoding="utf-8")
    outcome = ran("plan", "--problem", str(file), "--json")
    assert (outcome.exit_code, outcome.out) == (3, "")
    assert len(outcome.err.splitlines()) == 1
    return str(outcome.err)


@pytest.mark.parametrize("optimizer", ["lp", "rules"])
def test_a_problem_worked_by_hand_has_the_plan_and_the_profit_of_the_hand(here: Path, optimizer: str) -> None:
    found = planned(here, BY_HAND, "--optimizer", optimizer)
    first = 3 * (300 - 62.5) + 1 * (200 - 62.5) + 4 * (80 - 50 - 3)
    second = 3 * (300 - 137.5) + 1 * (200 - 137.5)
    assert found["objective_usd"] == pytest.approx(first + second) == pytest.approx(1_508.0)
    assert found["it_power_mw"] == [[pytest.approx([4, 0, 0, 1, 0])], [pytest.approx([0, 0, 0, 1, 0])]]
    assert found["contracts_mw"] == [[pytest.approx([0, 3, 0, 0])]] * 2
    assert found["bought_mw"] == [[pytest.approx(9.0)], [pytest.approx(5.0)]]
    assert found["sold_mw"] == [[0.0], [0.0]]


def test_the_linear_program_answers_with_every_field_its_bound_and_its_prices(here: Path) -> None:
    found = planned(here, BY_HAND)
    assert list(found) == [
        "optimizer",
        "status",
        "objective_usd",
        "bound_usd",
        "gap_share",
        "solve_s",
        "it_power_mw",
        "contracts_mw",
        "bought_mw",
        "sold_mw",
        "duals",
    ]
    assert (found["optimizer"], found["status"]) == ("lp", "optimal")
    assert found["bound_usd"] == pytest.approx(1_508.0)
    assert found["bound_usd"] >= found["objective_usd"]
    assert 0.0 <= found["gap_share"] < 1e-9
    assert found["solve_s"] > 0.0
    duals = found["duals"]
    assert duals["site_power_usd_per_mwh"] == [[pytest.approx(50.0)], [pytest.approx(110.0)]]
    # One more megawatt-hour of Standard costs its power, and brings its rate.
    assert duals["demand_usd_per_mwh"][1] == pytest.approx([62.5 - 300, 137.5 - 300])
    assert [len(row) for row in duals["demand_usd_per_mwh"]] == [2] * 4
    assert duals["budget_usd_per_mwh"][1] == pytest.approx(0.0)


def test_rules_answer_without_a_bound_and_without_prices(here: Path) -> None:
    found = planned(here, BY_HAND, "--optimizer", "rules")
    assert (found["optimizer"], found["status"]) == ("rules", "feasible")
    assert (found["bound_usd"], found["gap_share"]) == (None, None)
    assert found["duals"] == dict.fromkeys(("site_power_usd_per_mwh", "demand_usd_per_mwh", "budget_usd_per_mwh"))


def test_a_hedge_is_sold_back_where_it_is_worth_more_and_its_price_is_sunk(here: Path) -> None:
    found = planned(here, with_(hedge_mw=[8.0]))
    first = 900 + 200 + 320 - 4 * 3 - 1 * 40 - 9 * 10
    second = 900 + 200 + 3 * (100 - 5) - 5 * 10
    assert found["objective_usd"] == pytest.approx(first + second) == pytest.approx(2_613.0)
    assert found["bought_mw"] == [[pytest.approx(1.0)], [0.0]]
    assert found["sold_mw"] == [[0.0], [pytest.approx(3.0)]]
    # A megawatt-hour more is bought less, or sold more, and its carbon is saved either way.
    assert found["duals"]["site_power_usd_per_mwh"] == [[pytest.approx(50.0)], [pytest.approx(105.0)]]


def test_where_the_grid_binds_power_is_worth_what_it_would_earn(here: Path) -> None:
    found = planned(here, with_(grid_limit_mw=[7.0]))
    assert found["it_power_mw"][0][0] == pytest.approx([2, 0, 0, 1, 0])
    assert found["duals"]["site_power_usd_per_mwh"] == [[pytest.approx(80 - 3)], [pytest.approx(110.0)]]


def test_a_budget_is_spent_in_the_hour_where_running_costs_more_than_it_brings(here: Path) -> None:
    found = planned(here, with_(price=[[40.0], [1_000.0]], budget_mwh=[0.0, 2.0, 0.0], token_demand=[0.0, 0.0]))
    assert found["contracts_mw"] == [[pytest.approx([0, 3, 0, 0])], [pytest.approx([0, 1, 0, 0])]]
    assert found["duals"]["budget_usd_per_mwh"][1] == pytest.approx(1_010 * 1.25 - 300)


@pytest.mark.parametrize("optimizer", ["lp", "rules"])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 4e7, 1e15])
def test_tokens_may_be_counted_in_any_unit(here: Path, optimizer: str, unit: float) -> None:
    counted = with_(token_per_mwh=[100.0 * unit, unit], token_demand=[50.0 * unit, 0.0])
    found = planned(here, counted, "--optimizer", optimizer)
    assert [row[0][3] for row in found["it_power_mw"]] == pytest.approx([0.5, 0.0])


def test_a_demand_for_tokens_without_end_is_served_as_far_as_racks_go(here: Path) -> None:
    found = planned(here, with_(token_demand=[1e300, 1e300]))
    assert [row[0][3] for row in found["it_power_mw"]] == pytest.approx([3.0, 3.0])


def test_a_site_without_anything_has_a_plan_too(here: Path) -> None:
    found = planned(here, with_(available_mw=[[0.0] * 5], grid_limit_mw=[0.0], token_per_mwh=[0.0, 0.0]))
    assert found["objective_usd"] == pytest.approx(-2 * 3 * 1_500.0)
    assert found["status"] == "optimal"


def test_without_json_a_person_reads_a_summary(here: Path) -> None:
    file = here / "problem.json"
    file.write_text(json.dumps(BY_HAND), encoding="utf-8")
    out = ran("plan", "--problem", str(file)).out
    assert [line.split() for line in out.splitlines()][:4] == [
        ["optimizer", "lp"],
        ["status", "optimal"],
        ["objective_usd", "1,508.00"],
        ["bound_usd", "1,508.00"],
    ]
    assert ["oslo.contracts_mwh", "6"] in [line.split() for line in out.splitlines()]


def test_when_the_solver_fails_rules_answer_and_the_reason_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> None:
        raise PlanTimeout("no optimum within 1 s")

    monkeypatch.setattr(problem_answer, "solve_one_way", late)
    file = here / "problem.json"
    file.write_text(json.dumps(BY_HAND), encoding="utf-8")
    outcome = ran("plan", "--problem", str(file), "--json")
    assert outcome.exit_code == 0
    found = json.loads(outcome.out)
    assert (found["optimizer"], found["status"], found["bound_usd"]) == ("rules", "fallback", None)
    assert "lp: no optimum within 1 s" in outcome.err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"price": [[40.0], [float("nan")]]}, "price must be finite"),
        ({"price": [[40.0], [float("inf")]]}, "price must be finite"),
        ({"budget_mwh": [0.0, float("-inf"), 0.0]}, "budget_mwh must be finite"),
        ({"price": [[10**400], [1.0]]}, "price must be finite"),
        ({"price": [[1e13], [1.0]]}, "price must be within 1e+12"),
        ({"price": [[40.0]]}, "price must have shape [2, 1], got [1, 1]"),
        ({"price": [[40.0], []]}, "price must have shape [2, 1], got lists of different lengths"),
        ({"price": [40.0, 100.0]}, "price must have shape [2, 1], got [2]"),
        ({"pue": [[1.0] * 5] * 2}, "pue must have shape [2, 1, 5]"),
        ({"pue": [[[1.0, 1.0, 1.0, 0.9, 1.0]]] * 2}, "pue must be at least 1, got 0.9"),
        ({"demand_mw": [[0.0], [1.0], [0.0], [0.0]]}, "demand_mw must have shape [4, 2]"),
        ({"demand_mw": [[0.0] * 4] * 2}, "demand_mw must have shape [4, 2]"),
        ({"available_mw": [[-1.0, 0.0, 0.0, 6.0, 0.0]]}, "available_mw must not be negative, got -1"),
        ({"migration_usd_per_mw": [-40.0, 20.0, 8.0]}, "migration_usd_per_mw must not be negative"),
        ({"grid_limit_mw": ["10"]}, 'grid_limit_mw must hold numbers, got "10"'),
        ({"grid_limit_mw": [True]}, "grid_limit_mw must hold numbers, got true"),
        ({"grid_limit_mw": [None]}, "grid_limit_mw must hold numbers, got null"),
        ({"restart_usd_per_mw": None}, "restart_usd_per_mw must hold numbers, got null"),
        ({"restart_usd_per_mw": [3.0]}, "restart_usd_per_mw must be one number, got [1]"),
        ({"dt_h": 0.0}, "dt_h must be positive, got 0"),
        ({"hedge_mw": [11.0]}, "hedge_mw must not exceed grid_limit_mw, got 11 over 10 at oslo"),
        ({"sites": []}, "sites must be a list of at least one id"),
        ({"sites": ["oslo", "oslo"]}, "sites must be different ids"),
        ({"sites": "oslo"}, "sites must be a list of at least one id"),
        ({"token_demand": []}, "token_demand must be a list of 1 to 2,016 steps"),
        ({"token_demand": 5}, "token_demand must be a list of 1 to 2,016 steps, got 5"),
        ({"prices": [[1.0], [1.0]]}, "prices is unknown"),
    ],
)
def test_a_wrong_number_is_refused_by_the_name_of_its_field(
    here: Path, changes: dict[str, object], message: str
) -> None:
    assert f"problem.json: {message}" in refused(here, json.dumps(with_(**changes)))


@pytest.mark.parametrize("field", BY_HAND)
def test_a_missing_field_is_named(here: Path, field: str) -> None:
    problem = with_()
    del problem[field]
    assert f"{field} is missing" in refused(here, json.dumps(problem))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "one JSON object is expected"),
        ("[]", "one JSON object is expected, got []"),
        ("[" * 100_000, "one JSON object is expected"),
        ('{"dt_h": 1.0, "dt_h": 2.0}', "dt_h stands there twice"),
        (json.dumps(BY_HAND).replace("1508", "x").replace('"dt_h": 1.0', '"dt_h": 1e400'), "dt_h must be finite"),
        (json.dumps(BY_HAND).replace('"dt_h": 1.0', '"dt_h": -Infinity'), "dt_h must be finite"),
    ],
)
def test_what_is_not_a_problem_is_refused_in_one_line(here: Path, text: str, message: str) -> None:
    assert message in refused(here, text)


def test_a_file_that_is_not_there_is_an_input_error(here: Path) -> None:
    outcome = ran("plan", "--problem", str(here / "nowhere.json"))
    assert outcome.exit_code == 3
    assert "nowhere.json cannot be read" in outcome.err


def drawn(sites: int, hours: int) -> dict[str, Any]:
    """A fleet of sites of all sizes, with contracts for three quarters of their racks.

    Two megawatts are hedged at the first site.
    """
    draw = np.random.default_rng(5)
    available = draw.uniform(1.0, 9.0, (sites, 5))
    demand = available[:, 3:].sum() * 0.72 * np.array([0.2, 0.35, 0.3, 0.15])
    return with_(
        sites=[f"s{i}" for i in range(sites)],
        price=draw.normal(70.0, 40.0, (hours, sites)).tolist(),
        carbon_t_per_mwh=draw.uniform(0.0, 0.8, (hours, sites)).tolist(),
        pue=draw.uniform(1.03, 1.3, (hours, sites, 5)).tolist(),
        grid_limit_mw=available.sum(axis=1).tolist(),
        available_mw=available.tolist(),
        hedge_mw=[2.0, *[0.0] * (sites - 1)],
        mining_value_usd_per_mwh=[[130.0, 140.0, 170.0]] * hours,
        token_demand=[90.0 * sites] * hours,
        demand_mw=np.repeat(demand[:, None], hours, axis=1).tolist(),
        served_now_mw=np.zeros((sites, 3)).tolist(),
        miners_now_mw=[0.0] * sites,
    )


def check_limits(problem: dict[str, Any], found: dict[str, Any]) -> None:
    given = {name: np.array(value) for name, value in problem.items() if name != "sites"}
    own, contracts = np.array(found["it_power_mw"]), np.array(found["contracts_mw"])
    bought, sold = np.array(found["bought_mw"]), np.array(found["sold_mw"])
    draw_mw = (own * given["pue"]).sum(axis=2) + contracts.sum(axis=2) * given["pue"][:, :, 3]
    assert np.abs(draw_mw - given["hedge_mw"] - bought + sold).max() < 1e-6
    assert (draw_mw <= given["grid_limit_mw"] + 1e-6).all()
    racks_mw = given["available_mw"][:, 3:].sum(axis=1)
    assert (contracts.sum(axis=2) + own[:, :, 3:].sum(axis=2) <= racks_mw + 1e-6).all()
    assert (contracts.sum(axis=1) <= given["demand_mw"].T + 1e-6).all()


def test_ten_sites_over_a_day_keep_power_racks_and_demand(here: Path) -> None:
    problem = drawn(10, 24)
    found = planned(here, problem)
    check_limits(problem, found)
    assert found["status"] == "optimal"


def test_a_fleet_too_large_for_one_program_is_planned_in_blocks_with_a_certified_gap(here: Path) -> None:
    problem = drawn(160, 4)
    found = planned(here, problem)
    check_limits(problem, found)
    exact = solve(model_of(problem_of(json.dumps(problem)).case)).certificate
    assert found["objective_usd"] <= exact.objective_usd + 1e-6 * exact.objective_usd
    assert exact.objective_usd <= found["bound_usd"] + 1e-6 * exact.objective_usd
    assert found["gap_share"] == pytest.approx(1.0 - found["objective_usd"] / found["bound_usd"], abs=1e-12)
    assert 1e-6 < found["gap_share"] < 0.005
    assert (found["optimizer"], found["status"]) == ("lp", "feasible")
    sizes = {name: np.array(prices).shape for name, prices in found["duals"].items()}
    assert sizes == {
        "site_power_usd_per_mwh": (4, 160),
        "demand_usd_per_mwh": (4, 4),
        "budget_usd_per_mwh": (3,),
    }


def test_a_problem_that_comes_with_mara_is_listed_and_planned_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, *_ = ran("plan", "--list", "--json").report["problems"]
    assert (row["name"], row["steps"], len(row["sites"])) == ("four_markets_spike", 24, 4)
    assert "mara plan --problem four_markets_spike" in ran("plan", "--list").out
    report = ran("plan", "--problem", "four_markets_spike", "--json").report
    assert report["status"] == "optimal"
    assert report["gap_share"] < 1e-6
    monkeypatch.chdir(tmp_path)
    (tmp_path / "four_markets_spike").write_text("{}", encoding="utf-8")
    assert "a problem needs every field" in ran("plan", "--problem", "four_markets_spike").complaint


def test_without_a_problem_one_that_comes_with_mara_is_offered() -> None:
    refused = ran("plan")
    assert refused.exit_code == 2
    assert "try --problem four_markets_spike" in refused.complaint
    assert "comes with Mara: four_markets_spike" in ran("plan", "--problem", "four_market_spike").complaint
