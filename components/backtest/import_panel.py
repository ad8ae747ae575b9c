"""Panel that makes a history of market files: chosen, inspected, mapped, built."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared.theme import BROWSER_MODULES, panel
from mara.errors import MaraError

HINT = (
    "Files as their publishers write them: prices, carbon, weather, hashprices, exchange rates. They are read "
    "strictly; what cannot be trusted is refused in one line, and nothing is repaired in silence."
)
Sent: TypeAlias = Mapping[str, Any]
"""Content of a message of a browser, not yet checked."""
Place: TypeAlias = Literal["files", "reports", "more", "spec", "said"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCalls:
    """Calls behind the panel, each of which takes a browser's message.

    A MaraError that one raises is shown in the panel.

    Attributes:
        files: returns the files on the server.
        reports: returns a report for each layout among the chosen files.
        more: returns the reports of some of them with other series.
        spec: returns the text of the SPEC that was entered.
        build, end_build, remove, run: change something.
    """

    files: Callable[[Sent], Awaitable[object]]
    reports: Callable[[Sent], Awaitable[object]]
    more: Callable[[Sent], Awaitable[object]]
    spec: Callable[[Sent], Awaitable[object]]
    build: Callable[[Sent], Awaitable[object]]
    end_build: Callable[[Sent], Awaitable[object]]
    remove: Callable[[Sent], Awaitable[object]]
    run: Callable[[Sent], Awaitable[object]]


class ImportPanel(ui.element, component="import_panel.js", esm=BROWSER_MODULES):
    """Files, reports and form, of which each browser has its own.

    Args:
        most_mb: size of the largest file that may be sent.
        folder: name of the import folder.
        shipped: name and title of the histories whose hashprices may be taken.
        why_not: why files cannot be imported here; "" where they can.
        why_not_run: why whoever looks may not run a backtest; "" where they may.
    """

    def __init__(
        self,
        calls: ImportCalls,
        *,
        most_mb: int,
        folder: str,
        shipped: Sequence[tuple[str, str]],
        why_not: str,
        why_not_run: str,
    ) -> None:
        super().__init__()
        self._asked: dict[str, int] = {}
        self._reading: asyncio.Task[object] | None = None
        for place in ("files", "reports", "more", "spec", "said"):
            self.props[place] = {}
        self.props.update({"most_mb": most_mb, "folder": folder, "why_not": why_not, "why_not_run": why_not_run})
        self.props["shipped"] = [{"name": name, "title": title} for name, title in shipped]
        self._calls = calls
        self.mark("import-panel")
        if why_not:
            return
        self.on("ask-files", lambda event: self._answer("files", calls.files, event))
        self.on("ask-reports", lambda event: self._read("reports", calls.reports, event))
        self.on("ask-more", lambda event: self._read("more", calls.more, event))
        self.on("order-reading-end", self._end_reading)
        self.on("ask-spec", lambda event: self._answer("spec", calls.spec, event))
        self.on("order-build", lambda event: self._answer("said", calls.build, event))
        self.on("order-build-end", lambda event: self._answer("said", calls.end_build, event))
        self.on("order-remove-file", self._remove)
        self.on("order-run-built", lambda event: self._answer("said", calls.run, event))

    async def _remove(self, event: GenericEventArguments) -> None:
        await self._answer("said", self._calls.remove, event)
        await self._answer("files", self._calls.files, event)

    async def _read(
        self, place: Place, call: Callable[[Sent], Awaitable[object]], event: GenericEventArguments
    ) -> None:
        """Show what is read from files; a newer question, or its end, cancels it."""
        self._end_reading()

        async def called(sent: Sent) -> object:
            with self:  # a task of its own has no slot, from which the calls know whose page asks
                return await call(sent)

        async def read(sent: Sent) -> object:
            reading = self._reading = asyncio.create_task(called(sent))
            try:
                return await reading
            except asyncio.CancelledError:
                if not reading.cancelled():
                    raise
                return None

        await self._answer(place, read, event)

    def _end_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    async def _answer(
        self, place: Place, call: Callable[[Sent], Awaitable[object]], event: GenericEventArguments
    ) -> None:
        """Show what a call answers, unless a newer question was asked meanwhile."""
        number = self._asked[place] = self._asked.get(place, 0) + 1
        try:
            answer: dict[str, object] = {"found": await call(event.args if isinstance(event.args, dict) else {})}
        except MaraError as error:
            answer = {"refusal": str(error)}
        if number == self._asked[place]:
            self.props[place] = {**answer, "number": number}
            self.update()


def import_panel(calls: ImportCalls, **facts: Any) -> None:
    """Draw the panel "Import market files"; `facts` are those of `ImportPanel`."""
    with panel("Import market files", "import-panel", HINT):
        ImportPanel(calls, **facts)
