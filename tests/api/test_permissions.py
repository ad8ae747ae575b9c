"""Rights over REST: a changing call without its right has no effect."""

from functools import cache
from typing import Any, cast

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from mara.api.routes.alerts import alert_routes
from mara.api.routes.app import api_of
from mara.api.routes.changes import changing_routes
from mara.api.routes.platform_api import PlatformApi
from mara.api.security.authenticator import SCOPE_KEY, Identity
from mara.core.commands import Receipt
from mara.core.quote import QuoteRequest
from mara.runtime.published_state import StatePublisher
from tests.ui.quotes import booking_of, quote_for
from tests.ui.snapshots import snapshot_at

SNAPSHOT = snapshot_at(288)
LIVE = SNAPSHOT.contracts[0].id
SITE = next(contract.site_id for contract in SNAPSHOT.contracts if contract.site_id)
QUOTED = quote_for(QuoteRequest(tier="standard", power_mw=2.0, duration_h=48.0), 289)
TAKEN = Receipt(numbers=(1,), tick=289)
CONTROL = ("POST", "/api/control")
ORDERS: list[tuple[tuple[str, str], str, dict[str, Any] | None, str]] = [
    (("POST", "/api/quotes"), "", {"tier": "standard", "power_mw": 2.0, "hours": 48.0}, "quote"),
    (("POST", "/api/commitments"), "", {"quote_id": "q-1"}, "book"),
    (("DELETE", "/api/commitments/{contract_id:path}"), f"/api/commitments/{LIVE}", None, "cancel"),
    (("POST", "/api/optimize"), "", None, "optimize_now"),
    (CONTROL, "", {"action": "pause"}, "pause"),
    (CONTROL, "", {"action": "resume"}, "resume"),
    (CONTROL, "", {"action": "step"}, "step"),
    (CONTROL, "", {"action": "speed", "speed": 60.0}, "set_speed"),
    (CONTROL, "", {"action": "outage", "site_id": SITE}, "order"),
    (CONTROL, "", {"action": "restore", "site_id": SITE}, "order"),
    (
        CONTROL,
        "",
        {"action": "maintenance", "site_id": SITE, "from": "2025-07-05T14:00:00Z", "to": "2025-07-05T15:00:00Z"},
        "exclude",
    ),
    (CONTROL, "", {"action": "retract", "site_id": SITE, "from": "2025-07-05T14:00:00Z"}, "order"),
    (("POST", "/api/alerts/acknowledge"), "", {"alerts": [1]}, "acknowledge"),
    (("POST", "/api/alerts/reopen"), "", {"alerts": [1]}, "reopen"),
    (("POST", "/api/alerts/silence"), "", {"alerts": [1], "until": "2025-07-02T15:00:00Z"}, "silence"),
    (("POST", "/api/alerts/unsilence"), "", {"alerts": [1]}, "unsilence"),
]
CONFIRMED = {"quote", "book", "exclude", "order", "cancel"} | {"acknowledge", "reopen", "silence", "unsilence"}
"""Route, path if it differs, body, and the engine's method that the call leads to."""


class Recorder:
    """Records the changing calls that reach the engine."""

    def __init__(self) -> None:
        self.publisher = StatePublisher()
        self.publisher.publish(SNAPSHOT)
        self.reached: list[str] = []
        self.alerts = self

    def __getattr__(self, name: str) -> Any:
        def reach(*_: object, **__: object) -> object:
            self.reached.append(name)
            return self._answer() if name in CONFIRMED else None

        return reach

    async def _answer(self) -> object:
        answers = {
            "quote": QUOTED,
            "book": booking_of(QUOTED, "Acme"),
            "order": TAKEN,
            "cancel": TAKEN,
            "exclude": TAKEN,
        }
        return answers.get(self.reached[-1], ())


@cache
def recorded() -> tuple[Recorder, ASGIApp]:
    """An engine and its API, built once; only the calls that reached it are kept between requests."""
    engine = Recorder()
    return engine, api_of(cast(PlatformApi, engine))


class As:
    """ASGI wrapper that marks requests as sent by a user of a role, as the gate does."""

    def __init__(self, role: str, app: ASGIApp) -> None:
        self._app = app
        self._who = Identity(name="vic", role=role)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, SCOPE_KEY: self._who}, receive, send)


def sent(role: str, order: tuple[tuple[str, str], str, dict[str, Any] | None, str]) -> tuple[Any, list[str]]:
    """Send an order; return the answer, and the calls that it reached."""
    (method, path), address, body, _ = order
    engine, app = recorded()
    engine.reached = []
    return TestClient(As(role, app)).request(method, address or path, json=body), engine.reached


@pytest.mark.parametrize("order", ORDERS, ids=[f"{one[0][1]} {one[3]}" for one in ORDERS])
def test_a_viewer_orders_nothing_and_an_operator_does(order: Any) -> None:
    answer, reached = sent("viewer", order)
    assert (answer.status_code, reached) == (403, [])
    assert answer.json()["detail"] == "that needs the role operator, vic is viewer: ask an admin"
    for role in ("operator", "admin"):
        answer, reached = sent(role, order)
        assert answer.status_code < 300, answer.text
        assert reached == [order[3]]


def test_every_changing_route_is_among_these() -> None:
    engine = cast(PlatformApi, Recorder())
    routes = [route for made in (changing_routes, alert_routes) for route in made(engine).routes]
    calls = {
        (method, r.path) for r in routes if isinstance(r, APIRoute) for method in r.methods or () if method != "GET"
    }
    assert calls == {order[0] for order in ORDERS}
