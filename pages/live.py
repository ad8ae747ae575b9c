"""What keeps open screens up to date: one publisher that looks at the newest state once a second.

A screen's picture is a function of the published state alone, so it is drawn once however many look at it, and the
difference to the last one goes to each connected browser as the same text.
"""

import json
from collections.abc import Callable
from typing import Protocol, TypeAlias

from nicegui import Client

from components.charts import MOST_POINTS, money_channel
from components.picture import Channel, Picture, difference
from mara.core.snapshot import SeriesPoint
from mara.runtime.latest import Latest, Published

LOOK_INTERVAL_S = 1.0

Draw: TypeAlias = Callable[[Published, Channel], Picture]
"""A screen's picture of the published state and of the points seen so far."""


class Platform(Protocol):
    """What pages may ask of the engine."""

    @property
    def latest(self) -> Latest: ...
    def pause(self) -> object: ...
    def resume(self) -> object: ...
    def step(self, ticks: int) -> object: ...
    def set_speed(self, speed_share: float) -> object: ...
    async def series(self, hours: int) -> tuple[SeriesPoint, ...]: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Publisher:
    """Lives as long as the app. `look` is called by a timer; a test calls it itself."""

    def __init__(self, latest: Latest) -> None:
        self._latest = latest
        self._points: Channel = {}  # of the money line, the oldest first
        self._pictures: dict[Draw, Picture] = {}
        self._screens: dict[str, tuple[Client, Draw]] = {}

    def open(self, client: Client, draw: Draw) -> Picture:
        """Have `client` follow `draw` from its connection on; returns the picture to build its page from."""
        self._screens[client.id] = (client, draw)
        client.on_connect(lambda: self._resync(client, draw))
        client.on_delete(lambda: self._screens.pop(client.id, None))
        return self._draw(draw)

    def remember(self, series: tuple[SeriesPoint, ...]) -> None:
        """Begin the money line with what was stored before the newest snapshot."""
        self._keep(money_channel(series) | self._points)

    def look(self) -> None:
        """Draw each screen that somebody looks at, and send what has changed."""
        snapshot = self._latest.read().snapshot
        if snapshot is not None:
            self._keep(self._points | money_channel([snapshot]))
        for draw, clients in self._audience().items():
            picture = self._draw(draw)
            changes = difference(self._pictures.get(draw, {}), picture)
            self._pictures[draw] = picture
            if changes:
                _send(clients, "apply", changes)

    def _resync(self, client: Client, draw: Draw) -> None:
        """Bring a browser that has just connected, or was away, to the state from which differences are taken."""
        self.look()
        _send([client], "show", self._pictures[draw])

    def _audience(self) -> dict[Draw, list[Client]]:
        audience: dict[Draw, list[Client]] = {}
        for client, draw in self._screens.values():
            if client.has_socket_connection:
                audience.setdefault(draw, []).append(client)
        return audience

    def _draw(self, draw: Draw) -> Picture:
        return draw(self._latest.read(), self._points)

    def _keep(self, points: Channel) -> None:
        self._points = dict(list(points.items())[-MOST_POINTS:])


def _send(clients: list[Client], method: str, picture: Picture) -> None:
    code = f"window.mara.{method}({json.dumps(picture, separators=(',', ':'), ensure_ascii=False)})"
    for client in clients:
        client.run_javascript(code)
