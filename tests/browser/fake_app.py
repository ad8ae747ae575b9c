"""The dashboard over made-up snapshots, as a process: `python -m tests.browser.fake_app [SITES [TICK_S]] PORT`."""

import sys

from nicegui import app

from mara.runtime.published_state import EngineState
from pages.server import serve
from pages.serving.publisher import LOOK_INTERVAL_S
from tests.ui.platform import FakePlatform

TICK_S = 1.0
FORGETS_S = 1.0  # a fast one forgets who left soon


def main(port: int, sites_count: int = 10, tick_s: float = TICK_S) -> None:
    platform = FakePlatform(sites_count=sites_count)

    def tick() -> None:
        if platform.publisher.read().state is EngineState.RUNNING:
            platform.advance()

    def forget_soon() -> None:
        app.config.reconnect_timeout = FORGETS_S

    if tick_s < TICK_S:
        app.on_startup(forget_soon)
    app.timer(tick_s, tick)
    serve(platform, host="127.0.0.1", port=port, show=False, look_interval_s=min(tick_s, LOOK_INTERVAL_S))


if __name__ == "__main__":
    *options, last = sys.argv[1:]
    main(int(last), int(options[0]) if options else 10, float(options[1]) if options[1:] else TICK_S)
