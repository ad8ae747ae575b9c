"""Which pages there are; nothing is registered before somebody asks for it."""

from pathlib import Path

from nicegui import app
from nicegui.dependencies import register_importmap_override

from components.shared.theme import STATIC_FOLDER, STATIC_MAX_AGE_S, STATIC_URL, STYLESHEETS, static_url
from mara.runtime.clock import SystemClock
from pages import backtest, guide, optimizer, overview, site, sla
from pages.authorization import Authorized
from pages.serving.job_runner import JobRunner
from pages.serving.publisher import PlatformView, Publisher
from pages.serving.undo import UNDO_S, Undo


def register(
    platform: PlatformView, history: Path | None = None, root_path: str = "", *, undo_s: float = UNDO_S
) -> tuple[Publisher, Authorized]:
    """Serve every page and what they load; the caller sees that the publisher looks.

    Args:
        history: what is replayed.
        root_path: where a proxy serves us.
        undo_s: for how long an order can be undone.
    """
    clock = SystemClock()
    workbench = JobRunner(clock)
    desk = Authorized(platform, workbench, Undo(clock, undo_s))
    for name, path in STYLESHEETS.items():
        app.add_static_file(local_file=path, url_path=f"{STATIC_URL}/{name}", max_cache_age=STATIC_MAX_AGE_S)
    app.add_static_files(STATIC_URL, STATIC_FOLDER, max_cache_age=STATIC_MAX_AGE_S)
    register_importmap_override("nicegui-plotly", root_path + static_url("plotly/shim.js"))
    publisher = Publisher(platform.latest)
    for page in (overview, site, sla, optimizer, guide):
        page.register(desk, publisher)
    backtest.register(desk, publisher, history)
    app.on_shutdown(workbench.close)
    app.on_shutdown(desk.undo.close)
    return publisher, desk
