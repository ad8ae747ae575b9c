"""The runner of one backtest at a time: its process, progress and end."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from mara.assembly.backtest import BacktestOrder
from mara.assembly.imports.folder import ImportFolder
from mara.errors import CommandError
from mara.feeds.files.shipped_histories import shipped_folder
from mara.runtime.clock import SystemClock
from mara.runtime.progress import Progress
from mara.settings import Settings, read_settings
from mara.studies import StudyOrder, portable
from pages.backtest import reason_of
from pages.serving.job_runner import BacktestTask, JobRunner, Report, StudyTask, share_of
from tests.cli.console import small_history

PATIENCE_S = 40.0
LONG_HOURS = 24 * 365


@pytest.fixture
def jobs() -> Iterator[JobRunner]:
    runner = JobRunner(SystemClock())
    yield runner
    runner.close()
    for child in active_children():  # so that the next test sees its own process alone
        child.join(PATIENCE_S)


def task(history: Path, *policies: str) -> BacktestTask:
    settings = read_settings(env={}, options={"history": str(history), "tick_minutes": 60})
    return BacktestTask(settings=settings, order=BacktestOrder(), policies=policies)


def study_task(scenarios: int) -> StudyTask:
    settings = portable(Settings(tick_minutes=60, horizon_hours=6))
    return StudyTask(settings=settings, order=StudyOrder(scenarios=scenarios, days=1, policies=("static",)), workers=2)


def group_is_gone(group: int) -> bool:
    """True if no process of the group is left, except ended ones not yet waited for."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def process_at_work() -> BaseProcess:
    """The process of the job that is running."""
    (found,) = (child for child in active_children() if child.name == "mara-workbench")
    return found


def has_ended(work: BaseProcess) -> bool:
    """Wait for a killed process, whose end another thread may be about to note."""
    until_s = time.monotonic() + PATIENCE_S
    while work.is_alive() and time.monotonic() < until_s:
        time.sleep(0.01)
    return not work.is_alive()


def outcome(jobs: JobRunner) -> Report:
    """Wait for the end of a job, and return its report; fail when it takes too long."""
    until_s = time.monotonic() + PATIENCE_S
    while jobs.read().state == "running":
        assert time.monotonic() < until_s
        time.sleep(0.05)
    return jobs.read()


@pytest.mark.usefixtures("work_begins_anew")
def test_a_backtest_ends_with_a_result_for_each_policy_in_its_order(jobs: JobRunner, tmp_path: Path) -> None:
    jobs.start(task(small_history(tmp_path / "past"), "static", "rules"))
    assert jobs.read().state == "running"
    report = outcome(jobs)
    assert (report.state, report.share, report.reason) == ("done", 1.0, "")
    assert [result.figures["optimizer"] for result in report.results] == ["static", "rules"]
    assert sum(report.results[1].daily_profit_usd) == pytest.approx(report.results[1].figures["profit_usd"])


def test_a_history_that_cannot_be_used_is_told_in_one_line_without_its_place_on_the_server(
    jobs: JobRunner, tmp_path: Path
) -> None:
    jobs.start(task(tmp_path, "rules"))
    report = outcome(jobs)
    assert (report.state, report.results) == ("failed", ())
    assert str(tmp_path) in report.reason
    assert "\n" not in report.reason
    nowhere = ImportFolder(root=None, most_bytes=0)
    assert reason_of(report, nowhere) == report.reason.replace(str(tmp_path), tmp_path.name)
    shipped = task(Path("four_markets_2023"), "rules")
    folder = shipped_folder("four_markets_2023")
    told = replace(report, task=shipped, reason=f"{folder}/history.csv.gz covers 2023")
    assert reason_of(told, nowhere) == "four_markets_2023/history.csv.gz covers 2023"


def test_a_second_one_is_refused_while_one_is_under_way_and_cancelling_makes_room(
    jobs: JobRunner, tmp_path: Path
) -> None:
    long = small_history(tmp_path / "long", LONG_HOURS)
    jobs.start(task(long, "lp"))
    with pytest.raises(CommandError, match="one at a time"):
        jobs.start(task(long, "rules"))
    work = process_at_work()
    jobs.cancel()
    assert jobs.read().state == "cancelled"
    assert has_ended(work)
    jobs.start(task(small_history(tmp_path / "past"), "static"))
    assert outcome(jobs).state == "done"


def test_a_study_ends_with_its_figures_and_leaves_the_last_backtest_standing(jobs: JobRunner, tmp_path: Path) -> None:
    jobs.start(task(small_history(tmp_path / "past"), "static"))
    outcome(jobs)
    jobs.start(study_task(3))
    report = outcome(jobs)
    assert (report.state, report.what) == ("done", "scenarios")
    assert report.study is not None
    assert report.study["scenarios"] == 3
    assert len(report.results) == 1


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are of unix")
def test_a_cancelled_study_takes_its_workers_with_it(jobs: JobRunner) -> None:
    jobs.start(study_task(5_000))
    until_s = time.monotonic() + PATIENCE_S
    while jobs.read().share == 0.0:  # then its workers are busy
        assert time.monotonic() < until_s
        time.sleep(0.05)
    work = process_at_work()
    assert work.pid is not None
    jobs.cancel()
    assert group_is_gone(work.pid)


def test_a_process_that_dies_without_a_word_is_told_as_a_failure(jobs: JobRunner, tmp_path: Path) -> None:
    jobs.start(task(small_history(tmp_path / "long", LONG_HOURS), "lp"))
    work = process_at_work()
    work.kill()
    report = outcome(jobs)
    assert (report.state, report.reason) == ("failed", "the work ended without a result: see the log")


def test_cancelling_when_nothing_runs_changes_nothing(jobs: JobRunner) -> None:
    jobs.cancel()
    assert jobs.read() == Report()


def test_the_share_grows_over_policies_and_the_bound_and_never_beyond_the_whole() -> None:
    task = BacktestTask(settings=Settings(), order=BacktestOrder(), policies=("static", "lp"), with_bound=True)
    steps = [
        Progress(what="static", done=0, total=10),
        Progress(what="static", done=10, total=10),
        Progress(what="bound", done=1, total=2),
        Progress(what="lp", done=5, total=10),
        Progress(what="lp", done=10, total=10),
    ]
    shares = [share_of(step, task) for step in steps]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_nothing_is_said_of_the_time_left_before_there_is_something_to_judge_by(jobs: JobRunner) -> None:
    running = Report(state="running", share=0.01, began_s=time.monotonic() - 10)
    assert jobs.seconds_left(running) is None
    half = Report(state="running", share=0.5, began_s=time.monotonic() - 10)
    assert jobs.seconds_left(half) == pytest.approx(10, abs=1)
