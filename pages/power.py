"""Power page: bill, peaks, grid products, batteries and contracted supply."""

from collections.abc import Mapping
from typing import Final

from nicegui import ui

from components.power.bill_panels import bill_panel, part_channel, site_bill_panel, site_channel
from components.power.flexibility_panels import (
    award_channel,
    award_panel,
    battery_channel,
    battery_panel,
    plan_channel,
)
from components.power.peak_panels import demand_channel, demand_panel, hour_channel, risk_channel, risk_panel
from components.power.power_figures import power_cells, power_figures, power_head
from components.power.supply_panel import supply_channel, supply_panel
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.theme import element
from components.shared.view_model import ViewModel
from mara.api import paths
from mara.core.snapshot import Snapshot
from mara.runtime.published_state import PublishedState
from pages.authorization import Authorized
from pages.frame import frame
from pages.serving.cached_query import CachedQuery
from pages.serving.publisher import Publisher

EXAMPLE: Final = "MARA_FLEET=texas_contract mara run"
HOW_TO_BEGIN: Final = (
    "Charges on energy, on the month's peak and on the system's peaks: [[site.charge]] in the fleet file.",
    "Contracted supply such as blocks and take-or-pay: [[site.supply]].",
    "A battery behind the meter: [site.battery], and export_limit_mw for what may be fed into the grid.",
    "Grid products that flexible load may be sold to: MARA_PRODUCTS=ercot, or a products.toml beside the fleet file.",
)


class PowerScreen:
    """View model of the power page, shared by viewers; lives as long as the app."""

    def __init__(self, platform: Authorized) -> None:
        self._platform = platform
        self._query = CachedQuery[Mapping[str, float]]("power", self._read, {})

    async def renew(self) -> None:
        """Read the archive before the page is drawn."""
        snapshot = self._platform.publisher.read().snapshot
        if snapshot is not None and snapshot.power:
            await self._query.renew(snapshot.tick)

    def picture(self, current: PublishedState, _: KeyFigureHistory) -> ViewModel:
        """Return the contents of the page's channels; empty without power terms."""
        snapshot = current.snapshot
        if snapshot is None or not snapshot.power:
            return {}
        return draw(snapshot, self._query.newest(snapshot.tick))

    async def _read(self) -> Mapping[str, float]:
        return await self._platform.archive.peak_hours()


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the power page."""
    screen = PowerScreen(platform)

    @ui.page(paths.POWER, title="Mara: power", dark=None)
    async def power() -> None:
        await screen.renew()
        picture = publisher.open(ui.context.client, screen.picture)
        with frame(platform, publisher, picture["cells"], paths.POWER):
            snapshot = platform.publisher.read().snapshot
            if snapshot is not None and not snapshot.power:
                _draw_nothing(snapshot)
            else:
                _draw(picture, len(snapshot.sites) if snapshot is not None else 0)


def draw(snapshot: Snapshot, off_h: Mapping[str, float]) -> ViewModel:
    """Return the contents of the page's channels.

    Args:
        off_h: hours of the year that each site stayed off for coincident peaks.
    """
    return {
        "cells": power_cells(snapshot),
        "bill": part_channel(snapshot),
        "bill-sites": site_channel(snapshot),
        "demand-peaks": demand_channel(snapshot),
        "peak-risk": risk_channel(snapshot, off_h),
        "risk-hours": hour_channel(snapshot),
        "awards": award_channel(snapshot),
        "batteries": battery_channel(snapshot),
        "battery-hours": plan_channel(snapshot),
        "supply": supply_channel(snapshot),
    }


def _draw(picture: ViewModel, sites_count: int) -> None:
    with element("div", "leaf power-page"):
        power_head()
        power_figures(picture["cells"])
        with element("div", "lane wide-right"):
            bill_panel(picture.get("bill", {}))
            with element("div", "stack"):
                site_bill_panel(picture.get("bill-sites", {}), sites_count)
                award_panel(picture.get("awards", {}))
                demand_panel(picture.get("demand-peaks", {}))
        with element("div", "lane halves"):
            with element("div", "stack"):
                risk_panel(picture.get("peak-risk", {}), picture.get("risk-hours", {}))
                supply_panel(picture.get("supply", {}))
            battery_panel(picture.get("batteries", {}), picture.get("battery-hours", {}))


def _draw_nothing(snapshot: Snapshot) -> None:
    """Draw what the page would show, and how to describe power terms."""
    with element("div", "leaf"), element("section", "panel power-empty"):
        element("h1", "", "This fleet buys power at its price alone")
        element(
            "p",
            "",
            f"The fleet “{snapshot.fleet_name}” has no power terms. With them this page shows the month's bill and its "
            "forecast by instrument and site, peaks and their risk, what is sold to grid products, batteries and "
            "contracted supply. All of them are optional:",
        )
        with element("ul"):
            for line in HOW_TO_BEGIN:
                element("li", "", line)
        element(
            "p", "", "The format is in docs/formats.md, under “Power terms”. A shipped fleet shows the page with life:"
        )
        element("code", "", EXAMPLE)
