"""One backtest or study at a time, in processes of their own: started, watched and ended from the screens."""

import atexit
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Lock, Thread
from typing import Any, Final, Literal

from mara.assembly import BacktestOrder
from mara.backtests import BOUND, BacktestResult, Progress, compared_into
from mara.errors import CommandError, MaraError
from mara.optimizer_names import BACKTEST_RATIO
from mara.runtime.clock import Clock
from mara.runtime.worker_pool import Processes
from mara.settings import Settings
from mara.studies import StudyOrder, study

State = Literal["idle", "running", "done", "failed", "cancelled"]

WEIGHTS: Final = {**BACKTEST_RATIO, BOUND: 30.0}
"""How long each part of a backtest takes beside the others, by order of magnitude: for the time that is left."""
LEAST_SHARE: Final = 0.02
"""Below it nothing is said of the time left: it would be a guess."""
NICENESS: Final = 10
"""Of the process: the live run's ticks come first."""
END_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestTask:
    """What was ordered."""

    settings: Settings
    order: BacktestOrder
    policies: tuple[str, ...]
    with_bound: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTask:
    """A study that was ordered, and how many processes work on it."""

    settings: Settings
    order: StudyOrder
    workers: int


Task = BacktestTask | StudyTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How it stands. `version` grows with every change; the last results of each kind stay until its next run."""

    version: int = 0
    state: State = "idle"
    task: Task | None = None
    what: str = ""
    """The policy at work, the bound, or scenarios."""
    share: float = 0.0
    began_s: float = 0.0
    ended_s: float = 0.0
    reason: str = ""
    """Why it failed, in one line."""
    compared: BacktestTask | None = None
    """What `results` are of."""
    results: tuple[BacktestResult, ...] = ()
    study: dict[str, Any] | None = None
    """The figures of `mara study --json`."""


class JobRunner:
    """Lives as long as the app. `read` is for any thread; the others belong to the event loop's.

    Args:
        clock: for how long it has been at work.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._report = Report()
        self._lock = Lock()
        self._work: BaseProcess | None = None
        atexit.register(self.close)  # a process that is not a daemon would be waited for

    def read(self) -> Report:
        return self._report

    def seconds_left(self, report: Report) -> float | None:
        """Real seconds until it is done; None while that would be a guess."""
        if report.state != "running" or report.share < LEAST_SHARE:
            return None
        return (self._clock.monotonic_s() - report.began_s) * (1.0 - report.share) / report.share

    def start(self, task: Task) -> None:
        """Begin.

        Raises:
            CommandError: one is under way.
        """
        if self._report.state == "running":
            running = "study" if isinstance(self._report.task, StudyTask) else "backtest"
            raise CommandError(f"a {running} is under way, and the server runs one at a time: wait or cancel it")
        context = get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        # Not a daemon: those may have no workers of their own.
        self._work = context.Process(target=work_into, args=(theirs, task), name="mara-workbench", daemon=False)
        gone: dict[str, Any] = {"study": None} if isinstance(task, StudyTask) else {"results": (), "compared": None}
        began_s = self._clock.monotonic_s()
        self._set(state="running", task=task, what="", share=0.0, began_s=began_s, reason="", **gone)
        self._work.start()
        theirs.close()  # so that its end is seen when the process ends
        Thread(target=self._listen, args=(ours, self._work), name="mara-workbench-news", daemon=True).start()

    def cancel(self) -> None:
        """End what is under way; it has written nothing. Harmless when nothing is."""
        if self._report.state != "running":
            return
        self._set(state="cancelled", ended_s=self._clock.monotonic_s())
        if self._work is not None:
            _end_all(self._work)

    def close(self) -> None:
        """End with the server."""
        self.cancel()

    def _listen(self, news: Connection, work: BaseProcess) -> None:
        """Keep the report up to date until the process has said its last word, or none."""
        try:
            while self._hear(work, *news.recv()):
                pass
        except (EOFError, OSError):
            self._conclude(work, state="failed", reason="the work ended without a result: see the log")
            _end_all(work)  # its own workers may have outlived it
        finally:
            news.close()
            work.join(END_TIMEOUT_S)

    def _hear(self, work: BaseProcess, kind: str, content: Any) -> bool:
        """Take one message; returns whether there will be more."""
        match kind:
            case "progress":
                return self._note(work, content)
            case "done":
                self._conclude(work, state="done", share=1.0, **_results(self._report.task, content))
            case _:
                self._conclude(work, state="failed", reason=str(content))
        return False

    def _note(self, work: BaseProcess, progress: Progress) -> bool:
        task = self._report.task
        if task is None or not self._is_awaited(work):
            return False
        self._set(what=progress.what, share=share_of(progress, task))
        return True

    def _conclude(self, work: BaseProcess, **changes: Any) -> None:
        if self._is_awaited(work):
            self._set(ended_s=self._clock.monotonic_s(), **changes)

    def _is_awaited(self, work: BaseProcess) -> bool:
        """Whether this process is the one at work: one that was cancelled has nothing more to say."""
        return self._work is work and self._report.state == "running"

    def _set(self, **changes: Any) -> None:
        with self._lock:
            self._report = replace(self._report, version=self._report.version + 1, **changes)


def work_into(connection: Connection, task: Task) -> None:
    """What the process is for: the task, behind everything that is more urgent, with news to the connection."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # its workers end with it
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    match task:
        case BacktestTask():
            compared_into(connection, task.settings, task.order, task.policies, task.with_bound)
        case StudyTask():
            studied_into(connection, task)


def studied_into(connection: Connection, task: StudyTask) -> None:
    """A study for a process of its own, told as `compared_into` tells a backtest."""

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
    """How much of the whole is done, 0..1. A bound is found after the first policy, once."""
    part = progress.done / max(progress.total, 1)
    if isinstance(task, StudyTask):
        return part
    parts = [task.policies[0], *(["bound"] if task.with_bound else []), *task.policies[1:]]
    weights = [WEIGHTS.get(name, 1.0) for name in parts]
    place = parts.index(progress.what) if progress.what in parts else 0
    return min((sum(weights[:place]) + weights[place] * part) / sum(weights), 1.0)


def _results(task: Task | None, content: Any) -> dict[str, Any]:
    """The part of the report that a task's last word fills."""
    return {"study": content} if isinstance(task, StudyTask) else {"results": tuple(content), "compared": task}


def _end_all(work: BaseProcess) -> None:
    """End the process and its workers."""
    if hasattr(os, "killpg") and work.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(work.pid, signal.SIGKILL)  # it has written nothing; its group is its own
    work.terminate()
    work.join(END_TIMEOUT_S)
