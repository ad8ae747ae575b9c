"""A server process of the dashboard over made-up snapshots.

Usage: `python -m tests.browser.fake_app [SITES [TICK_S]] PORT`.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

from nicegui import app, core
from starlette.types import ASGIApp, Receive, Scope, Send

from mara.api.paths import UPLOADS
from mara.api.routes.app import api_of
from mara.assembly.imports.desk import ImportDesk
from mara.assembly.imports.folder import ImportFolder
from mara.runtime.clock import SystemClock
from mara.runtime.published_state import EngineState, StatePublisher
from pages.server import serve
from pages.serving.publisher import LOOK_INTERVAL_S
from tests.ui.platform import FakePlatform

TICK_S = 1.0
PING_TIMEOUT_S = 60.0
"""Longest time in which a page answers nothing: axe may judge one that long on a busy machine."""
FORGETS_S = 0.2  # a fast one forgets who left soon
MOST_UPLOAD_BYTES = 1_000_000


class Uploads:
    """ASGI wrapper that answers uploads of files as the API does, and nothing else."""

    def __init__(self, inner: ASGIApp, *, desk: ImportDesk) -> None:
        platform = cast(Any, SimpleNamespace(publisher=StatePublisher(), orders=None))
        self._inner, self._api = inner, api_of(platform, desk=desk)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_upload = scope["type"] == "http" and scope["path"].startswith(UPLOADS)
        await (self._api if is_upload else self._inner)(scope, receive, send)


def main(port: int, sites_count: int = 10, tick_s: float = TICK_S) -> None:
    platform = FakePlatform(sites_count=sites_count)

    def tick() -> None:
        if platform.publisher.read().state is EngineState.RUNNING:
            platform.advance()

    def forget_soon() -> None:
        app.config.reconnect_timeout = FORGETS_S

    def wait_for_busy_pages() -> None:
        core.sio.eio.ping_timeout = PING_TIMEOUT_S

    app.on_startup(wait_for_busy_pages)
    if tick_s < TICK_S:
        app.on_startup(forget_soon)
    app.timer(tick_s, tick)
    with TemporaryDirectory() as folder:
        desk = ImportDesk(ImportFolder(root=Path(folder).resolve(), most_bytes=MOST_UPLOAD_BYTES), SystemClock())
        app.add_middleware(Uploads, desk=desk)
        look_interval_s = min(tick_s, LOOK_INTERVAL_S)
        serve(platform, host="127.0.0.1", port=port, show=False, look_interval_s=look_interval_s, desk=desk)


if __name__ == "__main__":
    *options, last = sys.argv[1:]
    main(int(last), int(options[0]) if options else 10, float(options[1]) if options[1:] else TICK_S)
