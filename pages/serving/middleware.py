"""ASGI wrappers around NiceGUI's app: the API, and the gateway in front of it all."""

from nicegui import Client, app
from nicegui.server import Server

from mara.api.gateway.connection_limit import ConnectionLimit, PageRate
from mara.api.gateway.exposure import wants_login
from mara.api.gateway.gate import Gate
from mara.api.gateway.proxy import BehindProxy
from mara.api.gateway.server_security import (
    ServerSecurity,
    refuse_without_users,
    server_security_of,
)
from mara.api.gateway.under_path import UnderPath, WholePath
from mara.api.routes.app import PathDispatcher, api_of
from mara.api.routes.metrics import FleetCollector
from mara.api.security.headers import SafeHeaders
from mara.assembly.imports.desk import ImportDesk
from mara.assembly.people import people_of
from mara.bootstrap import database_file_of
from mara.runtime.clock import SystemClock
from mara.runtime.live.platform import Platform
from mara.settings import Settings
from pages.serving.browser_log import limit_browser_log
from pages.serving.page_slots import discard_unconnected, page_slots
from pages.serving.sockets import bind_sockets


def add_middleware(settings: Settings, platform: Platform, desk: ImportDesk | None = None) -> ServerSecurity:
    """Add the API, the gateway and the security headers to the app.

    Args:
        desk: for market files; None where this server takes none.

    Returns:
        What else the server needs to be secure: its options, and whether it is behind a proxy.

    Raises:
        ConfigError: other machines would reach the server without a login or TLS.
        StoreError: the users cannot be read.
    """
    clock = SystemClock()
    users = None
    if wants_login(settings):
        refuse_without_users(settings)
        users = people_of(settings)
    try:
        security = server_security_of(settings, users, clock)
    except BaseException:
        if users is not None:
            users.close()
        raise
    if desk is not None and security.authenticator is not None:
        desk.write_notes_to(security.authenticator.note)
    is_limited = security.origins.is_open
    database = database_file_of(settings)
    collector = FleetCollector(platform, clock, database, connected_count)
    app.add_middleware(WholePath)
    app.add_middleware(PathDispatcher, api=WholePath(api_of(platform, collector, _is_ending, desk)))
    rate = PageRate(clock)
    app.add_middleware(ConnectionLimit, most_clients=settings.max_clients, slots=page_slots, pages=rate)
    discard_unconnected(rate)
    limit_browser_log(clock)
    app.add_middleware(
        Gate,
        origins=security.origins,
        clock=clock,
        authenticator=security.authenticator,
        limited=is_limited,
        metrics=platform.metrics,
    )
    app.add_middleware(
        SafeHeaders, is_secure=security.is_secure
    )  # outside the gate, so that its refusals have these headers too
    if settings.root_path:
        app.add_middleware(UnderPath, root_path=settings.root_path)
    bind_sockets(platform.metrics)
    if security.is_behind_proxy:
        app.add_middleware(BehindProxy)  # outermost, so that all wrappers inside see the client's own address
    if users is not None:
        app.on_shutdown(users.close)
    return security


def connected_count() -> int:
    """Count the connected browsers; safe in any thread, because it reads a copy."""
    return sum(client.has_socket_connection for client in list(Client.instances.values()))


def _is_ending() -> bool:
    """True once the server has been told to end."""
    return Server.instance.should_exit
