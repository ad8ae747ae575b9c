"""Bar of the orders that can still be undone, with the time left."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared.theme import BROWSER_MODULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Order that can still be undone.

    With `is_held` it is sent when the time is over; else it was sent, and its inverse is offered.
    """

    key: str
    text: str
    is_held: bool
    left_s: float


class UndoBar(ui.element, component="undo_bar.js", esm=BROWSER_MODULES):
    """Bar of orders that can be undone; calls `undo` with the key of the chosen one."""

    def __init__(self, first: Sequence[Entry], undo: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._undo = undo
        self.props["entries"] = [asdict(entry) for entry in first]
        self.on("order-undo", self._send)
        self.mark("undo-bar")

    def show(self, entries: Sequence[Entry]) -> None:
        """Replace the entries shown."""
        self.props["entries"] = [asdict(entry) for entry in entries]
        self.update()

    async def _send(self, event: GenericEventArguments) -> None:
        key = event.args.get("key") if isinstance(event.args, dict) else None
        await self._undo(str(key))
