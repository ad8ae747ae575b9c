"""Studies give the same result however they are computed, and lose no scenario."""

import json
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import mara
from mara.errors import CommandError, ConfigError
from mara.runtime import worker_pool as pool
from mara.runtime.worker_pool import Cluster, Processes
from mara.settings import Settings
from mara.studies import Scenario, ScenarioResult, StudyOrder, fingerprint, outcomes_of, portable, study
from tests.lethal_work import kill_every, kill_the_first

SETTINGS = Settings(tick_minutes=60, horizon_hours=6, start=datetime(2025, 7, 1, tzinfo=UTC))
FLEETS = Path(mara.__file__).parent / "data" / "fleets"
ORDER = StudyOrder(scenarios=4, days=1, policies=("static", "rules"))


class PoolInThisProcess:
    """Pool that does the work in this process, last piece first, and counts it."""

    def __init__(self) -> None:
        self.count = 0

    def results(self, work: Callable[[Any], Any], pieces: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        for piece in reversed(pieces):
            self.count += 1
            yield piece, work(piece)


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    return study(SETTINGS, ORDER, PoolInThisProcess())


def test_a_study_says_what_each_policy_earns_and_risks(answer: dict[str, Any]) -> None:
    rules = answer["policies"]["rules"]
    assert rules["profit_usd"]["p5"] <= rules["profit_usd"]["p50"] <= rules["profit_usd"]["p95"]
    assert rules["profit_usd"]["mean"] > answer["policies"]["static"]["profit_usd"]["mean"]
    assert rules["cumulative_profit_usd"]["p50"][-1] == pytest.approx(rules["profit_usd"]["p50"])
    assert set(rules["sla"]) == {"premium", "standard", "flexible", "spot"}
    assert rules["emissions_t"]["mean"] > 0


def alone(number: int, settings: Settings = SETTINGS) -> ScenarioResult:
    return outcomes_of(Scenario(number=number, settings=portable(settings), order=ORDER))[1]


def test_scenarios_differ_and_the_quantiles_are_theirs(answer: dict[str, Any]) -> None:
    profits = sorted(alone(number).profit_usd for number in range(4))
    assert len(set(profits)) == 4
    told = answer["policies"]["rules"]["profit_usd"]
    assert told["mean"] == pytest.approx(sum(profits) / 4)
    assert told["p50"] == pytest.approx((profits[1] + profits[2]) / 2)
    assert told["p5"] == pytest.approx(profits[0] + 0.15 * (profits[1] - profits[0]))
    assert told["p95"] == pytest.approx(profits[3] - 0.15 * (profits[3] - profits[2]))


def test_a_tier_that_nobody_asked_for_has_no_availability(tmp_path: Path) -> None:
    """An availability of 1 would raise the quantiles of small fleets."""
    text = (FLEETS / "global_ten.toml").read_text(encoding="utf-8")
    (tmp_path / "miners.toml").write_text(re.sub(r"(?m)^(gpu|asic) = [\d_]+$", r"\1 = 0", text), encoding="utf-8")
    miners = Settings(fleet=str(tmp_path / "miners.toml"), tick_minutes=60, horizon_hours=6)
    assert set(alone(0, miners).availability_share.values()) == {None}


@pytest.mark.usefixtures("work_begins_anew")
def test_two_processes_answer_as_one(answer: dict[str, Any]) -> None:
    assert study(SETTINGS, ORDER, Processes(2)) == answer


@pytest.mark.slow
def test_a_cluster_answers_as_one_process(answer: dict[str, Any]) -> None:
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
    ):
        assert study(SETTINGS, ORDER, Cluster(cluster.scheduler_address)) == answer


def test_a_worker_killed_in_the_middle_costs_no_result(tmp_path: Path) -> None:
    pieces = [(number, str(tmp_path)) for number in range(8)]
    found = sorted(result for _, result in Processes(2).results(kill_the_first, pieces))
    assert found == [number * number for number in range(8)]


def test_work_that_kills_every_worker_comes_to_an_end() -> None:
    with pytest.raises(CommandError, match="workers died"):
        list(Processes(1).results(kill_every, [1]))


def test_a_study_that_was_broken_off_goes_on_where_it_was(tmp_path: Path, answer: dict[str, Any]) -> None:
    journal, first = tmp_path / "study.jsonl", PoolInThisProcess()

    def stop_after_two(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study(SETTINGS, ORDER, first, journal=journal, on_done=stop_after_two)
    with journal.open("a") as file:
        file.write('[{"number": 0, "poli')  # what a crash leaves of a line
    again = PoolInThisProcess()
    assert study(SETTINGS, ORDER, again, journal=journal) == answer
    assert (first.count, again.count) == (2, 2)


def test_results_of_another_study_are_refused_and_left_alone(tmp_path: Path) -> None:
    journal = tmp_path / "study.jsonl"
    journal.write_text(json.dumps({"study": "another"}) + "\n")
    with pytest.raises(ConfigError, match="another study"):
        study(SETTINGS, ORDER, PoolInThisProcess(), journal=journal)
    assert json.loads(journal.read_text()) == {"study": "another"}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (StudyOrder(scenarios=0, days=1, policies=("rules",)), "scenarios"),
        (StudyOrder(scenarios=1, days=0, policies=("rules",)), "days"),
        (StudyOrder(scenarios=1, days=1, policies=("luck",)), "luck"),
        (StudyOrder(scenarios=1, days=1, policies=()), "policy"),
    ],
)
def test_what_cannot_be_studied_is_refused_before_any_worker_starts(order: StudyOrder, expected: str) -> None:
    pool = PoolInThisProcess()
    with pytest.raises(ConfigError, match=expected):
        study(SETTINGS, order, pool)
    assert pool.count == 0


