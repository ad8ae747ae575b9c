"""Authorization of the screens: each change first checks the user's right.

No other module checks rights for the screens. The user is that of the connection by which a message came, never one
that a page or a message names.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from nicegui import run

from mara.api.security.permissions import Permission, permit
from mara.assembly.imports.builder import BuildStatus
from mara.assembly.imports.catalogue import HistoryCard
from mara.assembly.imports.desk import BuildRequest, ImportDesk
from mara.assembly.imports.draft import ImportDraft
from mara.assembly.imports.folder import ImportFolder, MarketFile
from mara.assembly.imports.reports import InspectionOrder
from mara.assembly.imports.trash import Deleted
from mara.core.commands import Cancel, Command, Exclude, Outage, Restore, Retract
from mara.core.dispatch_document import MODES, UNARMED, Mode
from mara.core.explanation import Explanation
from mara.core.live_source import AnnouncedLimit, GridWarning, SourceSnapshot
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.core.what_if import WhatIf, WhatIfRequest
from mara.errors import CommandError
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.explain.why_by_claude import explained_by_claude
from mara.runtime.published_state import StatePublisher
from mara.runtime.tick.exclusions import ExclusionRequest
from pages.serving.cached_query import ArchiveReader
from pages.serving.current_user import acting_scope, awaited
from pages.serving.job_runner import JobRunner, Report, Task
from pages.serving.publisher import PlatformView
from pages.serving.undo import Undo


class Histories(Protocol):
    """The part of the import desk that everybody may read.

    The methods are described at `mara.assembly.imports.desk.ImportDesk`.
    """

    @property
    def version(self) -> int: ...
    @property
    def folder(self) -> ImportFolder: ...
    @property
    def histories_folder(self) -> Path | None: ...
    def histories(self) -> Sequence[HistoryCard]: ...
    def place_of(self, card: HistoryCard) -> str: ...
    def status(self) -> BuildStatus: ...
    def deleted(self) -> Sequence[Deleted]: ...


class Authorized:
    """Live run and job runner for pages: reads pass, changes need the user's right.

    Every coroutine raises CommandError where the user lacks the right, or the change is impossible.

    Attributes:
        undo: orders that can still be undone.
        begin_anew: function that ends this run and begins another; None where this server cannot.
    """

    def __init__(self, platform: PlatformView, jobs: JobRunner, undo: Undo, desk: ImportDesk) -> None:
        self._platform = platform
        self._jobs = jobs
        self._desk = desk
        self.undo = undo
        self.begin_anew: Callable[[], object] | None = None

    @property
    def publisher(self) -> StatePublisher:
        return self._platform.publisher

    @property
    def archive(self) -> ArchiveReader:
        return self._platform.archive

    @property
    def advisor(self) -> AdvisorScheduler | None:
        return self._platform.advisor

    def sources(self) -> tuple[SourceSnapshot, ...]:
        """Tell how asking the live sources goes."""
        return self._platform.sources()

    def announced_limits(self) -> tuple[AnnouncedLimit, ...]:
        """List the limits by the grid's operator whose time is not over."""
        return self._platform.announced_limits()

    def warnings(self) -> tuple[GridWarning, ...] | None:
        """List the grid operator's standing warnings; None before it has answered."""
        return self._platform.warnings()

    def report(self) -> Report:
        """Return the state of the job runner."""
        return self._jobs.read()

    def seconds_left(self, report: Report) -> float | None:
        """Estimate the time until a job is done; see `JobRunner.seconds_left`."""
        return self._jobs.seconds_left(report)

    def what_if(self, asked: WhatIfRequest) -> Awaitable[WhatIf]:
        """Answer a what-if question, to everybody who may read: it changes nothing."""
        return self._platform.what_if(asked)

    async def quote(self, ask: QuoteRequest) -> Quote:
        await _require(Permission.QUOTE)
        return await self._platform.quote(ask)

    async def book(self, quote_id: str, customer: str = "") -> Booking:
        await _require(Permission.BOOK)
        return await self._platform.book(quote_id, customer)

    async def cancel(self, contract_id: str, *, only_look: bool = False) -> None:
        """End a contract; with `only_look` only check that this is possible."""
        await _require(Permission.CANCEL)
        if not only_look:
            await self._platform.cancel(contract_id)
            return
        snapshot = self.publisher.read().snapshot
        if snapshot is None or all(contract.id != contract_id for contract in snapshot.contracts):
            raise CommandError(f"there is no live contract {contract_id!r}: it has ended, or was never booked")

    async def exclude(self, *asked: ExclusionRequest, only_look: bool = False) -> None:
        """Announce exclusions, all or none; `only_look` checks without announcing."""
        await _require(Permission.EXCLUDE)
        await self._platform.exclude(*asked, only_look=only_look)

    async def order(self, *commands: Command, only_look: bool = False) -> None:
        """Order commands, all or none; each kind among them needs its right.

        `only_look` checks whether the next tick could obey them, without ordering.
        """
        for permission in sorted({_PERMISSION_OF[type(command)] for command in commands}):
            await _require(permission)
        await self._platform.order(*commands, only_look=only_look)

    async def acknowledge(self, *numbers: int) -> None:
        """Note that some alerts were seen."""
        await _require(Permission.ACKNOWLEDGE)
        await self._platform.alerts.acknowledge(*numbers)

    async def reopen(self, *numbers: int) -> None:
        """Take back that some alerts were seen."""
        await _require(Permission.ACKNOWLEDGE)
        await self._platform.alerts.reopen(*numbers)

    async def silence(self, numbers: Sequence[int], until: datetime) -> None:
        """Silence the kind and subject of some alerts until a time of the fleet's clock."""
        await _require(Permission.SILENCE)
        await self._platform.alerts.silence(*numbers, until=until)

    async def unsilence(self, *numbers: int) -> None:
        """End the silence of some alerts."""
        await _require(Permission.SILENCE)
        await self._platform.alerts.unsilence(*numbers)

    async def pause(self) -> None:
        await _require(Permission.PAUSE)
        await awaited(self._platform.pause())

    async def resume(self) -> None:
        await _require(Permission.RESUME)
        await awaited(self._platform.resume())

    async def step(self, ticks: int) -> None:
        await _require(Permission.STEP)
        await awaited(self._platform.step(ticks))

    async def set_speed(self, speed_factor: float) -> None:
        await _require(Permission.SPEED)
        await awaited(self._platform.set_speed(speed_factor))

    async def optimize_now(self) -> None:
        await _require(Permission.OPTIMIZE)
        await awaited(self._platform.optimize_now())

    async def disarm(self, site_id: str, mode: Mode, reason: str) -> None:
        """Take a site back to a mode in which nothing is told to its devices."""
        await _require(Permission.DISARM)
        if mode not in UNARMED:
            raise CommandError(f"a site is taken back to shadow or advise, {str(mode)[:20]!r} came: arm it instead")
        await self._platform.set_mode(site_id, mode, reason)

    async def arm(self, site_id: str, mode: Mode, reason: str) -> None:
        """Let the plan reach the devices of a site."""
        await _require(Permission.ARM)
        if mode not in MODES:
            raise CommandError(f"a mode is one of {', '.join(MODES)}, {str(mode)[:20]!r} came: choose one of them")
        await self._platform.set_mode(site_id, mode, reason)

    async def stop_site(self, site_id: str, reason: str) -> None:
        """Have a site draw nothing from now on, until it is released."""
        await _require(Permission.EMERGENCY)
        await self._platform.stop_site(site_id, reason)

    async def release_site(self, site_id: str, reason: str) -> None:
        """Let a stopped site follow the plan again."""
        await _require(Permission.EMERGENCY)
        await self._platform.release_site(site_id, reason)

    async def ask_claude(self) -> None:
        """Ask Claude for advice on the plan in force."""
        await _require(Permission.ASK_CLAUDE)
        await self._platform.ask_claude()

    async def explained(self, question: str) -> Explanation:
        """Have Claude answer a question from the stored run."""
        await _require(Permission.ASK_CLAUDE)
        if self.advisor is None:
            raise CommandError("nobody advises this run: start it with --optimizer claude")
        return await explained_by_claude(self.advisor, self.archive.why, self.publisher.read().snapshot, question)

    async def start_work(self, task: Callable[[], Task]) -> None:
        """Begin a backtest or a study; the form is read once the right is checked."""
        await _require(Permission.BACKTEST)
        self._jobs.start(task())

    async def end_work(self) -> None:
        """Cancel the backtest or study that is running."""
        await _require(Permission.BACKTEST)
        await run.io_bound(self._jobs.cancel)

    @property
    def histories(self) -> Histories:
        """Histories that can be run, the build under way, and what can be brought back."""
        return self._desk

    async def market_files(self) -> Sequence[MarketFile]:
        """List the market files on the server."""
        await _require(Permission.IMPORT)
        return await self._desk.files()

    async def inspect_files(self, asked: InspectionOrder) -> list[dict[str, Any]]:
        """Report on market files; see `ImportDesk.inspect`."""
        await _require(Permission.IMPORT)
        return await self._desk.inspect(asked)

    async def remove_file(self, name: str) -> str:
        """Delete an uploaded file; returns the entry that brings it back."""
        await _require(Permission.IMPORT)
        return await self._desk.remove_file(name)

    async def spec_of(self, draft: Callable[[], ImportDraft]) -> str:
        """Write what was entered as a SPEC; it is read once the right is checked."""
        await _require(Permission.IMPORT)
        return await self._desk.spec_of(draft())

    async def build_history(self, request: Callable[[], BuildRequest]) -> None:
        """Begin to build a history; what was entered is read once the right is checked."""
        await _require(Permission.IMPORT)
        await self._desk.build(request())

    async def cancel_build(self) -> None:
        """Cancel the build under way."""
        await _require(Permission.IMPORT)
        await self._desk.cancel()

    async def delete_history(self, name: str) -> str:
        """Delete a history that was built here; returns the entry that brings it back."""
        await _require(Permission.IMPORT)
        return await self._desk.delete_history(name)

    async def bring_back(self, entry: str) -> None:
        """Bring back a history or a file that was deleted."""
        await _require(Permission.IMPORT)
        await self._desk.restore(entry)

    async def new_run(self) -> None:
        """End this run and begin another."""
        await _require(Permission.NEW_RUN)
        if self.begin_anew is None:
            raise CommandError("this server cannot begin a run anew: start it with --fresh")
        self.begin_anew()


async def _require(permission: Permission) -> None:
    """Check a right of the acting user in the database, as it is now.

    Raises:
        CommandError: the user lacks the right.
    """
    await permit(acting_scope(), permission)


_PERMISSION_OF: dict[type[Any], Permission] = {
    Outage: Permission.OUTAGE,
    Restore: Permission.RESTORE,
    Cancel: Permission.CANCEL,
    Exclude: Permission.EXCLUDE,
    Retract: Permission.EXCLUDE,
}
