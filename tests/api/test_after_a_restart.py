"""Repeated requests after a restart get the answers that were confirmed before it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import new_run, served, wait_for_ticks

KEY = {"Idempotency-Key": "monday-1"}
QUOTE = {"tier": "flexible", "power_mw": 0.1, "hours": 48}


def asked(client: TestClient) -> dict[str, Any]:
    """Send requests of two users, each request with its own key; return the answers.

    One user is a customer, the other an operator.
    """
    said: dict[str, Any] = {}

    def send(name: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = client.request(method, path, json=body, headers={"Idempotency-Key": name})
        said[name] = (method, path, body, answer.status_code, answer.content, answer.headers["content-type"])
        return answer

    booked = [send(f"quote-{n}", "POST", "/api/quotes", QUOTE).json()["id"] for n in range(2)]
    for number, quote_id in enumerate(booked):
        send(f"booking-{number}", "POST", "/api/commitments", {"quote_id": quote_id, "customer": "Acme"})
    live = client.get("/api/commitments", params={"state": "live"}).json()[0]["id"]
    send("cancel", "DELETE", f"/api/commitments/{live}")
    site = client.get("/api/sites").json()[0]["id"]
    send("outage", "POST", "/api/control", {"action": "outage", "site_id": site, "ticks": 2})
    send("open-quote", "POST", "/api/quotes", QUOTE)
    send("impossible", "POST", "/api/control", {"action": "outage", "site_id": "nowhere", "ticks": 2})
    return said


@pytest.fixture(scope="module")
def said_and_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], TestClient]]:
    folder: Path = tmp_path_factory.mktemp("restarted")
    with TestClient(served(new_run(folder), 8080), raise_server_exceptions=False) as client:
        wait_for_ticks(client)
        said = asked(client)
    run = new_run(folder)
    with TestClient(served(run, 8080), raise_server_exceptions=False) as client:
        wait_for_ticks(client, 2 * 3 - 1)
        yield said, client


Seen = tuple[dict[str, Any], TestClient]


def test_every_repeat_gets_the_first_answer(said_and_client: Seen) -> None:
    said, client = said_and_client
    orders_count = len(client.get("/api/orders").json())
    assert [said[name][3] for name in ("quote-0", "booking-1", "cancel", "outage", "impossible")] == [
        201,
        201,
        200,
        200,
        409,
    ]
    for name, (method, path, body, status, content, media_type) in said.items():
        again = client.request(method, path, json=body, headers={"Idempotency-Key": name})
        assert (again.status_code, again.content, again.headers["content-type"]) == (status, content, media_type), name
    assert len(client.get("/api/orders").json()) == orders_count == 4


def test_a_name_that_comes_with_another_body_is_refused(said_and_client: Seen) -> None:
    _, client = said_and_client
    again = client.post("/api/quotes", json={**QUOTE, "power_mw": 0.2}, headers={"Idempotency-Key": "quote-0"})
    assert again.status_code == 422
    assert "another body" in again.json()["detail"]


def test_what_was_confirmed_was_obeyed_and_says_in_which_tick(said_and_client: Seen) -> None:
    _, client = said_and_client
    orders = client.get("/api/orders", params={"state": "obeyed"}).json()
    assert [order["kind"] for order in orders] == ["outage", "cancel", "book", "book"]
    assert {order["tick"] for order in orders} == {3}
    contract = orders[-1]["about"]
    assert client.get(f"/api/commitments/{contract}").json()["row"]["state"] == "live"
    assert client.get(f"/api/orders/{orders[0]['number']}").json() == orders[0]
    assert client.get("/api/orders/99").status_code == 404


def test_an_open_quote_is_booked_after_the_restart_and_waits_for_its_tick(said_and_client: Seen) -> None:
    said, client = said_and_client
    quote_id = client.post("/api/quotes", json=QUOTE, headers={"Idempotency-Key": "open-quote"}).json()["id"]
    assert said["open-quote"][4].decode().count(quote_id) == 1
    booking = client.post("/api/commitments", json={"quote_id": quote_id}).json()
    assert booking["state"] == "waiting"
    life = client.get(f"/api/commitments/{booking['contract_id']}").json()
    assert (life["row"]["state"], life["windows"]) == ("waiting", [])
    first = client.get("/api/commitments").json()[0]
    assert (first["id"], first["state"]) == (booking["contract_id"], "waiting")
    assert client.get("/api/orders", params={"state": "waiting"}).json()[0]["about"] == booking["contract_id"]
