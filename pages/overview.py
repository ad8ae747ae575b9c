"""Overview page: the fleet, its events, money, contracts, and the plan."""

from nicegui import ui

from components.help.tour import looking_at, tour
from components.overview.events_panel import event_channel, events_panel
from components.overview.kpis import kpi_cells, kpi_strip
from components.overview.money_panel import money_panel
from components.overview.power_panel import power_cells, power_channel, power_panel
from components.overview.reasoning_panel import advice_channel, reasoning_cells, reasoning_panel
from components.overview.site_map import map_channel, site_channel, site_map_panel
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.theme import element
from components.shared.view_model import ViewModel
from components.sla.sla_panel import contract_channel, sla_panel, tier_channel
from components.time_range.chart_range import ChartRange
from mara.api import paths
from mara.api.security.permissions import Permission
from mara.runtime.published_state import PublishedState
from pages.actions.panel_actions import advice_action, request_panel
from pages.authorization import Authorized
from pages.frame import frame
from pages.serving.current_user import missing_right
from pages.serving.money_course import MoneyCourse
from pages.serving.publisher import Publisher
from pages.serving.shown_range import shown_range


class OverviewScreen:
    """View model of the overview over a time range, shared by all its viewers."""

    def __init__(self, platform: Authorized, shown: ChartRange) -> None:
        self.money = MoneyCourse(platform.publisher, platform.archive, shown)

    def picture(self, current: PublishedState, past: KeyFigureHistory) -> ViewModel:
        """Return the channels of the overview; empty before the first tick."""
        picture = overview_picture(current, past)
        snapshot = current.snapshot
        return picture if snapshot is None else {**picture, "money": self.money.channel(snapshot, past)}


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the overview at the root."""
    screens: dict[ChartRange, OverviewScreen] = {}

    @ui.page(paths.OVERVIEW, title="Mara", dark=None)
    async def overview() -> None:
        client = ui.context.client
        shown, refusal = shown_range(client)
        screen = OverviewScreen(platform, shown)
        if shown.bounds is None:  # others are kept by their own page alone, or they could fill the memory
            screen = screens.setdefault(shown, screen)
        await screen.money.renew()
        picture = publisher.open(client, screen.picture)
        with frame(platform, publisher, picture["cells"], paths.OVERVIEW):
            _draw(picture, platform, shown, refusal)


def overview_picture(current: PublishedState, past: KeyFigureHistory) -> ViewModel:
    """Return the channels of the overview; empty before the first tick."""
    snapshot = current.snapshot
    if snapshot is None:
        return {}
    return {
        "cells": {**kpi_cells(snapshot, past), **power_cells(snapshot), **reasoning_cells(snapshot, current.advisor)},
        "advice": advice_channel(current.advisor),
        "sites": site_channel(snapshot),
        "map": map_channel(snapshot),
        "tiers": tier_channel(snapshot),
        "contracts": contract_channel(snapshot),
        "figures": past.figures,
        "power": power_channel(snapshot),
        "events": event_channel(snapshot),
    }


def _draw(picture: ViewModel, platform: Authorized, shown: ChartRange, refusal: str) -> None:
    cells = picture["cells"]
    with element("div", "overview"):
        element("h1", "sr-only", "Overview")
        kpi_strip(cells)
        with element("div", "strip strip-now"):
            site_map_panel(paths.SITES_CSV)
            sla_panel(
                picture.get("tiers", {}), picture.get("contracts", {}), lambda: request_panel(platform, compact=True)
            )
        with element("div", "strip strip-why"):
            money_panel(shown, refusal)
            power_panel(cells)
            reasoning_panel(
                cells, picture.get("advice", {}), advice_action(platform), missing_right(Permission.ASK_CLAUDE)
            )
            events_panel(picture.get("events", {}))
    tour(looking_at(platform.publisher.read().snapshot), opens_by_itself=True)