def test_workers_get_no_secrets() -> None:
    secret = Settings(
        anthropic_api_key="hidden-1",
        storage_secret="hidden-2",
        webhook_url="https://hidden-3",
        database_url="postgresql://u:hidden-4@h/d",
        feed_keys="openadr=ven:hidden-5",
        dispatch_secret="hidden-6" * 4,
    )
    assert pickle.dumps(secret).count(b"hidden-") == 9
    assert b"hidden-" not in pickle.dumps(portable(secret))


def test_workers_elsewhere_find_the_fleet_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert portable(Settings(fleet="mine.toml")).fleet == str(tmp_path / "mine.toml")
    assert portable(Settings(fleet="global_ten")).fleet == "global_ten"
    assert not portable(Settings()).fleet_was_given


def test_workers_elsewhere_find_the_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert portable(Settings(history=Path("hours"))).history == tmp_path / "hours"
    shipped = Path("four_markets_2023")
    assert portable(Settings(history=shipped)).history == shipped, "each worker has its own"
    assert fingerprint(portable(Settings(history=shipped)), ORDER)


def test_results_on_a_fleet_that_was_changed_since_are_of_another_study(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = (FLEETS / "global_ten.toml").read_text(encoding="utf-8")
    settings = Settings(fleet=str(file))
    file.write_text(text, encoding="utf-8")
    before = fingerprint(settings, ORDER)
    assert fingerprint(settings, ORDER) == before
    file.write_text(text.replace("grid_limit_mw = 60.0", "grid_limit_mw = 59.0", 1), encoding="utf-8")
    assert file.read_text(encoding="utf-8") != text
    assert fingerprint(settings, ORDER) != before


def test_a_journal_of_more_scenarios_than_are_asked_for_serves_fewer(tmp_path: Path, answer: dict[str, Any]) -> None:
    journal, told, pool = tmp_path / "study.jsonl", list[tuple[int, int]](), PoolInThisProcess()
    study(SETTINGS, ORDER, PoolInThisProcess(), journal=journal)
    fewer = study(SETTINGS, replace(ORDER, scenarios=2), pool, journal=journal, on_done=lambda *at: told.append(at))
    assert (pool.count, told) == (0, [(2, 2)])
    assert (fewer["scenarios"], fewer["plays"]) == (2, "synthetic")


@pytest.mark.parametrize("text", ["[]\n", "{}\n", '{"study": 1}\n', "not json\n"])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    journal = tmp_path / "notes.txt"
    journal.write_text(text)
    with pytest.raises(ConfigError):
        study(SETTINGS, ORDER, PoolInThisProcess(), journal=journal)
    assert journal.read_text() == text


def test_a_journal_with_an_empty_line_of_results_is_refused(tmp_path: Path) -> None:
    journal = tmp_path / "study.jsonl"
    journal.write_text(json.dumps({"study": fingerprint(portable(SETTINGS), ORDER)}) + "\n[]\n")
    with pytest.raises(ConfigError, match="cannot be used"):
        study(SETTINGS, ORDER, PoolInThisProcess(), journal=journal)


def test_a_scheduler_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no Dask scheduler answers"):
        Cluster("not an address")


def test_a_pool_that_dies_while_it_is_given_work_costs_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of scenarios are not all handed over before the first worker starts."""
    refused: list[int] = []

    class Frail(ThreadPoolExecutor):
        def __init__(self, workers: int, mp_context: object) -> None:
            super().__init__(workers)

        def submit(self, work: Any, /, *words: Any, **named: Any) -> Any:
            if words[0] == 2 and not refused:
                refused.append(2)
                raise BrokenProcessPool
            return super().submit(work, *words, **named)

    monkeypatch.setattr(pool, "ProcessPoolExecutor", Frail)
    assert sorted(result for _, result in Processes(1).results(abs, range(4))) == [0, 1, 2, 3]
    assert refused == [2]


class Scheduler:
    """Stand-in for the parts of a Dask client in use, whose work can fail.

    Either its workers die over every piece, or the work itself fails.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.is_closed = False

    def submit(self, work: Any, *pieces: Any, **named: Any) -> Any:
        return self

    def result(self) -> Any:
        raise self._error

    def close(self) -> None:
        self.is_closed = True


def told_by_a_cluster(monkeypatch: pytest.MonkeyPatch, error: Exception) -> tuple[Exception, Scheduler]:
    scheduler = Scheduler(error)
    import distributed

    monkeypatch.setattr(distributed, "Client", lambda *words, **named: scheduler)
    monkeypatch.setattr(distributed, "as_completed", iter)
    with pytest.raises(Exception) as raised:  # noqa: PT011  which one is what is asked
        list(Cluster("tcp://127.0.0.1:1").results(abs, [1]))
    return raised.value, scheduler


def killed_worker() -> Exception:
    from distributed import KilledWorker

    return KilledWorker("piece", SimpleNamespace(address="tcp://127.0.0.1:2"), 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error_of",
    [killed_worker, lambda: CancelledError("the scheduler is gone"), lambda: OSError("closed")],
    ids=["killed worker", "cancelled", "closed"],
)
def test_a_cluster_that_fails_is_told_in_one_line_and_let_go(
    monkeypatch: pytest.MonkeyPatch, error_of: Callable[[], Exception]
) -> None:
    told, scheduler = told_by_a_cluster(monkeypatch, error_of())
    assert isinstance(told, CommandError)
    assert "cluster" in str(told)
    assert "\n" not in str(told)
    assert scheduler.is_closed


def test_what_the_work_itself_refuses_is_said_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told, _ = told_by_a_cluster(monkeypatch, ConfigError("more history"))
    assert str(told) == "more history"
