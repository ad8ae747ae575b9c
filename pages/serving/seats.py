"""The pages that NiceGUI keeps: whose they are, and which of them nobody came for."""

from typing import Final
from weakref import WeakSet

from nicegui import Client, app

from mara.api.gateway.connection_limit import PageRate, PageSlot
from mara.api.security.authenticator import identity_in

UNCONNECTED_S: Final = 20.0
"""A page whose browser has not opened its websocket by then is forgotten; a slow one loads it once more."""
LOOK_S: Final = 5.0


def seats() -> list[PageSlot]:
    """Every page, those that no browser has ever followed first, then by age."""
    clients = [client for client in Client.instances.values() if not client.is_deleted]
    clients.sort(key=lambda client: client.environ is not None)
    return [
        PageSlot(
            name=identity_in(client.request.scope).name,
            is_connected=client.has_socket_connection,
            leave=lambda client=client: _forget(client),  # type: ignore[misc]
        )
        for client in clients
    ]


def forget_early(rate: PageRate) -> None:
    """Have pages forgotten within seconds that nobody comes for, and `rate` told of those that somebody did."""
    followed: WeakSet[Client] = WeakSet()

    def connected(client: Client) -> None:
        if client not in followed:
            followed.add(client)
            rate.connected(client.request.scope)

    app.on_connect(connected)
    app.timer(LOOK_S, lambda: Client.prune_instances(client_age_threshold=UNCONNECTED_S))


def _forget(client: Client) -> None:
    for task in client._delete_tasks.values():  # noqa: SLF001  NiceGUI would forget it a second time, and fail
        task.cancel()
    client.delete()
