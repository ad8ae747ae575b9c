"""Overview page: the fleet, its events, money, contracts, and the plan."""

from nicegui import ui

from components.help.tour import tour
from components.overview.events_panel import event_channel, events_panel
from components.overview.kpis import kpi_cells, kpi_strip
from components.overview.power_panel import power_cells, power_channel, power_panel
from components.overview.reasoning_panel import advice_channel, reasoning_cells, reasoning_panel
from components.overview.site_map import map_channel, site_channel, site_map_panel
from components.shared.charts import money_panel
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.theme import element
from components.shared.view_model import ViewModel
from components.sla.sla_panel import contract_channel, sla_panel, tier_channel
from mara.api import paths
from mara.api.security.permissions import Permission
from mara.runtime.published_state import PublishedState
from pages.actions.panel_actions import advice_action, request_panel
from pages.authorization import Authorized
from pages.frame import frame
from pages.serving.current_user import missing_right
from pages.serving.publisher import Publisher


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the overview at the root."""

    @ui.page(paths.OVERVIEW, title="Mara", dark=None)
    def overview() -> None:
        picture = publisher.open(ui.context.client, overview_picture)
        with frame(platform, publisher, picture["cells"], paths.OVERVIEW):
            _draw(picture, platform)


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
        "money": past.money,
        "figures": past.figures,
        "power": power_channel(snapshot),
        "events": event_channel(snapshot),
    }


def _draw(picture: ViewModel, platform: Authorized) -> None:
    cells = picture["cells"]
    with element("div", "overview"):
        kpi_strip(cells)
        with element("div", "strip strip-now"):
            site_map_panel(paths.SITES_CSV)
            sla_panel(
                picture.get("tiers", {}), picture.get("contracts", {}), lambda: request_panel(platform, compact=True)
            )
        with element("div", "strip strip-why"):
            money_panel()
            power_panel(cells)
            reasoning_panel(
                cells, picture.get("advice", {}), advice_action(platform), missing_right(Permission.ASK_CLAUDE)
            )
            events_panel(picture.get("events", {}))
    tour(opens_by_itself=True)
