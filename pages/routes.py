"""Registration of every page with NiceGUI; an import registers nothing."""

from pathlib import Path

from nicegui import app
from nicegui.dependencies import register_importmap_override

from components.shared.theme import STATIC_FOLDER, STATIC_MAX_AGE_S, STATIC_URL, STYLESHEETS, static_url
from mara.assembly.imports.desk import ImportDesk
from mara.assembly.imports.folder import ImportFolder
from mara.runtime.clock import SystemClock
from pages import backtest, guide, operations, optimizer, overview, power, site, sla
from pages.authorization import Authorized
from pages.serving.job_runner import JobRunner
from pages.serving.publisher import PlatformView, Publisher
from pages.serving.undo import UNDO_S, Undo


def register(
    platform: PlatformView,
    history: Path | None = None,
    root_path: str = "",
    *,
    undo_s: float = UNDO_S,
    desk: ImportDesk | None = None,
) -> tuple[Publisher, Authorized]:
    """Serve every page and the files that they load.

    Args:
        history: folder of the history that the run replays, if it does.
        root_path: path below which a proxy serves this server; empty for its root.
        undo_s: time for which an order can be undone.
        desk: for market files; None where this server takes none, and lists the shipped histories alone.

    Returns:
        The publisher, whose `look` the caller has to call regularly, and the run as pages use it.
    """
    clock = SystemClock()
    jobs = JobRunner(clock)
    desk = desk or ImportDesk(ImportFolder(root=None, most_bytes=0), clock)
    authorized = Authorized(platform, jobs, Undo(clock, undo_s), desk)
    for name, path in STYLESHEETS.items():
        app.add_static_file(local_file=path, url_path=f"{STATIC_URL}/{name}", max_cache_age=STATIC_MAX_AGE_S)
    app.add_static_files(STATIC_URL, STATIC_FOLDER, max_cache_age=STATIC_MAX_AGE_S)
    register_importmap_override("nicegui-plotly", root_path + static_url("plotly/shim.js"))
    publisher = Publisher(platform.publisher)
    for page in (overview, site, sla, optimizer, operations, power, guide):
        page.register(authorized, publisher)
    backtest.register(authorized, publisher, history)
    app.on_shutdown(jobs.close)
    app.on_shutdown(desk.close)
    app.on_shutdown(authorized.undo.close)
    return publisher, authorized
