"""Page of the forecast: prices and plan of the next day, and the live sources."""

from typing import Final

from nicegui import ui

from components.ahead.plan_table import plan_channels, plan_panel
from components.forecast.forecast_panels import price_channel, price_table, source_channel, source_table
from components.forecast.guess_panel import guess_channel, guess_table
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.theme import element, page_tabs
from components.shared.view_model import ViewModel
from mara.api import paths
from mara.core.history import GuessError
from mara.core.snapshot import Snapshot
from mara.core.units import MINUTES_PER_HOUR
from mara.runtime.published_state import PublishedState
from pages.authorization import Authorized
from pages.frame import frame
from pages.serving.cached_query import CachedQuery
from pages.serving.publisher import Publisher

TABS: Final = (
    (paths.FORECAST, "Prices and plan"),
    (paths.CALENDAR, "Calendar"),
    (paths.WHAT_IF, "What if"),
)
"""Pages of what is to come; the navigation leads to the first."""


class ForecastScreen:
    """View model of the forecast, shared by viewers; lives as long as the app."""

    def __init__(self, platform: Authorized) -> None:
        self._platform = platform
        self._guesses: CachedQuery[tuple[GuessError, ...]] = CachedQuery("guesses", self._read, ())

    def picture(self, current: PublishedState, _: KeyFigureHistory) -> ViewModel:
        """Return the page's channels; empty before the first tick."""
        sources = source_channel(self._platform.sources())
        if current.snapshot is None:
            return {"sources": sources}
        return {
            **plan_channels(current.snapshot, current.ahead),
            "prices": price_channel(current.snapshot, current.forecast),
            "guesses": guess_channel(current.snapshot, self._guesses.newest(_hour_of(current.snapshot))),
            "sources": sources,
        }

    async def _read(self) -> tuple[GuessError, ...]:
        snapshot = self._platform.publisher.read().snapshot
        return () if snapshot is None else await self._platform.archive.guesses(_hour_of(snapshot))


def _hour_of(snapshot: Snapshot) -> int:
    """Count the whole hours of a run: guesses are measured once in each."""
    return snapshot.tick * snapshot.tick_minutes // MINUTES_PER_HOUR


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the page of the forecast."""
    screen = ForecastScreen(platform)

    @ui.page(paths.FORECAST, title="Mara: forecast", dark=None)
    def forecast() -> None:
        picture = publisher.open(ui.context.client, screen.picture)
        with frame(platform, publisher, picture["cells"], paths.FORECAST), element("div", "leaf"):
            with element("div", "leaf-head"):
                element("h1", "", "Forecast")
                element("p", "place", "What power is expected to cost, what is planned by it, and who says so")
                page_tabs(TABS, paths.FORECAST)
            price_table(picture.get("prices", {}))
            plan_panel(picture)
            guess_table(picture.get("guesses", {}))
            source_table(picture.get("sources", {}))
