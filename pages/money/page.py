"""Money page: costs and revenue by kind and site over time, and gains by day."""

import asyncio
from urllib.parse import urlencode

from nicegui import background_tasks, ui

from components.money.breakdown_panels import (
    kind_table_panel,
    kinds_panel,
    money_figures,
    money_head,
    site_table_panel,
    sites_panel,
)
from components.money.gain_panels import gain_bars_panel, gain_table_panel
from components.shared.theme import address, element
from components.shared.view_model import ViewModel
from components.site.ledger_search import WHOLE_FLEET, ledger_search
from components.time_range.chart_range import ChartRange
from mara.api import paths
from mara.core.snapshot import Snapshot
from pages.authorization import Authorized
from pages.frame import frame
from pages.money.money_screen import MoneyScreen
from pages.serving.cached_query import READ_TIMEOUT_S
from pages.serving.publisher import Publisher
from pages.serving.shown_range import shown_range


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the Money page."""
    screens: dict[ChartRange, MoneyScreen] = {}

    @ui.page(paths.MONEY, title="Mara: money", dark=None)
    async def money() -> None:
        client = ui.context.client
        shown, refusal = shown_range(client)
        screen = MoneyScreen(platform, shown)
        if shown.bounds is None:  # others are kept by their own page alone, or they could fill the memory
            screen = screens.setdefault(shown, screen)
        reading = background_tasks.create(screen.renew(), name="reading money of a range")
        await asyncio.wait({reading}, timeout=READ_TIMEOUT_S)  # a longer one goes on behind the page
        picture = publisher.open(client, screen.picture)
        with frame(platform, publisher, picture["cells"], paths.MONEY):
            _draw(picture, platform, shown, refusal)


def _draw(picture: ViewModel, platform: Authorized, shown: ChartRange, refusal: str) -> None:
    snapshot = platform.publisher.read().snapshot
    sites = snapshot.sites if snapshot is not None else ()
    cells = picture["cells"]
    with element("div", "leaf money-page"):
        money_head(shown, refusal, cells)
        money_figures(cells)
        with element("div", "lane halves"):
            kinds_panel(shown)
            sites_panel(shown, sites)
        with element("div", "lane halves"):
            kind_table_panel(picture.get("money-lines", {}), csv_address(shown, snapshot))
            site_table_panel(picture.get("money-by-site", {}))
        with element("div", "lane halves"):
            gain_bars_panel(cells)
            gain_table_panel(picture.get("gain-days", {}))
        if snapshot is not None:
            ledger_search(
                sites=(WHOLE_FLEET, *((site.id, site.name) for site in sites)),
                today=snapshot.at.date(),
                search=platform.archive.daily_ledgers,
                csv_path=paths.LEDGER_CSV,
            )


def csv_address(shown: ChartRange, snapshot: Snapshot | None) -> str:
    """Return the address of the range's ledger by day and line, as a CSV file."""
    if snapshot is None:
        return address(paths.LEDGER_CSV)
    bounds = zip(("from", "to"), shown.to_read(snapshot.at), strict=True)
    query = {name: f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in bounds if at is not None}
    return f"{address(paths.LEDGER_CSV)}?{urlencode(query)}"
