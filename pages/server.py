"""Serves the pages of a platform: starts it with the server, and ends it with the server."""

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
from mara.errors import EXIT_DONE, MaraError
from pages.routes import register
from pages.serving.publisher import LOOK_INTERVAL_S, Courses, PlatformView
from pages.window import WINDOW_SIZE_PX, open_in_a_window

RECONNECT_TIMEOUT_S: Final = 10.0
SERIES_HOURS: Final = 24
STORED_FIGURES: Final = {
    "power": "site_power_mw",
    "cooling": "cooling_efficiency_share",
    "renewable": "renewable_share",
}
"""Key figures whose past is stored, beside money, and the metric that tells it."""
LISTENING_LOOK_S: Final = 0.02
TELLING_S: Final = 0.3
"""What open screens are told of a new run is on its way before their connections end."""
GRACE_S: Final = 2  # for browsers that do not close: with it the whole end stays under five seconds
ALWAYS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "title": "Mara",
        "favicon": FAVICON,
        "language": "en-US",
        "dark": None,  # the browser's preference, until the operator chooses
        "reload": False,
        "tailwind": False,  # the theme is one stylesheet; compiling another in the browser costs 60 kB and a flash
        "reconnect_timeout": RECONNECT_TIMEOUT_S,
        "binding_refresh_interval": None,  # nothing is bound, so nothing need be polled
        "show_welcome_message": False,
        "timeout_graceful_shutdown": GRACE_S,
    }
)
"""How NiceGUI is run, whatever was asked for."""


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
    listening: Mapping[str, Any] = MappingProxyType({}),
) -> bool:
    """Serve until SIGINT or SIGTERM, or until the window is closed, then stop the platform.

    Returns:
        Whether the operator asked for a new run: the old one is closed, and may be set aside.

    Raises: whatever the platform's start raised, a MaraError where it refused.
    """
    refusals: list[Exception] = []
    asked: list[bool] = []
    scheme = "https" if "ssl_certfile" in listening else "http"

    async def start() -> None:
        try:
            await platform.start()
            publisher.remember(await platform.series(SERIES_HOURS), await _courses_of(platform))
            _set_apart_what_stays()
        except Exception as refusal:  # noqa: BLE001  a fault of ours too: a server without an engine helps nobody
            refusals.append(refusal)
            app.shutdown()
        else:
            background_tasks.create(_announce(f"{scheme}://{host}:{port}{root_path}"), name="mara-announce")

    def begin_anew() -> None:
        if not asked:
            asked.append(True)
            publisher.tell_of_new_run()
            asyncio.get_running_loop().call_later(TELLING_S, app.shutdown)

    publisher, desk = register(platform, history, root_path)
    desk.begin_anew = begin_anew
    app.on_startup(start)
    app.on_shutdown(platform.stop)
    app.timer(look_interval_s, publisher.look)
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
        **listening,
    )
    if refusals:
        raise refusals[0]
    return bool(asked)


async def _announce(address: str) -> None:
    """Say where Mara is as soon as somebody could connect: who starts it as a program waits for this line."""
    while not Server.instance.started:  # noqa: ASYNC110  uvicorn sets a flag and tells nobody
        await asyncio.sleep(LISTENING_LOOK_S)
    sys.stdout.write(f"Mara is on {address} (Ctrl-C ends it)\n")
    sys.stdout.flush()


def _set_apart_what_stays() -> None:
    """Have the collector of garbage look no more at what lives as long as the program: 170,000 objects, mostly code, on
    which a full collection stopped every tick and every browser for 80 to 300 ms.
    """
    gc.collect()
    gc.freeze()


async def _courses_of(platform: PlatformView) -> Courses:
    """The stored courses of key figures over the last day; none where the archive has none to tell."""
    snapshot = platform.latest.read().snapshot
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
    """Exit with 0 on a signal: the server ends in order by itself and only then hands it on to these."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(EXIT_DONE))
