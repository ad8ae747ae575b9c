"""What keeps open screens up to date: one publisher that looks at the newest state once a second.

A screen's picture is a function of the published state alone, so it is drawn once however many look at it, and the
difference to the last one goes to each connected browser as the same text.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from nicegui import Client

from components.shared.clock import moment_channel, place_channel
from components.shared.controls import engine_cells
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.view_model import ViewModel, difference
from mara.core.commands import Command, Exclude
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.core.snapshot import SeriesPoint
from mara.runtime.advisor.scheduler import AdvisorScheduler
from mara.runtime.published_state import PublishedState, StatePublisher
from mara.runtime.tick.exclusions import ExclusionRequest
from pages.serving.cached_query import ArchiveReader

LOOK_INTERVAL_S = 1.0

Draw: TypeAlias = Callable[[PublishedState, KeyFigureHistory], ViewModel]
"""A screen's picture of the published state and of what came before; the frame's part is added to it."""


Courses: TypeAlias = Mapping[str, Sequence[tuple[datetime, float]]]
"""What was stored of key figures, by figure: see `components.shared.key_figure_history.FIGURES`."""


class PlatformView(Protocol):
    """What pages may ask of the engine."""

    @property
    def latest(self) -> StatePublisher: ...
    @property
    def archive(self) -> ArchiveReader: ...
    @property
    def advisor(self) -> AdvisorScheduler | None: ...
    def pause(self) -> object: ...
    def resume(self) -> object: ...
    def step(self, ticks: int) -> object: ...
    def set_speed(self, speed_share: float) -> object: ...
    async def order(self, *commands: Command) -> object: ...
    def optimize_now(self) -> object: ...
    async def ask_claude(self) -> object: ...
    async def quote(self, ask: QuoteRequest) -> Quote: ...
    async def book(self, quote_id: str, customer: str = ...) -> Booking: ...
    async def exclude(self, *asked: ExclusionRequest, only_look: bool = ...) -> Sequence[Exclude]: ...
    async def cancel(self, contract_id: str) -> object: ...
    async def series(self, hours: int) -> tuple[SeriesPoint, ...]: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Publisher:
    """Lives as long as the app. `look` is called by a timer; a test calls it itself."""

    def __init__(self, latest: StatePublisher) -> None:
        self._latest = latest
        self._past = KeyFigureHistory()
        self._remembered_tick = -1
        self._pictures: dict[Draw, ViewModel] = {}
        self._screens: dict[str, tuple[Client, Draw]] = {}
        self._follow(latest.read())
        latest.follow(self._follow)

    def open(self, client: Client, draw: Draw) -> ViewModel:
        """Have `client` follow `draw` from its connection on; returns the picture to build its page from."""
        self._screens[client.id] = (client, draw)
        client.on_connect(lambda: self._resync(client, draw))
        client.on_delete(lambda: self._screens.pop(client.id, None))
        return self._draw(draw)

    def remember(self, series: tuple[SeriesPoint, ...], courses: Courses | None = None) -> None:
        """Begin the lines with what was stored before the newest snapshot."""
        self._past = self._past.before(series, courses)

    def tell_of_new_run(self) -> None:
        """Have every open screen know that this run is ended by order, so that none takes it for a fault."""
        for client, _ in self._screens.values():
            if client.has_socket_connection:
                client.run_javascript("window.mara.renew()")

    def look(self) -> None:
        """Draw each screen that somebody looks at, and send what has changed."""
        before, self._pictures = self._pictures, {}  # of screens that nobody looks at any more nothing is kept
        for draw, clients in self._audience().items():
            picture = self._pictures[draw] = self._draw(draw)
            changes = difference(before.get(draw, {}), picture)
            if changes:
                _send(clients, "apply", changes)

    def _follow(self, published: PublishedState) -> None:
        """Remember each tick, also those that pass between two looks: a line has no holes that nobody saw."""
        snapshot = published.snapshot
        if snapshot is not None and snapshot.tick != self._remembered_tick:
            self._remembered_tick = snapshot.tick
            self._past = self._past.after(snapshot)

    def _resync(self, client: Client, draw: Draw) -> None:
        """Bring a browser that has just connected, or was away, to the state from which differences are taken."""
        self.look()
        _send([client], "show", self._pictures.get(draw) or self._draw(draw))

    def _audience(self) -> dict[Draw, list[Client]]:
        audience: dict[Draw, list[Client]] = {}
        for client, draw in self._screens.values():
            if client.has_socket_connection:
                audience.setdefault(draw, []).append(client)
        return audience

    def _draw(self, draw: Draw) -> ViewModel:
        published = self._latest.read()
        return _framed(published, draw(published, self._past))


def _framed(published: PublishedState, own: ViewModel) -> ViewModel:
    """A screen's own picture with what every frame shows: state, clock, speed, the sites by name."""
    snapshot = published.snapshot
    engine = engine_cells(str(published.state), published.reason, published.speed_share, snapshot)
    framed: ViewModel = {**own, "cells": {**engine, **own.get("cells", {})}}
    if snapshot is None:
        return framed
    return {**framed, "places": place_channel(snapshot), "moment": moment_channel(snapshot)}


def _send(clients: list[Client], method: str, picture: ViewModel) -> None:
    code = f"window.mara.{method}({json.dumps(picture, separators=(',', ':'), ensure_ascii=False)})"
    for client in clients:
        client.run_javascript(code)
