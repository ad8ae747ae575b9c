"""A websocket acts only for the page that it shook hands for, and shakes hands only for a page of the same person.

NiceGUI takes the page from what a message says. Its id is no secret: it stands in the address of the websocket, so a
message could name anybody's.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from nicegui import Client, core

from mara.api.security.authenticator import CALLER, identity_in
from mara.runtime.observe.engine_metrics import EngineMetrics
from pages.serving.callers import settled

OF_A_PAGE: Final = ("event", "javascript_response", "ack", "log")
"""Messages that NiceGUI looks up a page for."""

Listener = Callable[..., Awaitable[Any] | Any]

log = logging.getLogger("mara.pages")


def bind_sockets(vitals: EngineMetrics) -> None:
    """Have every message of a websocket looked at before NiceGUI gets it; `vitals` counts what is refused.

    Raises:
        KeyError: this NiceGUI has no such messages; what they are called now must be guarded instead.
    """
    listeners: dict[str, Listener] = core.sio.handlers["/"]
    connect, handshake = listeners["connect"], listeners["handshake"]

    async def connected(sid: str, environ: Mapping[str, Any], *more: Any) -> Any:
        named = parse_qs(environ.get("QUERY_STRING", "")).get("client_id", [""])[0]
        if not _may_have(named):
            _refuse(vitals, sid, "connect")
            return False  # the socket is not opened
        return await settled(connect(sid, environ, *more))

    async def shaken(sid: str, message: Any) -> Any:
        if not _may_have(_page_in(message)):
            return await _cut(vitals, sid, "handshake")
        return await settled(handshake(sid, message))

    listeners |= {"connect": connected, "handshake": shaken}
    listeners |= {kind: _guarded(kind, listeners[kind], vitals) for kind in OF_A_PAGE}


def _guarded(kind: str, listener: Listener, vitals: EngineMetrics) -> Listener:
    async def guarded(sid: str, message: Any) -> Any:
        named = _page_in(message)
        if named not in core.sio.rooms(sid) or not _may_have(named):
            if named in Client.instances or not named:
                await _cut(vitals, sid, kind)
            return None  # a page that is forgotten already: nothing to do
        return await settled(listener(sid, message))

    return guarded


def _may_have(client_id: str) -> bool:
    """Whether whoever's message this is was served the page; one that is not there is nobody's."""
    page, caller = Client.instances.get(client_id), CALLER.get()
    if page is None:
        return True
    return caller is not None and identity_in(caller).name == identity_in(page.request.scope).name


def _page_in(message: Any) -> str:
    """The page that a message names; empty for a message that is none."""
    named = message.get("client_id") if isinstance(message, dict) else None
    return named if isinstance(named, str) else ""


async def _cut(vitals: EngineMetrics, sid: str, kind: str) -> bool:
    """End a connection that spoke for a page which is not its own: False, as NiceGUI answers a handshake in vain."""
    _refuse(vitals, sid, kind)
    await core.sio.disconnect(sid)
    return False


def _refuse(vitals: EngineMetrics, sid: str, kind: str) -> None:
    vitals.refused_count += 1
    caller = CALLER.get()
    name = identity_in(caller).name if caller is not None else "unknown"
    log.warning("a websocket named a page that is not its own", extra={"by": name, "kind": kind, "socket": sid})
