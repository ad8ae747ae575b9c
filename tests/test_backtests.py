"""Backtests for screens: several policies, progress, cancellation, own processes."""

import re
from pathlib import Path
from typing import Any

import pytest

from mara.assembly.backtest import BacktestOrder
from mara.backtest_page import html_of
from mara.backtests import BOUND, BacktestResult, compared, compared_into
from mara.errors import CommandError, ConfigError
from mara.figures import text_of
from mara.runtime.progress import Progress
from mara.settings import Settings, read_settings
from tests.cli.console import small_history
from tests.forks import FORKS

POLICIES = ("static", "static-breakeven", "rules")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    history = small_history(tmp_path / "past", hours=60)
    return read_settings({}, {"history": history, "tick_minutes": 60, "horizon_hours": 6})


def of_the_run(result: BacktestResult) -> dict[str, Any]:
    return {name: value for name, value in result.figures.items() if name not in ("wall_s", "site_steps_per_s")}


def test_policies_side_by_side_are_what_each_is_alone_and_share_one_bound(settings: Settings) -> None:
    together = compared(settings, BacktestOrder(), POLICIES, with_bound=True)
    for name, result in zip(POLICIES, together, strict=True):
        (alone,) = compared(settings, BacktestOrder(), (name,), with_bound=True)
        assert of_the_run(alone) == of_the_run(result)
    assert len({result.figures["bound_usd"] for result in together}) == 1
    assert len({result.figures["share_of_bound"] for result in together}) == len(POLICIES)


def test_days_add_up_to_the_profit_and_months_to_the_bound(settings: Settings) -> None:
    (result,) = compared(settings, BacktestOrder(), ("rules",), with_bound=True)
    assert len(result.daily_profit_usd) == 3
    assert sum(result.daily_profit_usd) == pytest.approx(result.figures["profit_usd"], abs=1e-6)
    assert [month.month for month in result.months] == ["2023-01"]
    assert sum(month.bound_usd for month in result.months) == result.figures["bound_usd"]


def test_progress_is_told_for_each_policy_and_for_the_months_of_the_bound(settings: Settings) -> None:
    told: list[Progress] = []
    compared(settings, BacktestOrder(), POLICIES[:2], with_bound=True, on_progress=told.append)
    assert list(dict.fromkeys(progress.what for progress in told)) == ["static", BOUND, "static-breakeven"]
    ends = {progress.what: progress for progress in told}
    assert all(progress.done == progress.total for progress in ends.values())
    assert ends["static"].total == 60


def test_the_policy_of_the_settings_runs_when_none_is_named(settings: Settings) -> None:
    (result,) = compared(settings.model_copy(update={"optimizer": "static"}), BacktestOrder())
    assert (result.figures["optimizer"], result.months, result.figures["bound_usd"]) == ("static", (), None)


def test_a_cancelled_comparison_ends_where_it_is(settings: Settings) -> None:
    told: list[Progress] = []
    with pytest.raises(CommandError, match="the backtest of static was cancelled"):
        compared(settings, BacktestOrder(), POLICIES, on_progress=told.append, is_cancelled=lambda: len(told) >= 5)
    assert len(told) == 5


def test_a_policy_that_is_not_there_is_refused_before_anything_runs(settings: Settings) -> None:
    told: list[Progress] = []
    with pytest.raises(ConfigError, match="oracle"):
        compared(settings, BacktestOrder(), ("static", "oracle"), on_progress=told.append)
    assert told == []


@pytest.mark.parametrize("policy", ["static", "oracle"])
def test_a_process_of_its_own_sends_progress_and_then_the_results_or_one_line(settings: Settings, policy: str) -> None:
    ours, theirs = FORKS.Pipe(duplex=False)
    worker = FORKS.Process(target=compared_into, args=(theirs, settings, BacktestOrder(), (policy,), False))
    worker.start()
    theirs.close()
    sent: list[tuple[str, Any]] = []
    while not sent or sent[-1][0] == "progress":
        assert ours.poll(60.0)
        sent.append(ours.recv())
    worker.join(60.0)
    assert worker.exitcode == 0
    kind, last = sent[-1]
    if policy == "oracle":
        assert (kind, "oracle" in last) == ("failed", True)
    else:
        assert kind == "done"
        assert of_the_run(last[0]) == of_the_run(compared(settings, BacktestOrder(), ("static",))[0])


def test_the_page_shows_every_figure_of_every_policy_and_asks_nobody(settings: Settings) -> None:
    results = compared(settings, BacktestOrder(), POLICIES, with_bound=True)
    page = html_of(results)
    assert not any(word in page for word in ("http://", "https://", "<script", "src=", "@import", "url("))
    for result in results:
        for name in ("profit_usd", "lp_profit_usd", "bound_usd", "emissions_t"):
            assert f"{result.figures[name]:,.2f}" in page
    assert page.count("<polyline") == len(POLICIES) - 1
    shares = [text_of(result.figures["share_of_bound"]) for result in results]
    assert re.findall(r"<th>2023-01</th><td>[^<]*</td>" + "".join(f"<td>({share})</td>" for share in shares), page)
    assert html_of(results[:1]).count("<polyline") == 1
    assert "<tr><th>plays</th><td>replayed</td></tr>" in page
    assert "prefers-color-scheme" in page  # dark where the reader's screen is
    assert page.count('<div class="wide"') == 2  # wide tables scroll by themselves, so that the page does not


def test_what_names_hold_is_escaped_in_the_page(settings: Settings) -> None:
    (result,) = compared(settings, BacktestOrder(), ("static",))
    result.figures["fleet"] = "<b>&"
    assert "<b>" not in html_of([result])
    assert "&lt;b&gt;&amp;" in html_of([result])
