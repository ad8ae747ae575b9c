"""`mara backtest`: a policy over a period of history, with the demand asked for.

Two calls give the same result.
"""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.console import everything_in, ran, small_history
from tests.cli.reports import BACKTEST, faults_of, imbalance_usd, same_run

CONTRACTS = """contract_id,tier,power_mw,starts_at_utc,hours
early,premium,2.0,2023-01-01T00:00:00Z,6
late,standard,3.0,2023-01-01T10:00:00Z,4
"""
Reported = Callable[..., dict[str, Any]]


def backtested(history: Path, *more: object, **env: str) -> dict[str, Any]:
    return ran("backtest", "--history", history, "--json", *more, **env).report


def promised_mwh(report: dict[str, Any]) -> dict[str, float]:
    return {tier: round(figures["promised_mwh"], 6) for tier, figures in report["sla"].items()}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history that no test changes."""
    return small_history(tmp_path_factory.mktemp("backtests") / "past")


@pytest.fixture(scope="module")
def reported(past: Path) -> Reported:
    """Backtest that history, once for equal options; compare only new reports with these."""
    return cache(partial(backtested, past))


@pytest.mark.parametrize("optimizer", ["static", "static-breakeven", "rules", "lp"])
def test_a_backtest_reports_every_promised_field(reported: Reported, optimizer: str) -> None:
    report = reported("--optimizer", optimizer)
    assert list(faults_of(report, BACKTEST)) == []
    assert (report["optimizer"], report["fleet"], report["ticks"], report["sites"]) == (optimizer, "past", 48, 2)
    assert imbalance_usd(report) == pytest.approx(0.0, abs=1e-6)


def test_a_backtest_is_the_same_each_time(past: Path, reported: Reported) -> None:
    assert same_run(backtested(past)) == same_run(reported())


@pytest.mark.parametrize("optimizer", ["static", "rules", "lp"])
def test_the_bound_is_above_what_was_earned_and_the_share_is_what_it_says(
    past: Path, reported: Reported, optimizer: str
) -> None:
    report = reported("--optimizer", optimizer, "--bound")
    assert list(faults_of(report, BACKTEST | {"bound_usd": float, "share_of_bound": float})) == []
    assert report["lp_profit_usd"] < report["bound_usd"]
    assert report["share_of_bound"] == pytest.approx(report["lp_profit_usd"] / report["bound_usd"])
    assert same_run(report) == same_run(backtested(past, "--optimizer", optimizer, "--bound"))
    assert report["profit_usd"] == reported("--optimizer", optimizer)["profit_usd"]


def test_the_bound_does_not_depend_on_who_plans(reported: Reported) -> None:
    bounds = {reported("--optimizer", name, "--bound")["bound_usd"] for name in ("static", "rules")}
    assert len(bounds) == 1


def test_a_backtest_leaves_no_file(here: Path, history: Path) -> None:
    backtested(history)
    assert everything_in(here) == {}


def test_the_history_can_come_from_the_environment(past: Path, reported: Reported) -> None:
    assert same_run(ran("backtest", "--json", history=str(past)).report) == same_run(reported())


def test_from_is_inclusive_and_to_is_exclusive(history: Path) -> None:
    report = backtested(history, "--from", "2023-01-01T06:00Z", "--to", "2023-01-01T09:00Z")
    assert (report["from"], report["to"], report["ticks"]) == (
        "2023-01-01T06:00:00+00:00",
        "2023-01-01T09:00:00+00:00",
        3,
    )


def test_a_stretch_earns_what_its_two_halves_earn_with_a_policy_that_remembers_nothing(history: Path) -> None:
    def stretch(first: str, end: str) -> float:
        options = ("--optimizer", "static", "--load-share", 0, "--from", first, "--to", end)
        report = backtested(history, *options)
        return float(report["revenue_usd"]["mining"] - report["cost_usd"]["energy"])

    whole = stretch("2023-01-01", "2023-01-02")
    assert stretch("2023-01-01", "2023-01-01T12:00Z") + stretch("2023-01-01T12:00Z", "2023-01-02") == pytest.approx(
        whole
    )


def test_times_without_a_zone_are_utc_and_others_are_turned_into_it(history: Path) -> None:
    report = backtested(history, "--from", "2023-01-01T06:00:00", "--to", "2023-01-01T12:00+02:00")
    assert (report["from"], report["to"]) == ("2023-01-01T06:00:00+00:00", "2023-01-01T10:00:00+00:00")


def test_ticks_may_be_shorter_than_an_hour(history: Path) -> None:
    report = backtested(history, "--tick-minutes", 15, "--to", "2023-01-01T06:00Z")
    assert report["ticks"] == 24
    hourly = backtested(history, "--to", "2023-01-01T06:00Z")
    assert report["energy_mwh"] == pytest.approx(hourly["energy_mwh"], rel=0.2)


def test_without_contracts_a_pooled_demand_is_served_in_its_tiers(history: Path) -> None:
    racks_mw = 2 * 42.0 * 0.16
    promised = promised_mwh(backtested(history, "--load-share", 0.5))
    shares = {tier: mwh / (48 * 0.5 * racks_mw) for tier, mwh in promised.items()}
    assert shares == pytest.approx({"premium": 0.20, "standard": 0.35, "flexible": 0.30, "spot": 0.15}, rel=0.01)
    assert set(promised_mwh(backtested(history, "--load-share", 0)).values()) == {0.0}


@pytest.mark.parametrize("how", ["in the history", "by option"])
def test_contracts_are_served_from_their_tick_to_their_end(history: Path, tmp_path: Path, how: str) -> None:
    folder = history if how == "in the history" else tmp_path
    (folder / "contracts.csv").write_text(CONTRACTS, encoding="utf-8")
    option = () if how == "in the history" else ("--contracts", folder / "contracts.csv")
    assert promised_mwh(backtested(history, *option)) == {"premium": 12.0, "standard": 12.0, "flexible": 0, "spot": 0}
    until_ten = backtested(history, *option, "--to", "2023-01-01T10:00Z")
    assert promised_mwh(until_ten) == {"premium": 12.0, "standard": 0, "flexible": 0, "spot": 0}
    from_ten = backtested(history, *option, "--from", "2023-01-01T10:00Z", "--to", "2023-01-01T11:00Z")
    assert promised_mwh(from_ten) == {"premium": 0, "standard": 3.0, "flexible": 0, "spot": 0}


def test_a_named_contracts_file_comes_before_the_one_of_the_history(history: Path, tmp_path: Path) -> None:
    (history / "contracts.csv").write_text(CONTRACTS, encoding="utf-8")
    (tmp_path / "other.csv").write_text(CONTRACTS.replace("premium", "flexible"), encoding="utf-8")
    report = backtested(history, "--contracts", tmp_path / "other.csv")
    assert promised_mwh(report) == {"premium": 0, "standard": 12.0, "flexible": 12.0, "spot": 0}


def test_a_simulated_history_serves_its_contracts_from_their_tick(history: Path) -> None:
    (history / "contracts.csv").write_text(CONTRACTS, encoding="utf-8")
    words = ("simulate", "--history", history, "--json", "--no-store", "--ticks")
    assert promised_mwh(ran(*words, 1, tick_minutes="60").report)["premium"] == 2.0
    assert promised_mwh(ran(*words, 11, tick_minutes="60").report) == {
        "premium": 12.0,
        "standard": 3.0,
        "flexible": 0,
        "spot": 0,
    }
    assert promised_mwh(ran(*words, 20, tick_minutes="60").report)["standard"] == 12.0


def test_the_migration_factor_weighs_on_moves_and_on_nothing_else(history: Path) -> None:
    still = [same_run(backtested(history, "--optimizer", "static", "--migration-factor", f)) for f in (1, 7)]
    assert still[0]["cost_usd"]["migration"] == 0.0
    assert still[0] == still[1]
    forced = [
        backtested(history, "--load-share", 1.0, "--migration-factor", f)["cost_usd"]["migration"] for f in (1, 1e6)
    ]
    assert forced[1] in (0.0, pytest.approx(1e6 * forced[0]))


def test_the_report_is_a_page_that_asks_nobody_for_anything(history: Path, here: Path) -> None:
    report = backtested(history, "--report", "report.html")
    page = (here / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert not any(word in page for word in ("http://", "https://", "<script", "src=", "@import", "url("))
    assert f"{report['profit_usd']:,.2f}" in page
    assert "past" in page


def test_for_people_each_figure_has_a_line_with_its_unit_in_its_name(history: Path) -> None:
    outcome = ran("backtest", "--history", history)
    assert outcome.exit_code == 0
    assert outcome.err == ""
    lines = dict(line.split(maxsplit=1) for line in outcome.out.splitlines())
    assert lines["ticks"] == "48"
    assert "," in lines["profit_usd"]
    assert {"energy_mwh", "sla.premium.promised_mwh", "cost_usd.energy"} <= set(lines)


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("--from", "2023-01-03"), 3, "covers 2023-01-01T00:00Z up to 2023-01-03T00:00Z, asked was"),
        (("--from", "2022-12-31"), 3, "covers 2023-01-01T00:00Z up to 2023-01-03T00:00Z"),
        (("--to", "2023-01-03T01:00Z"), 3, "asked was"),
        (("--from", "2023-01-02", "--to", "2023-01-01"), 3, "should end after it starts"),
        (("--to", "2023-01-01T00:30Z"), 3, "whole tick"),
        (("--from", "2023-01-01T00:10Z", "--to", "2023-01-01T00:50Z"), 3, "whole tick"),
        (
            ("--from", "2023-01-01T00:10Z", "--to", "2023-01-02T00:10Z"),
            3,
            "that do not lie across steps of the history",
        ),
        (("--from", "2023-01-01", "--to", "2023-01-01T05:30Z"), 3, "whole ticks of 60 minutes"),
        (("--from", "yesterday"), 2, "--from must be a date or time"),
        (("--from", "0001-01-01T00:00+05:00"), 2, "--from must be a date or time"),
        (("--to", "9999-12-31T23:59-12:00"), 2, "--to must be a date or time"),
        (("--optimizer", "oracle"), 2, "static, static-breakeven, rules"),
        (("--forecast", "hunch"), 2, "persistence, day-ahead, perfect"),
        (("--tick-minutes", 7), 2, "divide an hour"),
        (("--tick-minutes", 7), 2, "leave it out for the default of the history's step"),
        (("--tick-minutes", 120), 2, "--tick-minutes"),
        (("--horizon-hours", 0), 2, "--horizon-hours"),
        (("--load-share", 1.5), 2, "--load-share"),
        (("--load-share", "nan"), 2, "--load-share"),
        (("--migration-factor", -1), 2, "--migration-factor"),
        (("--seed", -1), 2, "--seed"),
        (("--seed", "x"), 2, "--seed"),
        (("--contracts", "nowhere.csv"), 3, "nowhere.csv is missing"),
        (("--fleet", "nowhere.toml"), 2, "nowhere.toml"),
        (("--fleet", "global_ten"), 3, "has none of iceland"),
        (("--report", "nowhere/report.html"), 2, "make nowhere first"),
        (("--report", "."), 2, "a folder came"),
    ],
)
def test_what_cannot_be_backtested_is_refused_in_one_line(
    history: Path, here: Path, words: tuple[object, ...], exit_code: int, said: str
) -> None:
    outcome = ran("backtest", "--history", history, *words)
    assert said in outcome.complaint
    assert outcome.exit_code == exit_code
    assert everything_in(here) == {}


def test_a_backtest_without_a_history_says_what_it_needs() -> None:
    outcome = ran("backtest")
    assert outcome.exit_code == 2
    assert "--history" in outcome.complaint
