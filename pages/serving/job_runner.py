"""Runner of backtests and studies, one at a time, each in processes of its own."""

import atexit
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any, Final, Literal

from mara.assembly.backtest import BacktestOrder
from mara.backtests import BOUND, BacktestResult, compared_into
from mara.errors import CommandError, MaraError
from mara.optimizer_names import BACKTEST_RATIO
from mara.runtime.clock import Clock
from mara.runtime.progress import Progress
from mara.runtime.spawned_work import SpawnedWork, step_back
from mara.runtime.worker_pool import Processes
from mara.settings import Settings
from mara.studies import StudyOrder, study

State = Literal["idle", "running", "done", "failed", "cancelled"]

WEIGHTS: Final = {**BACKTEST_RATIO, BOUND: 30.0}
"""Relative durations of a backtest's parts, to an order of magnitude."""
LEAST_SHARE: Final = 0.02
"""Least progress from which on the time left is estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestTask:
    """A backtest to run: settings, order and policies."""

    settings: Settings
    order: BacktestOrder
    policies: tuple[str, ...]
    with_bound: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTask:
    """A study to run, with its number of worker processes."""

    settings: Settings
    order: StudyOrder
    workers: int


Task = BacktestTask | StudyTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """State of the runner; the last results of each kind stay until its next run.

    Attributes:
        version: grows with every change.
    """

    version: int = 0
    state: State = "idle"
    task: Task | None = None
    what: str = ""
    """Part under way: a policy, the bound, or scenarios."""
    share: float = 0.0
    began_s: float = 0.0
    ended_s: float = 0.0
    reason: str = ""
    """Reason of a failure, in one line."""
    compared: BacktestTask | None = None
    """Backtest that `results` belong to."""
    results: tuple[BacktestResult, ...] = ()
    study: dict[str, Any] | None = None
    """Figures of the last study, as `mara study --json` writes them."""


class JobRunner:
    """Runs a job at a time in a process; lives as long as the app.

    `read` may be called from any thread, all else from the event loop's.

    Args:
        clock: clock that measures the duration of jobs.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._report = Report()
        self._lock = Lock()
        self._work: SpawnedWork | None = None
        atexit.register(self.close)  # the interpreter's exit would wait for a process that is not a daemon

    def read(self) -> Report:
        return self._report

    def seconds_left(self, report: Report) -> float | None:
        """Estimate the real time [s] until the work is done; None at its beginning."""
        if report.state != "running" or report.share < LEAST_SHARE:
            return None
        return (self._clock.monotonic_s() - report.began_s) * (1.0 - report.share) / report.share

    def start(self, task: Task) -> None:
        """Begin a backtest or a study.

        Raises:
            CommandError: a job is under way already.
        """
        if self._report.state == "running":
            running = "study" if isinstance(self._report.task, StudyTask) else "backtest"
            raise CommandError(f"a {running} is under way, and the server runs one at a time: wait or cancel it")
        self._work = SpawnedWork(
            "mara-workbench", work_into, (task,), hear=self._hear, on_silence=self._conclude_unheard
        )
        gone: dict[str, Any] = {"study": None} if isinstance(task, StudyTask) else {"results": (), "compared": None}
        began_s = self._clock.monotonic_s()
        self._set(state="running", task=task, what="", share=0.0, began_s=began_s, reason="", **gone)
        self._work.start()

    def cancel(self) -> None:
        """End the work under way, which has written no files; harmless without any."""
        if self._report.state != "running":
            return
        self._set(state="cancelled", ended_s=self._clock.monotonic_s())
        if self._work is not None:
            self._work.end()  # it has written nothing

    def close(self) -> None:
        """End the work with the server."""
        self.cancel()

    def _conclude_unheard(self, work: SpawnedWork) -> None:
        self._conclude(work, state="failed", reason="the work ended without a result: see the log")

    def _hear(self, work: SpawnedWork, kind: str, content: Any) -> bool:
        """Handle one message; return True while there will be more."""
        match kind:
            case "progress":
                return self._note(work, content)
            case "done":
                self._conclude(work, state="done", share=1.0, **_results(self._report.task, content))
            case _:
                self._conclude(work, state="failed", reason=str(content))
        return False

    def _note(self, work: SpawnedWork, progress: Progress) -> bool:
        task = self._report.task
        if task is None or not self._is_awaited(work):
            return False
        self._set(what=progress.what, share=share_of(progress, task))
        return True

    def _conclude(self, work: SpawnedWork, **changes: Any) -> None:
        if self._is_awaited(work):
            self._set(ended_s=self._clock.monotonic_s(), **changes)

    def _is_awaited(self, work: SpawnedWork) -> bool:
        """True if messages of a process still count; those of a cancelled one do not."""
        return self._work is work and self._report.state == "running"

    def _set(self, **changes: Any) -> None:
        with self._lock:
            self._report = replace(self._report, version=self._report.version + 1, **changes)


def work_into(connection: Connection, task: Task) -> None:
    """Run a task in this process, at low priority; send progress and results."""
    step_back()
    match task:
        case BacktestTask():
            compared_into(connection, task.settings, task.order, task.policies, task.with_bound)
        case StudyTask():
            studied_into(connection, task)


def studied_into(connection: Connection, task: StudyTask) -> None:
    """Run a study in this process, with the messages of `compared_into`."""

    def tell(done: int, total: int) -> None:
        connection.send(("progress", Progress(what="scenarios", done=done, total=total)))

    try:
        figures = study(task.settings, task.order, Processes(task.workers), on_done=tell)
    except MaraError as error:
        connection.send(("failed", str(error)))
    else:
        connection.send(("done", figures))
    finally:
        connection.close()


def share_of(progress: Progress, task: Task) -> float:
    """Estimate the share of the whole task that is done, 0..1.

    A bound is computed once, after the first policy.
    """
    part = progress.done / max(progress.total, 1)
    if isinstance(task, StudyTask):
        return part
    parts = [task.policies[0], *(["bound"] if task.with_bound else []), *task.policies[1:]]
    weights = [WEIGHTS.get(name, 1.0) for name in parts]
    place = parts.index(progress.what) if progress.what in parts else 0
    return min((sum(weights[:place]) + weights[place] * part) / sum(weights), 1.0)


def _results(task: Task | None, content: Any) -> dict[str, Any]:
    """Return the fields of the report that a task's last message fills."""
    return {"study": content} if isinstance(task, StudyTask) else {"results": tuple(content), "compared": task}
