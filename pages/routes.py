"""Which pages there are; nothing is registered before somebody asks for it."""

from pathlib import Path

from nicegui import app
from nicegui.dependencies import register_importmap_override

from components.theme import STATIC_FOLDER, STATIC_MAX_AGE_S, STATIC_URL, static_url
from mara.runtime.clock import SystemClock
from pages import backtest, guide, optimizer, overview, site, sla
from pages.live import Platform, Publisher
from pages.workbench import Workbench


def register(platform: Platform, history: Path | None = None, root_path: str = "") -> Publisher:
    """Serve every page and what they load; the caller sees that the publisher looks. `history` is what is replayed,
    `root_path` where a proxy serves us.
    """
    app.add_static_files(STATIC_URL, STATIC_FOLDER, max_cache_age=STATIC_MAX_AGE_S)
    register_importmap_override("nicegui-plotly", root_path + static_url("plotly/shim.js"))
    publisher = Publisher(platform.latest)
    for page in (overview, site, sla, optimizer, guide):
        page.register(platform, publisher)
    backtest.register(platform, publisher, Workbench(SystemClock()), history)
    return publisher
