"""`mara plan` with a power contract: solved by hand, every field, and bad files."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import ran
from tests.cli.test_plan import BY_HAND, planned, refused, with_

BATTERY: dict[str, Any] = {
    "power_mw": [1.0],
    "energy_mwh": [2.0],
    "efficiency_in_share": [0.8],
    "efficiency_out_share": [1.0],
    "wear_usd_per_mwh": [5.0],
    "start_mwh": [0.0],
    "end_mwh": None,
}
CHARGE: dict[str, Any] = {"usd_per_mw": [1_000.0], "peak_so_far_mw": [6.0], "counts": [[True], [True]]}
PRODUCT: dict[str, Any] = {
    "id": "spinning",
    "price_usd_per_mw_h": [[10.0], [0.0]],
    "duration_h": 1.0,
    "expected_deployment_share": 0.1,
    "deployment_usd_per_mwh": 50.0,
}
NO_MACHINES: dict[str, Any] = {
    "available_mw": [[0.0] * 5],
    "demand_mw": [[0.0, 0.0]] * 4,
    "served_now_mw": [[0.0, 0.0, 0.0]],
    "carbon_price_usd_per_t": 0.0,
}
"""A site that has a connection, and no load of any kind."""


def test_a_site_without_machines_plans_and_earns_nothing(here: Path) -> None:
    found = planned(here, with_(**NO_MACHINES))
    assert (found["status"], found["objective_usd"]) == ("optimal", pytest.approx(0.0))


def test_a_battery_alone_buys_cheap_and_feeds_in_dear(here: Path) -> None:
    found = planned(here, with_(**NO_MACHINES, battery=BATTERY, export_limit_mw=[1.0], export_fee_usd_per_mwh=[2.0]))
    # 1 MWh at 40 USD puts 0.8 MWh in store; they bring 100 - 2 and wear 5.
    assert found["objective_usd"] == pytest.approx(0.8 * (100 - 2 - 5) - 40)
    assert found["battery"] == {
        "charge_mw": [[pytest.approx(1.0)], [0.0]],
        "discharge_mw": [[0.0], [pytest.approx(0.8)]],
        "energy_mwh": [[pytest.approx(0.8)], [pytest.approx(0.0)]],
    }
    assert found["exported_mw"] == [[0.0], [pytest.approx(0.8)]]
    assert (found["bought_mw"], found["sold_mw"]) == ([[pytest.approx(1.0)], [0.0]], [[0.0], [0.0]])
    assert (found["peak_mw"], found["award_mw"]) == ([pytest.approx(1.0)], {})
    assert found["duals"]["stored_usd_per_mwh"][0] == [pytest.approx(93.0)]


def test_a_battery_that_may_not_feed_in_serves_the_load_beside_it(here: Path) -> None:
    found = planned(here, with_(battery=BATTERY))
    plain = planned(here, BY_HAND)
    # Power and carbon cost 50, then 110 USD/MWh; the connection has a megawatt left in the first hour.
    assert found["objective_usd"] - plain["objective_usd"] == pytest.approx(0.8 * (110 - 5) - 50)
    assert found["exported_mw"] == [[0.0], [0.0]]
    assert found["bought_mw"] == [[pytest.approx(10.0)], [pytest.approx(5.0 - 0.8)]]


def test_an_adder_is_part_of_the_price(here: Path) -> None:
    dear, plain = planned(here, with_(adder_usd_per_mwh=[[31.0], [0.0]])), planned(here, BY_HAND)
    # Miners earn 80 and would pay 81; the contract and the tokens go on and pay 31 on 5 MWh.
    assert dear["it_power_mw"][0] == [pytest.approx([0, 0, 0, 1, 0])]
    assert plain["objective_usd"] - dear["objective_usd"] == pytest.approx(4 * (80 - 50 - 3) + 5 * 31)


def test_a_peak_costs_what_it_exceeds_the_peak_so_far_by(here: Path) -> None:
    found = planned(here, with_(demand_charge=CHARGE))
    # Beyond 6 MW nothing is worth 1,000 USD a megawatt: one megawatt of miners runs, and not four.
    assert found["peak_mw"] == [pytest.approx(6.0)]
    assert found["it_power_mw"][0] == [pytest.approx([1, 0, 0, 1, 0])]
    assert found["objective_usd"] == pytest.approx(1_508.0 - 3 * (80 - 50 - 3))
    assert found["duals"]["peak_usd_per_mw"] == [pytest.approx(27.0)]
    cheap = planned(here, with_(demand_charge={**CHARGE, "usd_per_mw": [20.0], "counts": [[1], [0]]}))
    assert cheap["objective_usd"] == pytest.approx(1_508.0 - 3 * 20)
    assert cheap["peak_mw"] == [pytest.approx(9.0)]
    uncounted = planned(here, with_(demand_charge={**CHARGE, "counts": [[False], [True]]}))
    assert uncounted["objective_usd"] == pytest.approx(1_508.0)


def test_load_that_may_stop_is_sold_at_the_meter_and_standard_is_not(here: Path) -> None:
    found = planned(here, with_(products=[PRODUCT]))
    # Miners: 10 + 0.1 (50 - 30 of margin); tokens with PUE 1.25: 1.25 (10 + 5) - 0.1 (200 - 62.5). In the second
    # hour the product pays for energy alone: 1.25 x 5 - 0.1 (200 - 137.5) is nothing.
    first = 4 * (10 + 0.1 * (50 - 30)) + 1.25 * 15 - 0.1 * 137.5
    assert found["objective_usd"] == pytest.approx(1_508.0 + first)
    assert found["award_mw"]["spinning"][0] == [pytest.approx(4 + 1.25)]
    assert found["battery"] is None
    assert found["duals"]["pledge_usd_per_mw_h"][0] == [pytest.approx(12.0)]


def test_a_megawatt_is_sold_to_the_product_that_pays_more_for_it(here: Path) -> None:
    better = {**PRODUCT, "id": "slow", "price_usd_per_mw_h": [[11.0], [3.0]]}
    found = planned(here, with_(products=[PRODUCT, better]))
    assert found["award_mw"]["spinning"] == [[0.0], [0.0]]
    assert found["award_mw"]["slow"][0] == [pytest.approx(5.25)]


def test_rules_leave_the_battery_and_pay_for_the_peak(here: Path) -> None:
    found = planned(
        here, with_(battery=BATTERY, demand_charge={**CHARGE, "usd_per_mw": [20.0]}), "--optimizer", "rules"
    )
    assert found["objective_usd"] == pytest.approx(1_508.0 - 3 * 20)
    assert found["battery"]["energy_mwh"] == [[0.0], [0.0]]
    assert found["duals"]["peak_usd_per_mw"] is None


def test_the_problem_with_a_contract_that_comes_with_mara_uses_every_part_of_it() -> None:
    found = ran("plan", "--problem", "two_sites_battery_and_reserve", "--json").report
    assert found["gap_share"] < 1e-2
    battery = found["battery"]
    assert battery["energy_mwh"][-1] == pytest.approx([10.0, 6.0])
    assert all(sum(map(sum, battery[name])) > 1.0 for name in ("charge_mw", "discharge_mw"))
    assert found["peak_mw"][1] >= 42.0
    assert all(sum(map(sum, award)) > 1.0 for award in found["award_mw"].values())
    assert sum(map(sum, found["exported_mw"])) > 1.0


def test_a_battery_that_nothing_can_empty_is_told_by_its_cause(here: Path) -> None:
    # Racks could take its energy, but nobody asks for them, and burning it is not allowed.
    full = {**BATTERY, "start_mwh": [0.2], "end_mwh": [0.0], "energy_mwh": [1.0]}
    file = here / "problem.json"
    problem = with_(**(NO_MACHINES | {"available_mw": [[0.0, 0.0, 0.0, 6.0, 0.0]], "token_demand": [0.0, 0.0]}))
    file.write_text(json.dumps(problem | {"battery": full}), encoding="utf-8")
    outcome = ran("plan", "--problem", str(file))
    assert outcome.exit_code == 1
    assert "no battery that charges or discharges alone keeps all limits: is end_mwh within reach?" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_without_any_field_of_the_contract_the_answer_is_what_it_was(here: Path) -> None:
    assert not planned(here, BY_HAND).keys() & {"battery", "peak_mw", "award_mw", "exported_mw"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"battery": {**BATTERY, "colour": [1.0]}}, "battery.colour is unknown: the fields are power_mw,"),
        ({"battery": {"power_mw": [1.0]}}, "battery.energy_mwh, battery.efficiency_in_share"),
        ({"battery": [1.0]}, "battery must be an object with power_mw,"),
        ({"battery": {**BATTERY, "power_mw": [1.0, 2.0]}}, "battery.power_mw must have shape [1], got [2]"),
        ({"battery": {**BATTERY, "power_mw": [-1.0]}}, "battery.power_mw must not be negative, got -1"),
        ({"battery": {**BATTERY, "efficiency_in_share": [85.0]}}, "must be at most 1, got 85: a share, not percent"),
        ({"battery": {**BATTERY, "efficiency_out_share": [0.0]}}, "efficiency_out_share must be positive, got 0"),
        ({"battery": {**BATTERY, "start_mwh": [3.0]}}, "battery.start_mwh must not exceed energy_mwh, got 3 over 2"),
        ({"battery": {**BATTERY, "end_mwh": [2.0]}}, "battery.end_mwh must be within reach, got 2 at site 0"),
        ({"battery": {**BATTERY, "wear_usd_per_mwh": [float("nan")]}}, "battery.wear_usd_per_mwh must be finite"),
        ({"demand_charge": {**CHARGE, "counts": [[2], [0]]}}, "counts must hold true or false, got 2"),
        ({"demand_charge": {**CHARGE, "counts": [["yes"], [0]]}}, "counts must hold numbers"),
        ({"demand_charge": {**CHARGE, "usd_per_mw": None}}, "demand_charge.usd_per_mw must have shape [1], got null"),
        ({"products": {}}, "products must be a list, got {}"),
        ({"products": [{**PRODUCT, "id": ""}]}, 'products[0].id must be a name, got ""'),
        ({"products": [PRODUCT, PRODUCT]}, "products must have different ids"),
        ({"products": [{**PRODUCT, "duration_h": 0}]}, "products[0].duration_h must be positive, got 0"),
        ({"products": [{**PRODUCT, "expected_deployment_share": 2}]}, "must be at most 1, got 2"),
        ({"export_limit_mw": [-1.0]}, "export_limit_mw must not be negative"),
        ({"adder_usd_per_mwh": [[1.0]]}, "adder_usd_per_mwh must have shape [2, 1], got [1, 1]"),
        ({"exports_mw": [1.0]}, "exports_mw is unknown"),
        (
            {"battery": BATTERY, "export_limit_mw": [1.0], "export_fee_usd_per_mwh": [-11.0]},
            "energy that is fed in must not bring more than it costs, got 51 over 50 USD/MWh at site 0 in step 0",
        ),
    ],
)
def test_what_is_wrong_in_the_contract_is_named_in_one_line(here: Path, changes: dict[str, Any], said: str) -> None:
    assert said in refused(here, json.dumps(with_(**changes)))
