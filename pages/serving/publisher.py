"""Publisher that updates open pages from the published state, once a second.

A page's view model depends on the published state alone. It is therefore computed once for all viewers, and each
connected browser gets the same text: its difference to the last one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from nicegui import Client

from components.alerts.alert_strip import NOTICED, alert_cells
from components.shared.clock import moment_channel, place_channel
from components.shared.controls import LIVE, OF_THIS_MACHINE, engine_cells
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.view_model import ViewModel, difference
from mara.api.routes.platform_api import LiveRun
from mara.core.commands import Command
from mara.core.dispatch_document import Mode
from mara.core.live_source import AnnouncedLimit, GridWarning
from mara.core.snapshot import SeriesPoint
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.published_state import EngineState, PublishedState, StatePublisher
from mara.runtime.tick.exclusions import ExclusionRequest
from pages.serving.cached_query import ArchiveReader

LOOK_INTERVAL_S = 1.0

Draw: TypeAlias = Callable[[PublishedState, KeyFigureHistory], ViewModel]
"""Function that computes a page's view model from the published state."""

Courses: TypeAlias = Mapping[str, Sequence[tuple[datetime, float]]]
"""Stored past of key figures, by name.

See `components.shared.key_figure_history.FIGURES`.
"""


class PlatformView(LiveRun, Protocol):
    """Live run as the pages use it, with the advisor, and its start and end.

    The methods are described at `mara.runtime.live.platform.Platform`.
    """

    @property
    def archive(self) -> ArchiveReader: ...
    @property
    def advisor(self) -> AdvisorScheduler | None: ...
    def announced_limits(self) -> tuple[AnnouncedLimit, ...]: ...
    def warnings(self) -> tuple[GridWarning, ...] | None: ...
    async def ask_claude(self) -> object: ...
    async def set_mode(self, site_name: str, mode: Mode, reason: str) -> object: ...
    async def order(self, *commands: Command, only_look: bool = ...) -> object: ...
    async def exclude(self, *asked: ExclusionRequest, only_look: bool = ...) -> object: ...
    async def series(self, hours: int) -> tuple[SeriesPoint, ...]: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Publisher:
    """Sends updates to all open pages; lives as long as the app.

    A timer calls `look`; tests call it themselves.
    """

    def __init__(self, publisher: StatePublisher) -> None:
        self._publisher = publisher
        self._past = KeyFigureHistory()
        self._remembered_tick = -1
        self._has_gap = False
        self._pictures: dict[Draw, ViewModel] = {}
        self._screens: dict[str, tuple[Client, Draw]] = {}
        self._early: set[str] = set()
        self._follow(publisher.read())
        publisher.follow(self._follow)

    def open(self, client: Client, draw: Draw) -> ViewModel:
        """Register a client for a page's updates; return the view model to draw it from.

        A page that is drawn before the first tick lacks all that needs to know the sites; its browser is told to load
        it once more when that tick has come.
        """
        self._screens[client.id] = (client, draw)
        if self._publisher.read().snapshot is None:
            self._early.add(client.id)
        client.on_connect(lambda: self._resync(client, draw))
        client.on_delete(lambda: self._forget(client))
        return self._draw(draw)

    def remember(self, series: tuple[SeriesPoint, ...], courses: Courses | None = None) -> None:
        """Begin the charts' lines with points stored before the newest snapshot."""
        self._past = self._past.before(series, courses)

    def takes_gap(self) -> bool:
        """Tell once whether a live world has stored ticks that no page has seen.

        So it is after a standstill, when ticks follow one another at once.
        """
        has_gap, self._has_gap = self._has_gap, False
        return has_gap

    def tell_of_new_run(self) -> None:
        """Tell every open page that this run ends as ordered, so that none shows a fault."""
        for client, _ in self._screens.values():
            if client.has_socket_connection:
                client.run_javascript("window.mara.renew()")

    def look(self) -> None:
        """Compute each page that a browser is connected to, and send the differences."""
        self._redraw_early()
        before, self._pictures = self._pictures, {}  # view models of pages without a browser are dropped
        for draw, clients in self._audience().items():
            picture = self._pictures[draw] = self._draw(draw)
            changes = difference(before.get(draw, {}), picture)
            if changes:
                _send(clients, "apply", changes)

    def _follow(self, current: PublishedState) -> None:
        """Record each tick, also between two calls of `look`, so that lines have no gaps."""
        snapshot = current.snapshot
        if snapshot is not None and snapshot.tick != self._remembered_tick:
            is_next = snapshot.tick == self._remembered_tick + 1
            self._has_gap |= current.world == LIVE and not is_next and self._remembered_tick >= 0
            self._remembered_tick = snapshot.tick
            self._past = self._past.after(snapshot)

    def _redraw_early(self) -> None:
        """Have pages that were drawn before the first tick loaded anew once it has come."""
        if not self._early or self._publisher.read().snapshot is None:
            return
        for client, _ in [self._screens[client_id] for client_id in self._early]:
            if client.has_socket_connection:
                self._early.discard(client.id)
                client.run_javascript("window.mara.redraw()")

    def _forget(self, client: Client) -> None:
        self._screens.pop(client.id, None)
        self._early.discard(client.id)

    def _resync(self, client: Client, draw: Draw) -> None:
        """Send the whole view model to a browser that has just connected."""
        self.look()
        _send([client], "show", self._pictures.get(draw) or self._draw(draw))

    def _audience(self) -> dict[Draw, list[Client]]:
        audience: dict[Draw, list[Client]] = {}
        for client, draw in self._screens.values():
            if client.has_socket_connection:
                audience.setdefault(draw, []).append(client)
        return audience

    def _draw(self, draw: Draw) -> ViewModel:
        current = self._publisher.read()
        return _framed(current, draw(current, self._past))


def _framed(current: PublishedState, own: ViewModel) -> ViewModel:
    """Add the frame's channels to a page's view model: state, clock, speed and sites."""
    snapshot = current.snapshot
    stale_since = {alert.subject: alert.began_at for alert in current.alerts if alert.kind == NOTICED["stale"]}
    world = OF_THIS_MACHINE if current.is_of_this_machine else current.world
    engine = engine_cells(str(current.state), current.reason, current.speed_factor, snapshot, world, stale_since)
    alerts = alert_cells(current.alerts, "stale" if _is_stale(current) else str(current.state))
    framed: ViewModel = {**own, "cells": {**engine, **alerts, **own.get("cells", {})}}
    if snapshot is None:
        return framed
    return {**framed, "places": place_channel(snapshot), "moment": moment_channel(snapshot)}


def _is_stale(current: PublishedState) -> bool:
    """Return whether the page's notice is about stale sources."""
    snapshot = current.snapshot
    return current.state is EngineState.RUNNING and snapshot is not None and bool(snapshot.stale_sources)


def _send(clients: list[Client], method: str, picture: ViewModel) -> None:
    code = f"window.mara.{method}({json.dumps(picture, separators=(',', ':'), ensure_ascii=False)})"
    for client in clients:
        client.run_javascript(code)
