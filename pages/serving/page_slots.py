"""Pages that NiceGUI keeps: counted against the limit, and discarded if unused."""

from typing import Final
from weakref import WeakSet

from nicegui import Client, app

from mara.api.gateway.connection_limit import PageRate, PageSlot
from mara.api.security.authenticator import identity_in

UNCONNECTED_S: Final = 20.0
"""Time within which a browser connects to its page, or the page is discarded.

A browser that is slower than that loads the page once more.
"""
LOOK_INTERVAL_S: Final = 5.0
"""Time [s] between two searches for pages to discard."""


def page_slots() -> list[PageSlot]:
    """List every page: those never connected to first, then by age."""
    clients = [client for client in Client.instances.values() if not client.is_deleted]
    clients.sort(key=lambda client: client.environ is not None)
    return [
        PageSlot(
            name=identity_in(client.request.scope).name,
            is_connected=client.has_socket_connection,
            discard=lambda client=client: _discard(client),  # type: ignore[misc]
        )
        for client in clients
    ]


def discard_unconnected(rate: PageRate) -> None:
    """Discard unconnected pages soon, and inform `rate` of those that connect."""
    seen: WeakSet[Client] = WeakSet()

    def connected(client: Client) -> None:
        if client not in seen:
            seen.add(client)
            rate.connected(client.request.scope)

    app.on_connect(connected)
    app.timer(LOOK_INTERVAL_S, lambda: Client.prune_instances(client_age_threshold=UNCONNECTED_S))


def _discard(client: Client) -> None:
    for task in client._delete_tasks.values():  # noqa: SLF001  NiceGUI would delete it a second time, and fail
        task.cancel()
    client.delete()
