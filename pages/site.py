"""Page of a site: power prices, load with its reasons, and today's earnings."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from nicegui import ui

from components.ahead.announced_list import CHANNEL, announced_channel, announced_panel
from components.ahead.maintenance_form import FormSite, maintenance_panel
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.theme import address, element
from components.shared.view_model import Channel, ViewModel
from components.site.ledger_search import WHOLE_FLEET, ledger_search
from components.site.site_lines import (
    forecast_channel,
    load_now,
    load_panel,
    load_points,
    price_now,
    price_panel,
    price_points,
)
from components.site.site_panels import forecast_of, site_cells, site_figures, site_head
from components.site.site_tables import (
    MOST_DECISIONS,
    contracts_panel,
    decision_channel,
    decisions_panel,
    here_channel,
    ledger_cells,
    ledger_channel,
    ledger_panel,
    machine_channel,
    machines_panel,
    other_channel,
    others_panel,
)
from components.time_range.chart_range import ChartRange
from components.time_range.range_picker import RangePicker
from mara.api import paths
from mara.api.security.permissions import Permission
from mara.core.fleet import site_index
from mara.core.history import Decision, ExclusionAhead, LedgerSum
from mara.core.snapshot import SitePoint, SiteSnapshot, Snapshot
from mara.errors import CommandError
from mara.runtime.published_state import PublishedState
from pages.actions.maintenance import maintenance_actions, retract_actions
from pages.authorization import Authorized
from pages.frame import frame
from pages.serving.cached_query import CachedQuery, first_tick_of_day
from pages.serving.current_user import missing_right
from pages.serving.publisher import Publisher
from pages.serving.shown_range import shown_range

NOT_FOUND: Final = 404
MOST_SITES_NAMED: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteReading:
    """Past of one site as the archive holds it.

    Attributes:
        ledger: sums over the ticks ``[ledger_from_tick, ledger_to_tick)``.
        announced: exclusions to come, of all sites.
    """

    ledger: tuple[LedgerSum, ...] = ()
    decisions: tuple[Decision, ...] = ()
    announced: tuple[ExclusionAhead, ...] = ()
    ledger_from_tick: int = 0
    ledger_to_tick: int = 0


class SiteScreen:
    """View model of a site's page over a time range, shared by all its viewers."""

    def __init__(self, site_id: str, platform: Authorized, shown: ChartRange) -> None:
        self._site_id = site_id
        self._platform = platform
        self._shown = shown
        self._query = CachedQuery(f"site {site_id}", self._read, SiteReading())
        self._past: CachedQuery[tuple[SitePoint, ...]] = CachedQuery(f"lines of site {site_id}", self._read_past, ())
        self._prices: Channel = {}
        self._loads: Channel = {}

    async def renew(self) -> None:
        """Read the archive before the page is drawn."""
        snapshot = self._platform.publisher.read().snapshot
        if snapshot is not None:
            await asyncio.gather(self._query.renew(snapshot.tick), self._past.renew(self._shown.version(snapshot)))

    def picture(self, current: PublishedState, _: KeyFigureHistory) -> ViewModel:
        """Return the contents of the page's channels; empty before the first tick."""
        snapshot = current.snapshot
        site = _site_in(snapshot, self._site_id)
        if snapshot is None or site is None:
            return {}
        reading = self._query.newest(snapshot.tick)
        points = self._past.newest(self._shown.version(snapshot))
        prices, loads = self._prices | price_now(site, snapshot), self._loads | load_now(site, snapshot)
        self._prices = self._shown.course(price_points(points), prices, snapshot)
        self._loads = self._shown.course(load_points(points), loads, snapshot)
        expected = forecast_of(site.id, snapshot, current.forecast)
        events = (event for event in snapshot.events if event.site_id == site.id)
        return {
            "cells": {**site_cells(site, snapshot, current.forecast), **_ledger_cells(reading, snapshot)},
            "price": self._prices,
            "forecast": forecast_channel(expected, site, snapshot, self._shown),
            "load": self._loads,
            "machines": machine_channel(site),
            "here": here_channel(site, snapshot),
            "ledger": ledger_channel(reading.ledger),
            "decisions": decision_channel((*reading.decisions, *events)),
            "others": other_channel(site, snapshot),
            CHANNEL: announced_channel(snapshot, reading.announced, site.id),
        }

    async def _read(self) -> SiteReading:
        snapshot = self._platform.publisher.read().snapshot
        assert snapshot is not None
        archive, first, end = self._platform.archive, first_tick_of_day(snapshot), snapshot.tick + 1
        return SiteReading(
            ledger=await archive.site_ledger(self._site_id, first, end),
            decisions=await archive.decisions(self._site_id, MOST_DECISIONS),
            announced=await archive.exclusions_ahead(),
            ledger_from_tick=first,
            ledger_to_tick=end,
        )

    async def _read_past(self) -> tuple[SitePoint, ...]:
        snapshot = self._platform.publisher.read().snapshot
        assert snapshot is not None
        return await self._platform.archive.site_series(self._site_id, *self._shown.to_read(snapshot.at))


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve each site at its id."""
    screens: dict[tuple[str, ChartRange], SiteScreen] = {}

    @ui.page(paths.SITE, title="Mara: site", dark=None)
    async def site(site_id: str) -> None:
        client = ui.context.client
        snapshot = platform.publisher.read().snapshot
        site_id = _id_of(snapshot, site_id)
        if snapshot is not None and _site_in(snapshot, site_id) is None:
            client.status_code = NOT_FOUND
            picture = publisher.open(client, nothing)
            with frame(platform, publisher, picture["cells"]):
                _draw_unknown(site_id, snapshot)
            return
        shown, refusal = shown_range(client)
        is_kept = snapshot is not None and shown.bounds is None
        screen = _screen(screens, site_id, platform, shown) if is_kept else SiteScreen(site_id, platform, shown)
        await screen.renew()
        picture = publisher.open(client, screen.picture)
        known = _site_in(snapshot, site_id)
        ui.page_title(f"Mara: {known.name if known else site_id}")
        with frame(platform, publisher, picture["cells"]), _draw(picture, site_id, shown, refusal):
            if snapshot is not None and known is not None:
                ledger_search(
                    sites=((site_id, known.name), WHOLE_FLEET),
                    today=snapshot.at.date(),
                    search=platform.archive.daily_ledgers,
                    csv_path=paths.LEDGER_CSV,
                )
                why_not = missing_right(Permission.EXCLUDE)
                here = FormSite(id=site_id, name=known.name, timezone=known.timezone)
                announced_panel(picture, retract_actions(platform))
                maintenance_panel(maintenance_actions(platform), [here], why_not)


def nothing(_: PublishedState, __: KeyFigureHistory) -> ViewModel:
    """Return no channels: the page shows no state besides its frame."""
    return {}


def _screen(
    screens: dict[tuple[str, ChartRange], SiteScreen], site_id: str, platform: Authorized, shown: ChartRange
) -> SiteScreen:
    """Return the shared view model of an existing site over a live range.

    None is kept for unknown ids and own ranges, which could otherwise fill the memory.
    """
    return screens.setdefault((site_id, shown), SiteScreen(site_id, platform, shown))


def _draw(picture: ViewModel, site_id: str, shown: ChartRange, refusal: str) -> ui.element:
    """Draw the page, and return the element that further panels go into."""
    cells = picture["cells"]
    with element("div", "leaf") as leaf:
        site_head(cells, site_id, can_order=not missing_right(Permission.OUTAGE))
        site_figures(cells)
        RangePicker(shown, refusal)
        with element("div", "lane halves"):
            price_panel(shown)
            load_panel(shown)
        with element("div", "lane thirds"):
            machines_panel(picture.get("machines", {}))
            ledger_panel(picture.get("ledger", {}), cells)
            contracts_panel(picture.get("here", {}))
        with element("div", "lane wide-left"):
            decisions_panel(picture.get("decisions", {}))
            others_panel(picture.get("others", {}))
    return leaf


def _draw_unknown(site_id: str, snapshot: Snapshot) -> None:
    with element("div", "leaf"), element("section", "panel lost"):
        element("h1", "", "No such site")
        count = len(snapshot.sites)
        element("p", "note", f"The fleet “{snapshot.fleet_name}” has {count} sites, and none with the id “{site_id}”.")
        with element("nav", "chips").props('aria-label="Sites"'):
            for site in snapshot.sites[:MOST_SITES_NAMED]:
                element("a", "", site.name).props(f'href="{address(f"/sites/{site.id}")}"')
        element("a", "", "All sites on the map").props(f'href="{address("/")}"')


def _id_of(snapshot: Snapshot | None, named: str) -> str:
    """Look up the id of a site by its id or name; return an unknown one as it is."""
    with suppress(CommandError):
        return snapshot.sites[site_index(snapshot.sites, named)].id if snapshot is not None else named
    return named


def _site_in(snapshot: Snapshot | None, site_id: str) -> SiteSnapshot | None:
    sites = snapshot.sites if snapshot is not None else ()
    return next((site for site in sites if site.id == site_id), None)


def _ledger_cells(reading: SiteReading, snapshot: Snapshot) -> Channel:
    if not reading.ledger_to_tick:
        return {}
    ends = (reading.ledger_from_tick, reading.ledger_to_tick)
    since, until = (snapshot.at + timedelta(minutes=(tick - snapshot.tick) * snapshot.tick_minutes) for tick in ends)
    return ledger_cells(since, until)
