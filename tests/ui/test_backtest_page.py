import asyncio
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from nicegui import ui

from components.backtest.backtest_panels import PolicyResult, legend_cells, result_channels
from components.backtest.study_panels import QUANTILES, study_cells, study_channels, study_fields
from components.shared.key_figure_history import MOST_POINTS
from mara.api.security.authenticator import LOCAL, Identity
from mara.errors import MaraError
from mara.settings import Settings
from pages.backtest import study_task_of, task_of
from pages.serving.readable_files import ANYWHERE, readable_by
from tests.cli.console import small_history
from tests.feeds.step_histories import write_steps
from tests.ui.conftest import Screen, element_of
from tests.ui.rows import ranked, row_of, text_of
from tests.ui.snapshots import START

ENTERED = {
    "history": "",
    "from_": "",
    "to": "",
    "fleet": "",
    "tick_minutes": "60",
    "horizon_hours": "24",
    "load": "75",
    "migration": "1",
    "forecast": "persistence",
    "policies": ["static-breakeven", "rules"],
    "extras": [],
}
PATIENCE_LOOKS = 400


def entered(history: Path, **changes: object) -> dict[str, Any]:
    return {**ENTERED, "history": str(history), **changes}


async def send(screen: Screen, values: Mapping[str, Any]) -> str:
    """Order a backtest as the browser does; return the refusal."""
    screen.user.find(marker="backtest-form").trigger("submit", pairs_of(values))
    await screen.delivery()
    return refusal_on(screen)


def refusal_on(screen: Screen) -> str:
    """The message under the form."""
    return str(cast(ui.label, element_of(screen.user, "backtest-form-refusal")).text)


def pairs_of(values: Mapping[str, Any]) -> list[list[str]]:
    """The fields of a form as a browser sends them."""
    return [[key, one] for key, value in values.items() for one in (value if isinstance(value, list) else [value])]


async def state_after(screen: Screen) -> str:
    """The last state of the backtest as this user's page was told."""
    for _ in range(PATIENCE_LOOKS):
        screen.publisher.look()
        await screen.delivery()
        for code in screen.sent:
            told = re.search(r'"bt\.state":{"text":".*?","state":"(done|failed|cancelled)"}', code)
            if told:
                return told.group(1)
        await asyncio.to_thread(time.sleep, 0.05)  # work in another process takes real time
    return "running"


def policy(name: str, profit_usd: float, days: int = 2) -> PolicyResult:
    sla = {tier: {"availability_share": 1.0} for tier in ("premium", "standard")}
    figures = {
        "profit_usd": profit_usd,
        "share_of_bound": None,
        "revenue_usd": {"mining": 2 * profit_usd},
        "cost_usd": {"energy": profit_usd, "credits": 0.0},
        "sla": sla,
        "emissions_t": 12.0,
        "wall_s": 0.5,
    }
    return PolicyResult(policy=name, starts_at=START, figures=figures, daily_profit_usd=(profit_usd / days,) * days)


async def test_before_the_first_backtest_the_page_says_how_to_begin(screen: Screen) -> None:
    await screen.open("/backtest")
    await screen.user.should_see("Choose a history of prices")
    assert screen.last("show")["cells"]["bt.state"] == {"text": "Nothing runs.", "state": "idle"}
    assert (await screen.user.http_client.get("/backtest/report")).status_code == 404


