"""Builder of histories: one at a time, in a process of its own, with progress."""

import atexit
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal

from mara.errors import CommandError, MaraError
from mara.feeds.markets.building.build import BuildOrder, build
from mara.feeds.markets.building.spec import read_spec
from mara.feeds.markets.reading.series import Fill
from mara.runtime.spawned_work import SpawnedWork, step_back

BuildState = Literal["idle", "running", "done", "failed", "cancelled"]
Written = dict[str, Any]
"""Report on a written history, as `mara import build --json` prints it."""
PARTS: Final = {"files": (0.0, 0.5), "sites": (0.5, 0.2), "rows": (0.7, 0.3)}
"""Begin and length of each part of a build, as shares of the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildJob:
    """A history to be built.

    Attributes:
        from_s, to_s: seconds since 1970; None for what all sources cover.
    """

    name: str
    spec_file: Path
    out: Path
    from_s: int | None = None
    to_s: int | None = None
    fill: Fill = Fill.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStatus:
    """State of the builder.

    Attributes:
        version: grows with every change.
        name: the history that is or was built last.
        what: the part at work: files, sites or rows.
        reason: why it failed, in one line.
        report: what was written.
    """

    version: int = 0
    state: BuildState = "idle"
    name: str = ""
    what: str = ""
    share: float = 0.0
    reason: str = ""
    report: Written | None = None


class Builder:
    """The build under way and its state; `status` may be read from any thread.

    Args:
        conclude: called once a build has ended, in the thread that listens to it, before the state says so.
    """

    def __init__(self, conclude: Callable[[BuildJob, bool], None]) -> None:
        self._conclude_job = conclude
        self._status = BuildStatus()
        self._lock = Lock()
        self._job: BuildJob | None = None
        self._work: SpawnedWork | None = None
        atexit.register(self.cancel)  # a process that is not a daemon would be waited for

    @property
    def status(self) -> BuildStatus:
        return self._status

    def start(self, job: BuildJob) -> None:
        """Begin a build.

        Raises:
            CommandError: one is under way already.
        """
        if self._status.state == "running":
            raise CommandError(f"{self._status.name} is being built, one at a time: wait or cancel it")
        self._job = job
        self._work = SpawnedWork(
            "mara-import",
            build_into,
            (job,),
            hear=self._hear,
            on_silence=lambda work: self._end(work, "failed", UNHEARD),
        )
        self._set(state="running", name=job.name, what="", share=0.0, reason="", report=None)
        self._work.start()

    def cancel(self) -> None:
        """End the build under way, of which nothing stays; harmless where there is none."""
        work = self._work
        if work is None or self._status.state != "running":
            return
        self._work = None  # its messages no longer count
        work.end()
        self._close("cancelled")

    def _hear(self, work: SpawnedWork, kind: str, content: Any) -> bool:
        """Take in one message; True while there will be more."""
        if kind == "progress":
            what, done, total = content
            begin, length = PARTS.get(what, (0.0, 0.0))
            if self._work is work:
                self._set(what=what, share=max(self._status.share, begin + length * done / max(total, 1)))
            return True
        if kind == "done":
            self._end(work, "done", report=content)
        else:
            self._end(work, "failed", str(content))
        return False

    def _end(
        self, work: SpawnedWork, state: BuildState, reason: str = "", report: dict[str, Any] | None = None
    ) -> None:
        if self._work is work and self._status.state == "running":
            self._close(state, reason, report)

    def _close(self, state: BuildState, reason: str = "", report: Written | None = None) -> None:
        assert self._job is not None
        self._conclude_job(self._job, state == "done")
        self._set(state=state, reason=reason, report=report, share=1.0 if state == "done" else self._status.share)

    def _set(self, **changes: Any) -> None:
        with self._lock:
            self._status = replace(self._status, version=self._status.version + 1, **changes)


UNHEARD: Final = "the build ended without a result, perhaps for want of memory: see the log"


def build_into(connection: Connection, job: BuildJob) -> None:
    """Build a history in this process; send progress, and the report or a refusal."""
    step_back()
    order = BuildOrder(spec_file=job.spec_file, out=job.out, from_s=job.from_s, to_s=job.to_s, fill=job.fill)
    try:
        report = build(
            read_spec(job.spec_file),
            order,
            lambda what, done, total: connection.send(("progress", (what, done, total))),
        )
    except MaraError as error:
        connection.send(("failed", str(error)))
    else:
        connection.send(("done", report))
    finally:
        connection.close()
