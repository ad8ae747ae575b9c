"""The first screen: state first, exceptions loud, money, promises, the plan and why."""

import logging

from nicegui import ui

from components.charts import money_panel
from components.controls import engine_cells
from components.events_panel import event_channel, events_panel
from components.gains_panel import gain_cells, gains_panel
from components.kpis import kpi_cells, kpi_strip
from components.picture import Channel, Picture
from components.plan_panel import plan_cells, plan_panel
from components.site_map import map_channel, moment_channel, site_channel, site_map_panel
from components.sla_panel import contract_channel, sla_panel, tier_channel
from components.theme import element
from mara.core.snapshot import SeriesPoint, Snapshot
from mara.errors import MaraError
from mara.runtime.latest import Published
from pages.frame import actions_of, frame
from pages.live import Platform, Publisher

SERIES_HOURS = 24

_log = logging.getLogger(__name__)


def register(platform: Platform, publisher: Publisher) -> None:
    """Serve the overview at `/`."""

    @ui.page("/", title="Mara", dark=None)
    async def overview() -> None:
        picture = publisher.open(ui.context.client, overview_picture)
        series = await _series_of(platform)
        with frame(picture["cells"], actions_of(platform, publisher)):
            _draw(picture, series)


def overview_picture(published: Published, points: Channel) -> Picture:
    """All that the overview shows of a published state; before the first tick only the frame's cells."""
    snapshot = published.snapshot
    cells = engine_cells(str(published.state), published.reason, published.speed_share, snapshot)
    if snapshot is None:
        return {"cells": cells}
    return {
        "cells": {**cells, **_cells_of(snapshot)},
        "sites": site_channel(snapshot),
        "map": map_channel(snapshot),
        "moment": moment_channel(snapshot),
        "tiers": tier_channel(snapshot),
        "contracts": contract_channel(snapshot),
        "money": points,
        "events": event_channel(snapshot),
    }


def _cells_of(snapshot: Snapshot) -> Channel:
    return {**kpi_cells(snapshot), **plan_cells(snapshot), **gain_cells(snapshot)}


def _draw(picture: Picture, series: tuple[SeriesPoint, ...]) -> None:
    cells = picture["cells"]
    with element("div", "overview"):
        kpi_strip(cells)
        with element("div", "strip strip-now"):
            site_map_panel()
            sla_panel(picture.get("tiers", {}), picture.get("contracts", {}))
        with element("div", "strip strip-why"):
            money_panel(series)
            gains_panel(cells)
            plan_panel(cells)
            events_panel(picture.get("events", {}))


async def _series_of(platform: Platform) -> tuple[SeriesPoint, ...]:
    """The last day's line; without it the chart begins empty, which is better than no page."""
    try:
        return await platform.series(SERIES_HOURS)
    except MaraError as error:
        _log.warning("the money line cannot be read, the chart begins empty: %s", error)
        return ()