def built_quarters(imports: Path) -> Path:
    """Write a history of a day of quarters into the import folder.

    One site has a day-ahead price beside the real-time one.
    """
    folder = imports / "histories" / "quarters"
    folder.parent.mkdir(parents=True)
    write_steps(folder)
    told = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    told["sites"][0]["day_ahead"] = told["sites"][0]["price"]
    (folder / "provenance.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


async def test_a_backtest_of_quarters_is_run_by_name_shown_and_kept_as_a_report(screen: Screen, tmp_path: Path) -> None:
    built_quarters(tmp_path / "imports")
    await screen.open("/backtest")
    assert await send(screen, entered(Path("quarters"), tick_minutes="", day_ahead="planned")) == ""
    assert await state_after(screen) == "done"
    await screen.open("/backtest")
    shown = screen.last("show")
    assert set(shown["bt-table"]) == set(shown["bt-bars"]) == {"static-breakeven", "rules"}
    assert len(shown["bt-rules"]) == 2  # the start and the end of the day
    assert shown["bt-lp"] == {}
    assert row_of(shown["bt-table"]["rules"])["day_ahead"] != "–"
    period = text_of(shown["cells"]["bt.period"])
    assert period == "quarters: 31 Mar 2024 00:00 UTC to 1 Apr 2024 00:00 UTC, 2 sites, 96 ticks of 15 min"
    assert "day-ahead price of west" in text_of(shown["cells"]["bt.sources"])
    report = await screen.user.http_client.get("/backtest/report")
    assert report.headers["content-disposition"] == 'attachment; filename="mara-backtest.html"'
    assert "Mara backtest: static-breakeven, rules" in report.text
    assert str(tmp_path) not in report.text


async def test_power_is_bought_ahead_only_where_the_chosen_history_has_two_prices(
    screen: Screen, tmp_path: Path
) -> None:
    built_quarters(tmp_path / "imports")
    await screen.open("/backtest")
    form = screen.user.find(marker="backtest-form")
    field, hint = (
        next(one for one in screen.user.find(kind=ui.element).elements if one.props.get(key) == value)
        for key, value in (("name", "day_ahead"), ("id", "backtest-form-day_ahead-hint"))
    )
    for history, is_unusable, why in (
        ("", True, "choose one first"),
        ("four_markets_2023", True, "four_markets_2023 has one price at each site"),
        ("quarters", False, "In the auction of the day before"),
        ("/another/folder", False, "In the auction of the day before"),
    ):
        form.trigger("change", [["history", history]])
        assert why in cast(ui.label, hint).text
        assert field.props["disabled"] is is_unusable
    await screen.delivery()


def test_without_a_tick_an_order_follows_the_steps_and_a_field_that_was_not_sent_buys_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARA_DAY_AHEAD_POSITION", "planned")
    task = task_of(entered(tmp_path, tick_minutes=""), ANYWHERE)
    assert task.order.follows_steps
    assert not task.settings.has_positions
    assert not task_of(entered(tmp_path), ANYWHERE).order.follows_steps
    assert task_of(entered(tmp_path, day_ahead="planned"), ANYWHERE).settings.has_positions


async def test_a_folder_that_is_none_is_refused_in_the_form_and_nothing_is_started(screen: Screen) -> None:
    await screen.open("/backtest")
    refusal = await send(screen, entered(Path("/no/such/folder")))
    expected = "the history should be a folder on the server or a shipped history"
    assert refusal == f"{expected}, came '/no/such/folder': correct the path"
    assert (await screen.after_a_look()).get("cells", {}).get("bt.state") is None


def test_a_shipped_history_is_ordered_by_its_name_by_everybody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shipped = Path("four_markets_2023")
    nowhere = readable_by(VISITOR, Settings(), None)
    assert task_of(entered(shipped), nowhere).settings.history == shipped
    assert study_task_of({**STUDY_ENTERED, "history": str(shipped)}, nowhere).settings.history is not None
    monkeypatch.chdir(tmp_path)
    shipped.mkdir()
    with pytest.raises(MaraError, match="MARA_DATA_FOLDERS"):
        task_of(entered(shipped), nowhere)


async def test_a_folder_without_a_history_is_told_in_one_line(screen: Screen, tmp_path: Path) -> None:
    await screen.open("/backtest")
    assert await send(screen, entered(tmp_path)) == ""
    assert await state_after(screen) == "failed"
    await screen.open("/backtest")
    told = screen.last("show")["cells"]["bt.state"]
    assert row_of(told)["state"] == "failed"
    assert f"{tmp_path.name} should have history.csv" in text_of(told)
    assert str(tmp_path.parent) not in text_of(told)


async def test_a_second_order_is_refused_politely_and_cancel_ends_the_first(screen: Screen, tmp_path: Path) -> None:
    long = small_history(tmp_path / "long", 24 * 365)
    await screen.open("/backtest")
    assert await send(screen, entered(long, policies=["lp"])) == ""
    assert "one at a time" in await send(screen, entered(long))
    screen.user.find(marker="bt-cancel").trigger("click")
    assert await state_after(screen) == "cancelled"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"policies": []}, "at least one policy is needed"),
        ({"policies": ["claude"]}, "at least one policy is needed"),
        ({"load": "140"}, "load should be a number from 0 to 100"),
        ({"load": "nan"}, "load should be a number from 0 to 100"),
        ({"migration": "x"}, "migration should be a number"),
        ({"horizon_hours": "900"}, "--horizon-hours should be less than or equal to 168"),
        ({"from_": "31.1.2023"}, "a day should read as 2024-01-31"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path: Path, change: dict[str, object], said: str) -> None:
    with pytest.raises(MaraError, match=said) as refusal:
        task_of(entered(tmp_path, **change), ANYWHERE)
    assert "\n" not in str(refusal.value)


