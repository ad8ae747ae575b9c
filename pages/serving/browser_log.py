"""Filter for log lines that browsers send: few, short, and marked as a browser's."""

import logging
from inspect import isawaitable
from typing import Any, Final

from nicegui import core

from mara.api.security.rate_limit import Limits
from mara.runtime.clock import Clock

LINES_PER_MINUTE: Final = 20
"""Most lines a minute of one websocket."""
ALL_LINES_PER_MINUTE: Final = 60
"""Most lines a minute of all websockets together."""
MAX_LINE_LENGTH: Final = 300
LEVELS: Final = {"debug": "debug", "info": "info", "warning": "warning", "error": "warning"}
ALL: Final = "all"

log = logging.getLogger("mara.pages")


class BrowserLog:
    """Limits, shortens and marks the log lines that browsers send."""

    def __init__(self, clock: Clock) -> None:
        self._of_one = Limits(LINES_PER_MINUTE, clock)
        self._of_all = Limits(ALL_LINES_PER_MINUTE, clock)
        self._left_out_count = 0

    def written(self, socket: str, message: Any) -> dict[str, Any] | None:
        """Rewrite a message for the log; None for one over the limit, or without a line."""
        if not isinstance(message, dict):
            return None
        level, text = LEVELS.get(str(message.get("level"))), message.get("message")
        if level is None or not isinstance(text, str):
            return None
        if self._of_one.wait_s(socket) > 0.0 or self._of_all.wait_s(ALL) > 0.0:
            self._left_out_count += 1
            return None
        if self._left_out_count:
            log.warning("lines of browsers were left out", extra={"lines": self._left_out_count})
            self._left_out_count = 0
        shown = "".join(letter if letter.isprintable() else " " for letter in text[:MAX_LINE_LENGTH])
        return {**message, "level": level, "message": f"a browser says: {shown}"}


def limit_browser_log(clock: Clock) -> None:
    """Filter every line of a browser before NiceGUI logs it.

    Raises:
        KeyError: this version of NiceGUI has another name for the message, which must be filtered instead.
    """
    listeners = core.sio.handlers["/"]
    listener, bounded = listeners["log"], BrowserLog(clock)

    async def logged(socket: str, message: Any) -> Any:
        written = bounded.written(socket, message)
        if written is None:
            return None
        answer = listener(socket, written)
        return await answer if isawaitable(answer) else answer

    listeners["log"] = logged
