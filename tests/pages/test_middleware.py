"""Count of connected browsers while they come and go."""

from typing import Any

import pytest
from nicegui import Client

from pages.serving import middleware


def test_browsers_are_counted_while_another_one_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics are read in a thread of their own, while the event loop opens pages."""
    clients: dict[str, Any] = {}

    class Arriving:
        @property
        def has_socket_connection(self) -> bool:
            clients[f"new {len(clients)}"] = self
            return True

    clients["first"] = Arriving()
    monkeypatch.setattr(Client, "instances", clients)
    assert middleware.connected_count() == 1