def test_an_order_carries_what_was_entered(tmp_path: Path) -> None:
    task = task_of(entered(tmp_path, from_="2023-01-02", load="90", migration="10", extras=["bound"]), ANYWHERE)
    assert task.policies == ("static-breakeven", "rules")
    assert task.with_bound
    assert (task.order.load_share, task.order.migration_factor, task.order.to) == (0.9, 10.0, None)
    assert str(task.order.from_) == "2023-01-02 00:00:00+00:00"
    assert task.settings.tick_minutes == 60


def test_results_come_best_first_and_tell_the_gain_over_break_even() -> None:
    table = result_channels([policy("static-breakeven", 100.0), policy("lp", 130.0), policy("static", 80.0)])[
        "bt-table"
    ]
    rows = ranked(table)
    assert [key for key, _ in rows] == ["lp", "static-breakeven", "static"]
    assert [row["gain"] for _, row in rows] == ["+30", "–", {"text": "−20", "state": "bad"}]


def test_the_legend_names_the_policies_that_ran_and_no_others() -> None:
    named = legend_cells([policy("lp", 130.0), policy("rules", 100.0)])
    assert {key.rpartition(".")[2] for key, name in named.items() if name} == {"lp", "rules"}
    assert not any(legend_cells([]).values())


def test_a_long_period_draws_no_more_points_than_a_screen_shows_and_ends_with_the_profit() -> None:
    line = result_channels([policy("lp", 36_500.0, days=3_650)])["bt-lp"]
    assert len(line) <= MOST_POINTS
    assert list(line.values())[-1] == 36_500


STUDY_ENTERED = {
    "history": "",
    "tick_minutes": "60",
    "scenarios": "40",
    "days": "30",
    "seed": "9",
    "workers": "2",
    "policies": ["rules"],
}
STUDY = {
    "history": None,
    "scenarios": 40,
    "days": 3,
    "tick_minutes": 60,
    "seed": 9,
    "policies": {
        name: {
            "profit_usd": {"mean": 30.0 * scale, "p5": -5.0, "p50": 30.0 * scale, "p95": 60.0},
            "emissions_t": {"mean": 12.0},
            "credits_usd": {"mean": 4.0},
            "sla": {
                tier: {"scenarios_below_target_share": share} for tier, share in (("premium", 0.05), ("standard", 0.0))
            },
            "cumulative_profit_usd": {quantile: [10.0, 20.0, 30.0] for quantile in QUANTILES},
        }
        for name, scale in (("static", 1.0), ("rules", 2.0))
    },
}


