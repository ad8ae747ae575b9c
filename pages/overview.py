"""The first screen: state first, exceptions loud, money, promises, the plan and why."""

from nicegui import ui

from components.charts import money_panel
from components.events_panel import event_channel, events_panel
from components.kpis import kpi_cells, kpi_strip
from components.past import Past
from components.picture import Picture
from components.power_panel import power_cells, power_channel, power_panel
from components.reasoning_panel import advice_channel, reasoning_cells, reasoning_panel
from components.site_map import map_channel, site_channel, site_map_panel
from components.sla_panel import contract_channel, sla_panel, tier_channel
from components.theme import element
from components.tour import tour
from mara.api.rights import Deed
from mara.runtime.latest import Published
from pages.asking import asking
from pages.authorization import Authorized
from pages.booking import request_panel
from pages.callers import why_not_here
from pages.frame import frame
from pages.live import Publisher


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the overview at `/`."""

    @ui.page("/", title="Mara", dark=None)
    def overview() -> None:
        picture = publisher.open(ui.context.client, overview_picture)
        with frame(platform, publisher, picture["cells"], "/"):
            _draw(picture, platform)


def overview_picture(published: Published, past: Past) -> Picture:
    """All that the overview shows of a published state; nothing before the first tick."""
    snapshot = published.snapshot
    if snapshot is None:
        return {}
    return {
        "cells": {**kpi_cells(snapshot, past), **power_cells(snapshot), **reasoning_cells(snapshot, published.advisor)},
        "advice": advice_channel(published.advisor),
        "sites": site_channel(snapshot),
        "map": map_channel(snapshot),
        "tiers": tier_channel(snapshot),
        "contracts": contract_channel(snapshot),
        "money": past.money,
        "figures": past.figures,
        "power": power_channel(snapshot),
        "events": event_channel(snapshot),
    }


def _draw(picture: Picture, platform: Authorized) -> None:
    cells = picture["cells"]
    with element("div", "overview"):
        kpi_strip(cells)
        with element("div", "strip strip-now"):
            site_map_panel()
            sla_panel(
                picture.get("tiers", {}), picture.get("contracts", {}), lambda: request_panel(platform, compact=True)
            )
        with element("div", "strip strip-why"):
            money_panel()
            power_panel(cells)
            reasoning_panel(cells, picture.get("advice", {}), asking(platform), why_not_here(Deed.ASK_CLAUDE))
            events_panel(picture.get("events", {}))
    tour(opens_by_itself=True)
