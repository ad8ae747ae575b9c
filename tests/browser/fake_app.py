"""The dashboard over made-up snapshots, as a process: `python -m tests.browser.fake_app PORT`."""

import sys

from nicegui import app

from mara.runtime.latest import EngineState
from pages.server import serve
from tests.ui.platform import FakePlatform

TICK_S = 1.0


def main(port: int) -> None:
    platform = FakePlatform()

    def tick() -> None:
        if platform.latest.read().state is EngineState.RUNNING:
            platform.advance()

    app.timer(TICK_S, tick)
    serve(platform, host="127.0.0.1", port=port, show=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
