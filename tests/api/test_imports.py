"""Market files over REST: each call needs its right, each body has a size limit."""

import asyncio
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from mara.api.routes.app import api_of
from mara.api.routes.imports import import_routes
from mara.api.routes.platform_api import PlatformApi
from mara.api.security.authenticator import SCOPE_KEY, Identity
from mara.assembly.imports.desk import ImportDesk
from mara.assembly.imports.draft import draft_of, spec_text
from tests.api.test_permissions import Recorder
from tests.assembly.imports.desks import PRICES, build_here, desk_in, draft, price_bytes

OPEN = {("GET", "/api/histories")}
"""Calls that every user may make."""


class As:
    """ASGI wrapper that marks requests as sent by a user of a role, as the gate does."""

    def __init__(self, app: ASGIApp, role: str) -> None:
        self._app, self._who = app, Identity(name="vic", role=role)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, SCOPE_KEY: self._who}, receive, send)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "imports"


@pytest.fixture
def desk(root: Path) -> ImportDesk:
    made = desk_in(root)
    (root / PRICES).write_bytes(price_bytes())
    return made


class DeskInUse:
    """Stands for the desk of the test that runs, so that one API serves all of them."""

    desk: ImportDesk

    def __getattr__(self, name: str) -> Any:
        return getattr(self.desk, name)


@cache
def built() -> tuple[DeskInUse, ASGIApp]:
    in_use = DeskInUse()
    return in_use, api_of(cast(PlatformApi, Recorder()), desk=cast(ImportDesk, in_use))


def client(desk: ImportDesk, role: str = "operator") -> TestClient:
    in_use, app = built()
    in_use.desk = desk
    return TestClient(As(app, role))


def routes(desk: ImportDesk) -> set[tuple[str, str]]:
    found = [route for route in import_routes(desk).routes if isinstance(route, APIRoute)]
    return {(method, route.path) for route in found for method in route.methods or ()}


def test_a_viewer_sees_histories_and_reaches_nothing_else(desk: ImportDesk, root: Path) -> None:
    viewer = client(desk, "viewer")
    before = sorted(root.rglob("*"))
    for method, path in sorted(routes(desk) - OPEN):
        answer = viewer.request(method, path.format(name="x.csv"), content=b"x" * 99)
        assert answer.status_code == 403, (method, path)
        assert answer.json()["detail"] == "that needs the role operator, vic is viewer: ask an admin"
    assert sorted(root.rglob("*")) == before
    (history, *_) = viewer.get("/api/histories").json()["histories"]
    assert (history["name"], history["step_minutes"]) == ("four_markets_2023", 60)


def test_a_history_is_made_over_rest_alone(desk: ImportDesk, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_here(monkeypatch)
    operator = client(desk)
    sent = operator.put("/api/imports/uploads/prices.csv", content=price_bytes())
    assert (sent.status_code, sent.json()) == (201, {"file": "uploads/prices.csv", "layouts": ["smard"]})
    assert {file["name"] for file in operator.get("/api/imports/files").json()["files"]} == {
        PRICES,
        "uploads/prices.csv",
    }
    (report,) = operator.post("/api/imports/inspect", json={"files": ["uploads/prices.csv"]}).json()["reports"]
    assert report["series"][0]["point"] == "Germany/Luxembourg"
    spec = spec_text(draft_of(draft()))
    begun = operator.post("/api/imports/build", json={"name": "north", "spec": spec, "from": "2024-03-02T00:00:00Z"})
    assert (begun.status_code, begun.json()["state"]) == (202, "done")
    assert operator.delete("/api/imports/build").json() == operator.get("/api/imports/build").json()
    listed = operator.get("/api/histories")
    (north,) = [history for history in listed.json()["histories"] if history["name"] == "north"]
    assert north["run_as"] == "north"
    assert str(root) not in listed.text
    assert operator.delete("/api/histories/north").json()["entry"]
    removed = operator.delete("/api/imports/uploads/prices.csv").json()["entry"]
    assert removed in {one["entry"] for one in operator.get("/api/imports/deleted").json()["deleted"]}
    assert operator.post("/api/imports/restore", json={"entry": removed}).status_code == 200
    assert (root / "uploads" / "prices.csv").is_file()


def test_an_own_file_is_described_over_rest_as_in_a_spec(desk: ImportDesk, root: Path) -> None:
    operator = client(desk)
    sent = operator.put(
        "/api/imports/uploads/own.csv", content=b"at,usd\n2024-07-01T00:00Z,41.5\n2024-07-01T01:00Z,40\n"
    )
    assert sent.json()["layouts"] == ["csv"]
    (name,) = files = [sent.json()["file"]]
    table = {"time": "at", "side": "begin", "clock": "stated", "steps_minutes": [60], "value": "usd", "unit": "USD/MWh"}

    def reported(quantity: str) -> dict[str, Any]:
        asked = {"files": files, "csv": {name: {"quantity": quantity, "table": table}}}
        (report,) = operator.post("/api/imports/inspect", json=asked).json()["reports"]
        return dict(report)

    (series,) = reported("price")["series"]
    assert (series["intervals"], series["most"]) == (2, 41.5)
    refused = reported("fx")
    assert "an own file should hold price" in refused["refusal"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/imports/inspect", {"files": ["../x"]}, 409),
        ("POST", "/api/imports/inspect", {"files": []}, 422),
        ("POST", "/api/imports/inspect", {"files": [PRICES], "more": 1}, 422),
        ("POST", "/api/imports/build", {"name": "../x", "spec": ""}, 409),
        ("POST", "/api/imports/build", {"name": "x", "spec": "not [ TOML"}, 409),
        ("POST", "/api/imports/build", {"name": "x", "spec": "", "fill": "guess"}, 422),
        ("POST", "/api/imports/restore", {"entry": "../x"}, 409),
        ("DELETE", "/api/histories/four_markets_2023", None, 409),
        ("DELETE", "/api/imports/uploads/none.csv", None, 409),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    desk: ImportDesk, root: Path, method: str, path: str, body: Any, status: int
) -> None:
    before = sorted(root.rglob("*"))
    answer = client(desk).request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert "\n" not in answer.json()["detail"]
    assert str(root) not in answer.text
    assert sorted(root.rglob("*")) == before


def test_an_upload_is_read_no_further_than_its_limit(root: Path) -> None:
    desk = desk_in(root, most_bytes=10_000)
    messages_read = 0

    async def receive() -> dict[str, Any]:
        nonlocal messages_read
        messages_read += 1
        return {"type": "http.request", "body": b"x" * 4_000, "more_body": True}  # for ever

    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    app = As(api_of(cast(PlatformApi, Recorder()), desk=desk), "operator")
    scope: Scope = {
        "type": "http",
        "method": "PUT",
        "path": "/api/imports/uploads/a.csv",
        "raw_path": b"/api/imports/uploads/a.csv",
        "query_string": b"",
        "headers": [],
        "root_path": "",
    }
    asyncio.run(app(scope, receive, send))
    assert (statuses, messages_read) == ([409], 3)
    assert [path for path in root.rglob("*") if path.is_file()] == []
