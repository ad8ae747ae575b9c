"""Registration of every page with NiceGUI; an import registers nothing."""

from pathlib import Path

from fastapi import Request, Response
from nicegui import Client, app, ui
from nicegui.dependencies import register_importmap_override

from components.shared.theme import (
    STATIC_FOLDER,
    STATIC_MAX_AGE_S,
    STATIC_URL,
    STYLES_URL,
    address,
    element,
    static_url,
    styles,
)
from mara.api.paths import Service, rule_of
from mara.assembly.imports.desk import ImportDesk
from mara.assembly.imports.folder import ImportFolder
from mara.runtime.clock import SystemClock
from pages import alerts, backtest, guide, operations, optimizer, overview, power, site, sla
from pages.ahead import calendar, forecast, what_if
from pages.authorization import Authorized
from pages.frame import PAGES, frame
from pages.money import page as money
from pages.serving.job_runner import JobRunner
from pages.serving.publisher import PlatformView, Publisher
from pages.serving.undo import UNDO_S, Undo
from pages.site import NOT_FOUND

MOST_CHARACTERS = 200
"""Longest address that is repeated to whoever asked for it."""


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
    app.get(STYLES_URL, include_in_schema=False)(_styles)
    app.add_static_files(STATIC_URL, STATIC_FOLDER, max_cache_age=STATIC_MAX_AGE_S)
    app.config.quasar_config["loadingBar"] = {"skipHijack": True}  # Quasar's bar of each request has no name
    register_importmap_override("nicegui-plotly", root_path + static_url("plotly/shim.js"))
    publisher = Publisher(platform.publisher)
    for page in (overview, site, sla, optimizer, forecast, calendar, what_if, operations, alerts, money, power, guide):
        page.register(authorized, publisher)
    backtest.register(authorized, publisher, history)
    _answer_unknown_addresses(authorized, publisher)
    app.on_shutdown(jobs.close)
    app.on_shutdown(desk.close)
    app.on_shutdown(authorized.undo.close)
    return publisher, authorized


def _styles() -> Response:
    """Serve the stylesheets; the address changes with their content."""
    caching = f"public, max-age={STATIC_MAX_AGE_S}"
    return Response(styles(), media_type="text/css", headers={"Cache-Control": caching})


def _answer_unknown_addresses(platform: Authorized, publisher: Publisher) -> None:
    """Answer an address that no page has with a page that names those there are."""
    otherwise = app.exception_handlers[NOT_FOUND]

    @app.exception_handler(NOT_FOUND)
    async def unknown(request: Request, exception: Exception) -> Response:
        path = request.url.path
        if request.scope.get("endpoint") is not None or rule_of(path).service is not Service.PAGES:
            answer: Response = await otherwise(request, exception)  # type: ignore[misc]  # Starlette allows both kinds
            return answer
        with Client(ui.page("", title="Mara: no such page", dark=None), request=request) as client:
            picture = publisher.open(client, site.nothing)
            with frame(platform, publisher, picture["cells"]), element("div", "leaf"), element("section", "panel lost"):
                element("h1", "", "No such page")
                element(
                    "p", "note", f"Nothing is at “{path[:MOST_CHARACTERS]}”. It may be misspelt, or have been moved."
                )
                with element("nav", "chips").props('aria-label="Where to go"'):
                    for there, name in PAGES:
                        element("a", "", name).props(f'href="{address(there)}"')
        return client.build_response(request, NOT_FOUND)
