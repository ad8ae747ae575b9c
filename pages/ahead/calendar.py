"""Page of the calendar: maintenance, starts and ends of contracts, and calls."""

import asyncio
from dataclasses import dataclass

from nicegui import ui

from components.ahead.announced_list import CHANNEL, announced_channel, announced_panel
from components.ahead.calendar_table import calendar_channels, calendar_panel
from components.ahead.maintenance_form import FormSite, maintenance_panel
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.theme import element, page_tabs
from components.shared.view_model import ViewModel
from mara.api import paths
from mara.api.security.permissions import Permission
from mara.core.history import ContractRow, ExclusionAhead
from mara.runtime.published_state import PublishedState
from pages.actions.maintenance import maintenance_actions, retract_actions
from pages.ahead.forecast import TABS
from pages.authorization import Authorized
from pages.frame import frame
from pages.serving.cached_query import CachedQuery
from pages.serving.current_user import missing_right
from pages.serving.publisher import Publisher


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarReading:
    """Announcements and bookings of the days to come, as the archive holds them."""

    announced: tuple[ExclusionAhead, ...] = ()
    waiting: tuple[ContractRow, ...] = ()


class CalendarScreen:
    """View model of the calendar, shared by viewers; lives as long as the app."""

    def __init__(self, platform: Authorized) -> None:
        self._platform = platform
        self._query = CachedQuery("calendar", self._read, CalendarReading())

    async def renew(self) -> None:
        """Read the archive before the page is drawn."""
        current = self._platform.publisher.read()
        if current.snapshot is not None:
            await self._query.renew((current.snapshot.tick, current.waiting_count))

    def picture(self, current: PublishedState, _: KeyFigureHistory) -> ViewModel:
        """Return the page's channels; empty before the first tick."""
        if current.snapshot is None:
            return {}
        reading = self._query.newest((current.snapshot.tick, current.waiting_count))
        return {
            **calendar_channels(
                current.snapshot,
                reading.announced,
                reading.waiting,
                self._platform.announced_limits(),
                self._platform.warnings() or (),
            ),
            CHANNEL: announced_channel(current.snapshot, reading.announced),
        }

    async def _read(self) -> CalendarReading:
        archive = self._platform.archive
        announced, waiting = await asyncio.gather(archive.exclusions_ahead(), archive.contracts("waiting"))
        return CalendarReading(announced=announced, waiting=waiting)


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the calendar."""
    screen = CalendarScreen(platform)

    @ui.page(paths.CALENDAR, title="Mara: calendar", dark=None)
    async def calendar() -> None:
        await screen.renew()
        picture = publisher.open(ui.context.client, screen.picture)
        snapshot = platform.publisher.read().snapshot
        with frame(platform, publisher, picture["cells"], paths.FORECAST), element("div", "leaf"):
            with element("div", "leaf-head"):
                element("h1", "", "Calendar")
                element("p", "place", "What is announced, what starts and what ends in the coming days")
                page_tabs(TABS, paths.CALENDAR)
            calendar_panel(picture)
            announced_panel(picture, retract_actions(platform))
            if snapshot is not None:
                sites = [FormSite(id=site.id, name=site.name, timezone=site.timezone) for site in snapshot.sites]
                why_not = missing_right(Permission.EXCLUDE)
                maintenance_panel(maintenance_actions(platform), sites, why_not)
