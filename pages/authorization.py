"""The engine as screens may use it: whatever changes something is judged first, here and nowhere else.

Who acts is whoever's connection the message came by, never what a page or a message says of itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

from nicegui import run

from mara.api.security.permissions import Permission, permit
from mara.core.commands import Cancel, Command, Exclude, Outage, Restore
from mara.core.explanation import Explanation
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.errors import CommandError
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.explain.why_by_claude import explained_by_claude
from mara.runtime.published_state import StatePublisher
from mara.runtime.tick.exclusions import ExclusionRequest
from pages.serving.cached_query import ArchiveReader
from pages.serving.callers import caller, settled
from pages.serving.job_runner import JobRunner, Report, Task
from pages.serving.publisher import PlatformView
from pages.serving.undo import Undo


class Authorized:
    """What pages are given instead of the engine and the workbench. Reading is passed on, everything else judged.

    Attributes:
        undo: what was ordered a moment ago.
        begin_anew: ends this run and begins another; None where nobody can.

    Raises, from every deed: CommandError, whoever acts may not, or it is impossible.
    """

    def __init__(self, platform: PlatformView, workbench: JobRunner, undo: Undo) -> None:
        self._platform = platform
        self._workbench = workbench
        self.undo = undo
        self.begin_anew: Callable[[], object] | None = None

    @property
    def latest(self) -> StatePublisher:
        return self._platform.latest

    @property
    def archive(self) -> ArchiveReader:
        return self._platform.archive

    @property
    def advisor(self) -> AdvisorScheduler | None:
        return self._platform.advisor

    def report(self) -> Report:
        """How the workbench stands."""
        return self._workbench.read()

    def seconds_left(self, report: Report) -> float | None:
        """See `JobRunner.seconds_left`."""
        return self._workbench.seconds_left(report)

    async def quote(self, ask: QuoteRequest) -> Quote:
        await _demand(Permission.QUOTE)
        return await self._platform.quote(ask)

    async def book(self, quote_id: str, customer: str = "") -> Booking:
        await _demand(Permission.BOOK)
        return await self._platform.book(quote_id, customer)

    async def cancel(self, contract_id: str, *, only_look: bool = False) -> None:
        """End a contract; `only_look` says what stands against it, and orders nothing."""
        await _demand(Permission.CANCEL)
        if not only_look:
            await self._platform.cancel(contract_id)
            return
        snapshot = self.latest.read().snapshot
        if snapshot is None or all(contract.id != contract_id for contract in snapshot.contracts):
            raise CommandError(f"there is no live contract {contract_id!r}: it has ended, or was never booked")

    async def exclude(self, *asked: ExclusionRequest, only_look: bool = False) -> Sequence[Exclude]:
        """Announce ticks that will not count, for all or none; `only_look` says what stands against it."""
        await _demand(Permission.EXCLUDE)
        return await self._platform.exclude(*asked, only_look=only_look)

    async def order(self, *commands: Command) -> None:
        """Have commands obeyed, all or none."""
        for deed in sorted({_DEED_OF[type(command)] for command in commands}):
            await _demand(deed)
        await self._platform.order(*commands)

    async def pause(self) -> None:
        await _demand(Permission.PAUSE)
        await settled(self._platform.pause())

    async def resume(self) -> None:
        await _demand(Permission.RESUME)
        await settled(self._platform.resume())

    async def step(self, ticks: int) -> None:
        await _demand(Permission.STEP)
        await settled(self._platform.step(ticks))

    async def set_speed(self, speed_share: float) -> None:
        await _demand(Permission.SPEED)
        await settled(self._platform.set_speed(speed_share))

    async def optimize_now(self) -> None:
        await _demand(Permission.OPTIMIZE)
        await settled(self._platform.optimize_now())

    async def ask_claude(self) -> None:
        """Have Claude asked for advice on the plan in force."""
        await _demand(Permission.ASK_CLAUDE)
        await self._platform.ask_claude()

    async def explained(self, question: str) -> Explanation:
        """Claude's answer to a question, over what is stored."""
        await _demand(Permission.ASK_CLAUDE)
        if self.advisor is None:
            raise CommandError("nobody advises this run: start it with --optimizer claude")
        return await explained_by_claude(self.advisor, self.archive.why, self.latest.read().snapshot, question)

    async def start_work(self, task: Callable[[], Task]) -> None:
        """Begin a backtest or a study; what was entered is read only for whoever may."""
        await _demand(Permission.BACKTEST)
        self._workbench.start(task())

    async def end_work(self) -> None:
        """End what the workbench works on."""
        await _demand(Permission.BACKTEST)
        await run.io_bound(self._workbench.cancel)

    async def new_run(self) -> None:
        """End this run and begin another."""
        await _demand(Permission.NEW_RUN)
        if self.begin_anew is None:
            raise CommandError("this server cannot begin a run anew: start it with --fresh")
        self.begin_anew()


async def _demand(deed: Permission) -> None:
    """Insist on the right of whoever acts to this deed, as things stand now."""
    await permit(caller(), deed)


_DEED_OF: dict[type[Any], Permission] = {
    Outage: Permission.OUTAGE,
    Restore: Permission.RESTORE,
    Cancel: Permission.CANCEL,
    Exclude: Permission.EXCLUDE,
}
