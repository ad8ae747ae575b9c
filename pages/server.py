"""Serves the pages of a platform: starts it with the server, and ends it with the server."""

import signal
import sys
from typing import Final

from nicegui import app, ui

from components.theme import FAVICON
from mara.errors import EXIT_DONE, MaraError
from pages.live import LOOK_INTERVAL_S, Platform
from pages.routes import register

RECONNECT_TIMEOUT_S: Final = 10.0
SERIES_HOURS: Final = 24
GRACE_S: Final = 2  # for browsers that do not close: with it the whole end stays under five seconds


def serve(platform: Platform, *, host: str, port: int, show: bool) -> None:
    """Serve until SIGINT or SIGTERM, then stop the platform. Raises MaraError when the platform refused to start."""
    refusals: list[MaraError] = []

    async def start() -> None:
        try:
            await platform.start()
            publisher.remember(await platform.series(SERIES_HOURS))
        except MaraError as refusal:
            refusals.append(refusal)
            app.shutdown()
        else:
            sys.stdout.write(f"Mara is on http://{host}:{port} (Ctrl-C ends it)\n")
            sys.stdout.flush()

    publisher = register(platform)
    app.on_startup(start)
    app.on_shutdown(platform.stop)
    app.timer(LOOK_INTERVAL_S, publisher.look)
    _end_without_failure_on_signals()
    ui.run(
        host=host,
        port=port,
        title="Mara",
        favicon=FAVICON,
        language="en-US",
        dark=None,  # the browser's preference, until the operator chooses
        show=show,
        reload=False,
        tailwind=False,  # the theme is one stylesheet; compiling another in the browser costs 60 kB and a flash
        reconnect_timeout=RECONNECT_TIMEOUT_S,
        binding_refresh_interval=None,  # nothing is bound, so nothing need be polled
        show_welcome_message=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    if refusals:
        raise refusals[0]


def _end_without_failure_on_signals() -> None:
    """Exit with 0 on a signal: the server ends in order by itself and only then hands it on to these."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(EXIT_DONE))