def test_a_study_without_a_history_is_of_synthetic_worlds_and_carries_no_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MARA_HISTORY", str(tmp_path))
    task = study_task_of(STUDY_ENTERED, ANYWHERE)
    assert task.settings.history is None
    assert (task.settings.seed, task.order.scenarios, task.order.days, task.workers) == (9, 40, 30, 2)
    assert task.settings.anthropic_api_key is None


@pytest.mark.parametrize("minutes", ["5", "15", "30", "60"])
def test_a_study_runs_in_the_ticks_that_were_chosen(minutes: str) -> None:
    (field,) = [field for field in study_fields() if field.key == "tick_minutes"]
    assert minutes in dict(field.options)
    task = study_task_of({**STUDY_ENTERED, "tick_minutes": minutes}, ANYWHERE)
    assert task.settings.tick_minutes == int(minutes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scenarios": "0"}, "scenarios should be a number from 1"),
        ({"days": "1000"}, "days should be a number from 1 to 366"),
        ({"workers": "900"}, "workers should be a number from 1 to 64"),
        ({"policies": []}, "at least one policy"),
        ({"tick_minutes": "7"}, "tick"),
        ({"history": "/no/such"}, "the history should be a folder"),
    ],
    ids=str,
)
def test_a_study_that_cannot_be_worked_out_is_refused_in_one_line(change: dict[str, object], said: str) -> None:
    with pytest.raises(MaraError, match=said):
        study_task_of({**STUDY_ENTERED, **change}, ANYWHERE)


def test_a_study_draws_each_policys_quantiles_from_nothing_on_and_ranks_by_the_median() -> None:
    channels = study_channels(STUDY)
    assert channels["st-rules-p50"] == {"0": 0, "1": 10, "2": 20, "3": 30}
    assert channels["st-lp-p50"] == {}
    table = channels["st-table"]
    assert [key for key, _ in ranked(table)] == ["rules", "static"]
    row = row_of(table["rules"])
    assert row["p5"] == {"text": "−5", "state": "bad"}
    assert (row["premium_missed"], row["standard_missed"]) == ({"text": "5.0 %", "state": "bad"}, "0.0 %")
    assert study_cells(STUDY)["st.what"] == "40 scenarios of 3 days, ticks of 1 h, synthetic worlds, seed 9"


def test_without_a_study_its_fan_is_empty_and_hidden() -> None:
    assert set(map(len, study_channels(None).values())) == {0}
    assert study_cells(None)["st.shown"] == {"text": "", "state": "no"}


VISITOR = Identity(name="oto", role="operator")


def test_whoever_comes_over_the_network_reads_only_what_the_server_names(tmp_path: Path) -> None:
    history, named, other = (tmp_path / name for name in ("history", "named", "other"))
    for folder in (history, named, other):
        folder.mkdir()
    (history / "out").symlink_to(other)
    readable = readable_by(VISITOR, Settings(data_folders=f"{named}, "), history)
    for folder in (history, named):
        assert task_of(entered(folder, fleet="global_ten"), readable).settings.history == folder
    for outside in (other, history / "out", history / ".." / "other", tmp_path / "nowhere", Path("/")):
        for order in (
            lambda path: task_of(entered(path), readable),
            lambda path: study_task_of({**STUDY_ENTERED, "history": str(path)}, readable),
            lambda path: task_of(entered(history, fleet=f"{path}/fleet.toml"), readable),
        ):
            with pytest.raises(MaraError, match="MARA_DATA_FOLDERS") as refusal:
                order(outside)
            assert str(tmp_path) not in str(refusal.value), "and is not told whether it is there"
    with pytest.raises(MaraError, match="MARA_DATA_FOLDERS"):
        task_of(entered(history, fleet="/dev/zero"), readable)


def test_whoever_sits_at_the_server_reads_what_they_can(tmp_path: Path) -> None:
    assert readable_by(LOCAL, Settings(), None) is ANYWHERE
    assert readable_by(VISITOR, Settings(), None).folders == ()
