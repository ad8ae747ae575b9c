"""Table whose rows open; the lines inside are loaded when a row is opened."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared.live import TableColumn, column_props
from components.shared.theme import BROWSER_MODULES
from components.shared.view_model import Channel

MOST_OPENED = 100
"""Most rows whose lines a browser keeps."""

Inside: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""Function from a row's key to the lines inside the row."""


class FoldTable(ui.element, component="fold_table.js", esm=BROWSER_MODULES):
    """Table of the channel `name`.

    `inside` is called once for each row that is opened.
    """

    def __init__(
        self, name: str, *, columns: tuple[TableColumn, ...], caption: str, empty: str, first: Channel, inside: Inside
    ) -> None:
        super().__init__()
        self._inside = inside
        self.props["name"] = name
        self.props["columns"] = column_props(columns)
        self.props["caption"] = caption
        self.props["empty"] = empty
        self.props["rows"] = dict(first)
        self.props["details"] = {}
        self.on("show-inside", self._open)
        self.mark(name)

    async def _open(self, event: GenericEventArguments) -> None:
        key = str(event.args.get("key", "")) if isinstance(event.args, dict) else ""
        details = self.props["details"]
        if key in details or len(details) >= MOST_OPENED:
            return
        lines = list(await self._inside(key))
        self.props["details"] = {**self.props["details"], key: lines}
        self.update()
