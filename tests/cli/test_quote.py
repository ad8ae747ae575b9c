"""`mara quote`: prices a contract against the stored run, and changes nothing."""

import json
from pathlib import Path

import pytest

from mara.store.files.lock import WriterLock
from tests.cli.console import everything_in, ran
from tests.cli.databases import STORED_TICKS

ASKED = ("quote", "--tier", "premium", "--power-mw", 5, "--hours", 48)


def test_a_contract_is_priced_where_the_stored_run_stands(database: Path) -> None:
    report = ran(*ASKED, "--customer", "Acme", "--region", "europe", "--json").report
    assert (report["tier"], report["power_mw"], report["duration_h"]) == ("premium", 5.0, 48.0)
    assert (report["made_tick"], report["starts_tick"]) == (STORED_TICKS, STORED_TICKS + 1)
    assert report["ends_tick"] == report["starts_tick"] + 48 * 12
    assert report["price_usd_per_mwh"] >= max(report["list_price_usd_per_mwh"], report["marginal_cost_usd_per_mwh"])
    assert report["dual_cost_usd_per_mwh"] <= report["exact_cost_usd_per_mwh"] + 1e-6
    assert report["landing"]["site_id"]
    assert report["risk"]["seen_ticks"] == STORED_TICKS
    assert (report["is_offered"], report["refusal"], report["id"]) == (True, "", None)


def test_the_same_question_has_the_same_answer(database: Path) -> None:
    first, second = (ran(*ASKED, "--json").report for _ in range(2))
    assert {**first, "wall_s": 0} == {**second, "wall_s": 0}


def test_the_stored_run_is_left_alone_and_its_writer_is_not_waited_for(database: Path) -> None:
    before = database.read_bytes()
    lock = WriterLock.taken(database)
    try:
        assert ran(*ASKED, "--json").report["made_tick"] == STORED_TICKS
    finally:
        lock.release()
    assert database.read_bytes() == before


def test_without_a_database_the_start_of_the_run_is_priced_and_nothing_is_made(here: Path) -> None:
    assert ran(*ASKED, "--json").report["made_tick"] == 0
    assert everything_in(here) == {}


def test_for_people_a_refusal_says_why_and_what_would_fit(database: Path) -> None:
    outcome = ran("quote", "--tier", "standard", "--power-mw", 200, "--hours", 48)
    assert outcome.exit_code == 2
    assert "no site can hold 200.0 MW whole" in outcome.out
    assert "MW at one site" in outcome.out
    assert "price_usd_per_mwh" not in outcome.out
    assert "charge_usd" not in outcome.out


def test_what_cannot_be_had_has_no_price(database: Path) -> None:
    outcome = ran("quote", "--tier", "standard", "--power-mw", 200, "--hours", 48, "--json")
    assert outcome.exit_code == 2
    plain = json.loads(outcome.out)
    assert (plain["is_offered"], plain["price_usd_per_mwh"], plain["charge_usd"]) == (False, None, None)
    assert "200.0 MW" in plain["refusal"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tier", "gold", "--power-mw", 5, "--hours", 48), "'premium', 'standard', 'flexible', 'spot'"),
        (("--tier", "spot", "--power-mw", 0, "--hours", 48), "a contract has 0.01 to 100,000 MW, got 0: correct it"),
        (("--tier", "spot", "--power-mw", "nan", "--hours", 48), "got nan: correct it"),
        (("--tier", "spot", "--power-mw", 5, "--hours", -1), "a contract lasts"),
        (("--tier", "spot", "--power-mw", 5, "--hours", 4, "--region", "x"), "a region is one of americas"),
        (("--tier", "spot", "--power-mw", 5), "--hours"),
    ],
)
def test_what_is_no_request_is_refused(words: tuple[object, ...], said: str) -> None:
    outcome = ran("quote", *words)
    assert outcome.exit_code == 2
    assert said in outcome.complaint


def test_a_run_of_another_seed_is_not_priced(database: Path) -> None:
    outcome = ran(*ASKED, seed="8")
    assert outcome.exit_code == 2
    assert "has the seed 7, 8 was asked for" in outcome.complaint


def test_a_damaged_database_is_refused(here: Path) -> None:
    (here / "mara.db").write_bytes(b"")
    assert ran(*ASKED).exit_code == 4


def test_changed_conditions_are_asked_about_as_on_the_page(database: Path) -> None:
    asked = ("what-if", "--price-change-share", 0.2, "--off", "texas", "--tier", "flexible")
    assert "--power-mw, --hours is missing" in ran(*asked).complaint
    whole = (*asked, "--power-mw", 2, "--hours", 24)
    report = ran(*whole, "--json").report
    assert report["tick"] == STORED_TICKS
    assert report["profit_changed_usd"] < report["profit_now_usd"]
    assert report["in_force_tick"] < STORED_TICKS
    texas = next(site for site in report["sites"] if site["site_id"] == "texas")
    assert texas["changed"]["mining_mw"] + texas["changed"]["contracts_mw"] == 0.0
    assert "gain_usd" in ran(*whole).out
    assert "nothing would change" in ran("what-if").complaint
