"""Binding of each websocket to the page of its handshake, of the same user.

NiceGUI takes the page from the message itself. A page's id is not secret, because it is part of the websocket's
address, so that a message could name another user's page.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from nicegui import Client, core

from mara.api.security.authenticator import CALLER, identity_in
from mara.runtime.observe.engine_metrics import EngineMetrics
from pages.serving.current_user import awaited

OF_A_PAGE: Final = ("event", "javascript_response", "ack", "log")
"""Messages for which NiceGUI looks up a page."""

Listener = Callable[..., Awaitable[Any] | Any]

log = logging.getLogger("mara.pages")


def bind_sockets(metrics: EngineMetrics) -> None:
    """Check every message of a websocket before NiceGUI gets it.

    Args:
        metrics: metrics that count refusals.

    Raises:
        KeyError: this version of NiceGUI has other names for the messages, which must be checked instead.
    """
    listeners: dict[str, Listener] = core.sio.handlers["/"]
    connect, handshake = listeners["connect"], listeners["handshake"]

    async def connected(sid: str, environ: Mapping[str, Any], *more: Any) -> Any:
        named = parse_qs(environ.get("QUERY_STRING", "")).get("client_id", [""])[0]
        if not _may_have(named):
            _refuse(metrics, sid, "connect")
            return False  # returning False refuses the connection
        return await awaited(connect(sid, environ, *more))

    async def shaken(sid: str, message: Any) -> Any:
        if not _may_have(_page_in(message)):
            return await _cut(metrics, sid, "handshake")
        return await awaited(handshake(sid, message))

    listeners |= {"connect": connected, "handshake": shaken}
    listeners |= {kind: _guarded(kind, listeners[kind], metrics) for kind in OF_A_PAGE}


def _guarded(kind: str, listener: Listener, metrics: EngineMetrics) -> Listener:
    async def guarded(sid: str, message: Any) -> Any:
        named = _page_in(message)
        if named not in core.sio.rooms(sid) or not _may_have(named):
            if named in Client.instances or not named:
                await _cut(metrics, sid, kind)
            return None  # the page is deleted already
        return await awaited(listener(sid, message))

    return guarded


def _may_have(client_id: str) -> bool:
    """True if the sender of a message was served this page, or it does not exist."""
    page, caller = Client.instances.get(client_id), CALLER.get()
    if page is None:
        return True
    return caller is not None and identity_in(caller).name == identity_in(page.request.scope).name


def _page_in(message: Any) -> str:
    """Read the id of the page that a message names; empty where it names none."""
    named = message.get("client_id") if isinstance(message, dict) else None
    return named if isinstance(named, str) else ""


async def _cut(metrics: EngineMetrics, sid: str, kind: str) -> bool:
    """Close a connection that named another user's page; False refuses its handshake."""
    _refuse(metrics, sid, kind)
    await core.sio.disconnect(sid)
    return False


def _refuse(metrics: EngineMetrics, sid: str, kind: str) -> None:
    metrics.refused_count += 1
    caller = CALLER.get()
    name = identity_in(caller).name if caller is not None else "unknown"
    log.warning("a websocket named a page that is not its own", extra={"by": name, "kind": kind, "socket": sid})
