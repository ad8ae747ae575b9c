"""One backtest at a time, in a process of its own: started, watched and ended from the screens."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Lock, Thread
from typing import Any, Final, Literal

from mara.backtests import BacktestResult, Progress, compared_into
from mara.bootstrap import BacktestOrder
from mara.errors import CommandError
from mara.runtime.clock import Clock
from mara.settings import Settings

State = Literal["idle", "running", "done", "failed", "cancelled"]

WEIGHTS: Final = {"static": 1.0, "static-breakeven": 1.0, "rules": 1.2, "lp": 60.0, "bound": 30.0}
"""How long each part takes beside the others, by order of magnitude: for the time that is left."""
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
class Report:
    """How it stands. `version` grows by one with every change."""

    version: int = 0
    state: State = "idle"
    task: BacktestTask | None = None
    what: str = ""
    """The policy at work, or the bound."""
    share: float = 0.0
    began_s: float = 0.0
    ended_s: float = 0.0
    reason: str = ""
    """Why it failed, in one line."""
    results: tuple[BacktestResult, ...] = ()


class Workbench:
    """Lives as long as the app. `read` is for any thread; the others belong to the event loop's.

    Args:
        clock: for how long it has been at work.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._report = Report()
        self._lock = Lock()
        self._work: BaseProcess | None = None

    def read(self) -> Report:
        return self._report

    def seconds_left(self, report: Report) -> float | None:
        """Real seconds until it is done; None while that would be a guess."""
        if report.state != "running" or report.share < LEAST_SHARE:
            return None
        return (self._clock.monotonic_s() - report.began_s) * (1.0 - report.share) / report.share

    def start(self, task: BacktestTask) -> None:
        """Begin.

        Raises:
            CommandError: one is under way.
        """
        if self._report.state == "running":
            raise CommandError("a backtest is under way, and the server runs one at a time: wait for it, or cancel it")
        context = get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        arguments = (theirs, task.settings, task.order, task.policies, task.with_bound)
        self._work = context.Process(target=compared_aside, args=arguments, name="mara-backtest", daemon=True)
        self._set(
            state="running",
            task=task,
            what=task.policies[0],
            share=0.0,
            began_s=self._clock.monotonic_s(),
            reason="",
            results=(),
        )
        self._work.start()
        theirs.close()  # so that its end is seen when the process ends
        Thread(target=self._listen, args=(ours, self._work), name="mara-backtest-news", daemon=True).start()

    def cancel(self) -> None:
        """End what is under way; it has written nothing. Harmless when nothing is."""
        if self._report.state != "running":
            return
        self._set(state="cancelled", ended_s=self._clock.monotonic_s())
        self._end(self._work)

    def close(self) -> None:
        """End with the server."""
        self.cancel()

    def _listen(self, news: Connection, work: BaseProcess) -> None:
        """Keep the report up to date until the process has said its last word, or none."""
        try:
            while self._hear(work, *news.recv()):
                pass
        except (EOFError, OSError):
            self._conclude(work, state="failed", reason="the backtest ended without a result: see the log")
        finally:
            news.close()
            work.join(END_TIMEOUT_S)

    def _hear(self, work: BaseProcess, kind: str, content: Any) -> bool:
        """Take one message; returns whether there will be more."""
        match kind:
            case "progress":
                return self._note(work, content)
            case "done":
                self._conclude(work, state="done", share=1.0, results=tuple(content))
            case _:
                self._conclude(work, state="failed", reason=str(content))
        return False

    def _note(self, work: BaseProcess, progress: Progress) -> bool:
        task = self._report.task
        if task is None or not self._is_awaited(work):
            return False
        self._set(what=progress.what, share=share_of(progress, task.policies, with_bound=task.with_bound))
        return True

    def _conclude(self, work: BaseProcess, **changes: Any) -> None:
        if self._is_awaited(work):
            self._set(ended_s=self._clock.monotonic_s(), **changes)

    def _is_awaited(self, work: BaseProcess) -> bool:
        """Whether this process is the one at work: one that was cancelled has nothing more to say."""
        return self._work is work and self._report.state == "running"

    def _end(self, work: BaseProcess | None) -> None:
        if work is None:
            return
        work.terminate()
        work.join(END_TIMEOUT_S)
        if work.is_alive():
            work.kill()

    def _set(self, **changes: Any) -> None:
        with self._lock:
            self._report = replace(self._report, version=self._report.version + 1, **changes)


def compared_aside(
    connection: Connection, settings: Settings, order: BacktestOrder, policies: Sequence[str], with_bound: bool
) -> None:
    """What the process is for: `compared_into`, but behind everything that is more urgent."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    compared_into(connection, settings, order, policies, with_bound)


def share_of(progress: Progress, policies: Sequence[str], *, with_bound: bool) -> float:
    """How much of the whole is done, 0..1. The bound is found after the first policy, once."""
    parts = [policies[0], *(["bound"] if with_bound else []), *policies[1:]]
    weights = [WEIGHTS.get(part, 1.0) for part in parts]
    place = parts.index(progress.what) if progress.what in parts else 0
    done = sum(weights[:place]) + weights[place] * progress.done / max(progress.total, 1)
    return min(done / sum(weights), 1.0)
