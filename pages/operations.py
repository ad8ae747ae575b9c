"""Operations page: modes by site, meters beside the plan, and device writes."""

from collections.abc import Mapping
from typing import Any

from nicegui import ui

from components.operations.operation_panels import (
    log_channel,
    log_panel,
    mode_panel,
    response_channel,
    response_panel,
    site_channel,
    site_panel,
    stop_panel,
)
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.theme import element
from components.shared.view_model import ViewModel
from mara.api import paths
from mara.api.security.permissions import Permission
from mara.core.history import SignalEntry
from mara.core.snapshot import Snapshot
from mara.errors import CommandError, MaraError
from mara.runtime.published_state import PublishedState
from pages.authorization import Authorized
from pages.frame import frame
from pages.serving.cached_query import CachedQuery
from pages.serving.current_user import missing_right
from pages.serving.publisher import Publisher

MOST_LINES = 40


class OperationsScreen:
    """View model of the operations page, shared by viewers; lives as long as the app."""

    def __init__(self, platform: Authorized) -> None:
        self._platform = platform
        self._query: CachedQuery[tuple[SignalEntry, ...]] = CachedQuery("operations", self._read, ())

    async def renew(self) -> None:
        """Read the log before the page is drawn."""
        await self._query.renew(self._version())

    def picture(self, current: PublishedState, _: KeyFigureHistory) -> ViewModel:
        """Return the contents of the page's channels; empty before the first tick."""
        snapshot = current.snapshot
        if snapshot is None:
            return {}
        return {
            "cells": {},
            "operations": site_channel(snapshot, current.executors),
            "responses": response_channel(current.responses, snapshot),
            "signals": log_channel(self._query.newest(self._version()), snapshot),
        }

    def _version(self) -> tuple[object, ...]:
        """Version of the log: it is read again after a change of modes or executors."""
        shown = self._platform.publisher.read()
        modes = tuple(site.mode for site in shown.snapshot.sites) if shown.snapshot is not None else ()
        return (*modes, shown.executors, shown.responses)

    async def _read(self) -> tuple[SignalEntry, ...]:
        return tuple(await self._platform.archive.signals(None, None, MOST_LINES))


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the operations page."""
    screen = OperationsScreen(platform)

    @ui.page(paths.OPERATIONS, title="Mara: operations", dark=None)
    async def operations() -> None:
        await screen.renew()
        picture = publisher.open(ui.context.client, screen.picture)
        with frame(platform, publisher, picture["cells"], paths.OPERATIONS):
            _draw(picture, platform, publisher)


def _draw(picture: ViewModel, platform: Authorized, publisher: Publisher) -> None:
    async def disarm(entered: Mapping[str, Any]) -> str:
        try:
            await platform.disarm(entered["site"], entered["mode"], entered["reason"])
        except MaraError as error:
            return str(error)
        publisher.look()
        return ""

    async def arm(entered: Mapping[str, Any]) -> str:
        try:
            await platform.arm(entered["site"], entered["mode"], entered["reason"])
        except MaraError as error:
            return str(error)
        publisher.look()
        return ""

    async def stop(entered: Mapping[str, Any]) -> str:
        try:
            await platform.stop_site(_meant(entered, snapshot), entered["reason"])
        except MaraError as error:
            return str(error)
        finally:
            publisher.look()
        return ""

    async def release(entered: Mapping[str, Any]) -> str:
        try:
            await platform.release_site(entered["site"], entered["reason"])
        except MaraError as error:
            return str(error)
        publisher.look()
        return ""

    snapshot = platform.publisher.read().snapshot
    with element("div", "leaf"):
        with element("div", "leaf-head"):
            element("h1", "", "Operations")
            element("span", "place", "How far the plan reaches into real sites, and what they do with it")
        site_panel(picture.get("operations", {}))
        if snapshot is not None:
            sites = [(site.id, site.name) for site in snapshot.sites]
            stop_panel(sites, stop, release, why_not=missing_right(Permission.EMERGENCY))
            response_panel(picture.get("responses", {}))
            mode_panel(
                sites,
                disarm,
                arm,
                why_not=missing_right(Permission.DISARM),
                why_not_armed=missing_right(Permission.ARM),
            )
        log_panel(picture.get("signals", {}))


def _meant(entered: Mapping[str, Any], snapshot: Snapshot | None) -> str:
    """Return the chosen site, whose name was entered again.

    Raises:
        CommandError: another name was entered.
    """
    chosen, again = entered["site"], entered["again"]
    names = {site.id: site.name for site in snapshot.sites} if snapshot is not None else {}
    if again.strip().casefold() not in {chosen.casefold(), names.get(chosen, chosen).casefold()}:
        raise CommandError(
            f"{names.get(chosen, chosen)} is chosen, {again.strip()[:40]!r} was entered again: enter the site's name"
        )
    return str(chosen)
