"""Server of the dashboard, which starts the platform and stops it at its own end."""

import asyncio
import gc
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from nicegui import app, background_tasks, ui
from nicegui.server import Server

from components.shared.key_figure_history import MOST_BUCKETS
from components.shared.theme import FAVICON
from mara.assembly.imports.desk import ImportDesk
from mara.errors import EXIT_DONE, MaraError
from pages.routes import register
from pages.serving.publisher import LOOK_INTERVAL_S, Courses, PlatformView, Publisher
from pages.serving.window import WINDOW_SIZE_PX, open_in_a_window

RECONNECT_TIMEOUT_S: Final = 10.0
SERIES_HOURS: Final = 24
STORED_FIGURES: Final = {
    "power": "site_power_mw",
    "cooling": "cooling_efficiency_share",
    "renewable": "renewable_share",
}
"""Key figures with a stored past, except money, and the metric that holds it."""
LISTENING_LOOK_S: Final = 0.02
NOTICE_S: Final = 0.3
"""Time [s] for open pages to learn of a new run before their connections end."""
GRACE_S: Final = 2
"""Time [s] for browsers to close connections; the whole end takes under 5 s."""
ALWAYS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "title": "Mara",
        "favicon": FAVICON,
        "language": "en-US",
        "dark": None,  # the browser's preference, until the operator chooses a theme
        "reload": False,
        "tailwind": False,  # the theme is one stylesheet; compiling another in the browser costs 60 kB and a flash
        "reconnect_timeout": RECONNECT_TIMEOUT_S,
        "binding_refresh_interval": None,  # NiceGUI's bindings are not used, so no polling is needed
        "show_welcome_message": False,
        "timeout_graceful_shutdown": GRACE_S,
    }
)
"""Options of NiceGUI that are the same in every start."""


def serve(
    platform: PlatformView,
    *,
    host: str,
    port: int,
    show: bool,
    native: bool = False,
    look_interval_s: float = LOOK_INTERVAL_S,
    history: Path | None = None,
    root_path: str = "",
    desk: ImportDesk | None = None,
    server_options: Mapping[str, Any] = MappingProxyType({}),
) -> bool:
    """Serve until SIGINT, SIGTERM or the end of the window, then stop the platform.

    Returns:
        True where the operator asked for a new run: this one is closed, and its database may be renamed.

    Raises: what the platform's start raised, a MaraError where it refused.
    """
    refusals: list[Exception] = []
    new_run_orders: list[bool] = []

    async def start() -> None:
        try:
            await platform.start()
            await _remember(publisher, platform)
            _freeze_heap()
        except Exception as refusal:  # noqa: BLE001  also an error of the program: without an engine there is no server
            refusals.append(refusal)
            app.shutdown()
        else:
            background_tasks.create(_announce(f"{host}:{port}{root_path}", server_options), name="mara-announce")

    def begin_anew() -> None:
        if not new_run_orders:
            new_run_orders.append(True)
            publisher.tell_of_new_run()
            asyncio.get_running_loop().call_later(NOTICE_S, app.shutdown)

    publisher, authorized = register(platform, history, root_path, desk=desk)
    authorized.begin_anew = begin_anew
    app.on_startup(start)
    app.on_shutdown(platform.stop)
    app.timer(look_interval_s, lambda: _look(publisher, platform))
    _end_without_failure_on_signals()
    if native:
        open_in_a_window()
    ui.run(
        host=host,
        port=port,
        show=show and not native,
        native=native,
        window_size=WINDOW_SIZE_PX if native else None,
        **ALWAYS,
        **server_options,
    )
    if refusals:
        raise refusals[0]
    return bool(new_run_orders)


async def _announce(place: str, server_options: Mapping[str, Any]) -> None:
    """Print the address once browsers can connect; scripts wait for this line."""
    while not Server.instance.started:  # noqa: ASYNC110  uvicorn sets a flag and has no event for it
        await asyncio.sleep(LISTENING_LOOK_S)
    scheme = "https" if "ssl_certfile" in server_options else "http"
    sys.stdout.write(f"Mara is on {scheme}://{place} (Ctrl-C ends it)\n")
    sys.stdout.flush()


def _freeze_heap() -> None:
    """Exclude the present objects, which are permanent, from garbage collection.

    A full collection over these 170,000 objects, mostly code, stops every tick and browser for 80 to 300 ms.
    """
    gc.collect()
    gc.freeze()


async def _look(publisher: Publisher, platform: PlatformView) -> None:
    """Update the open pages; their charts get what was stored unseen, if anything."""
    if publisher.takes_gap():
        with suppress(MaraError):  # the engine's state, which every page shows, tells the fault
            await _remember(publisher, platform)
    publisher.look()


async def _remember(publisher: Publisher, platform: PlatformView) -> None:
    publisher.remember(await platform.series(SERIES_HOURS), await _courses_of(platform))


async def _courses_of(platform: PlatformView) -> Courses:
    """Read the key figures of the last day; none where the archive cannot answer."""
    snapshot = platform.publisher.read().snapshot
    if snapshot is None:
        return {}
    since = snapshot.at - timedelta(hours=SERIES_HOURS)
    courses: dict[str, Sequence[tuple[datetime, float]]] = {}
    with suppress(MaraError):
        for figure, metric in STORED_FIGURES.items():
            course = await platform.archive.history(metric, None, since, None, MOST_BUCKETS)
            courses[figure] = [(point.at, point.mean) for point in course.points]
    return courses


def _end_without_failure_on_signals() -> None:
    """Exit with 0 on a signal, which the server passes on after an orderly end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(EXIT_DONE))
