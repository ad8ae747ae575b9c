"""Puts the API beside the pages, and the gate before both."""

from nicegui import Client, app
from nicegui.server import Server

from mara.api.gateway.connection_limit import ConnectionLimit, PageRate
from mara.api.gateway.gate import Gate
from mara.api.gateway.proxy import BehindProxy
from mara.api.gateway.server_security import ServerSecurity, entrance_of, refuse_nobody, wants_login
from mara.api.gateway.under_path import UnderPath, WholePath
from mara.api.routes.app import PathDispatcher, api_of
from mara.api.routes.metrics import FleetCollector
from mara.api.security.headers import SafeHeaders
from mara.bootstrap import database_file_of, people_of
from mara.runtime.clock import SystemClock
from mara.runtime.live.platform import Platform
from mara.settings import Settings
from pages.serving.browser_log import bound_browser_log
from pages.serving.seats import forget_early, seats
from pages.serving.sockets import bind_sockets


def stand_guard(settings: Settings, platform: Platform) -> ServerSecurity:
    """Add the API, the gate and the safe headers to the app; returns how the server must listen.

    Raises:
        ConfigError, StoreError: it would stand open to others, or the users cannot be read.
    """
    clock = SystemClock()
    people = None
    if wants_login(settings):
        refuse_nobody(settings)
        people = people_of(settings)
    try:
        entrance = entrance_of(settings, people, clock)
    except BaseException:
        if people is not None:
            people.close()
        raise
    is_limited = entrance.origins.is_open
    database = database_file_of(settings)
    collector = FleetCollector(platform, clock, database, _connected_count)
    app.add_middleware(WholePath)
    app.add_middleware(PathDispatcher, api=WholePath(api_of(platform, collector, _is_ending)))
    rate = PageRate(clock)
    app.add_middleware(ConnectionLimit, most_clients=settings.max_clients, seats=seats, pages=rate)
    forget_early(rate)
    bound_browser_log(clock)
    app.add_middleware(
        Gate,
        origins=entrance.origins,
        clock=clock,
        authenticator=entrance.authenticator,
        limited=is_limited,
        vitals=platform.vitals,
    )
    app.add_middleware(SafeHeaders, is_secure=entrance.is_secure)  # added last, so also on what the gate refuses
    if settings.root_path:
        app.add_middleware(UnderPath, root_path=settings.root_path)
    bind_sockets(platform.vitals)
    if entrance.is_behind_proxy:
        app.add_middleware(BehindProxy)  # outermost: everything behind it sees who really asks
    if people is not None:
        app.on_shutdown(people.close)
    return entrance


def _is_ending() -> bool:
    """Whether the server was told to end."""
    return Server.instance.should_exit


def _connected_count() -> int:
    """Of a copy: metrics ask from a thread, while the loop opens and forgets pages."""
    return sum(client.has_socket_connection for client in list(Client.instances.values()))
