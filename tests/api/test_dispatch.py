"""Dispatch documents over REST: the newest, stored ones, and their stream.

A document that does not exist is answered by 404.
"""

import http.client
import json

import jsonschema  # type: ignore[import-untyped]  # published without types
import pytest
from starlette.testclient import TestClient

from tests.api.conftest import FIRST_TICKS, PATIENCE_S

NEWEST = FIRST_TICKS - 1


def test_the_newest_document_is_that_of_the_snapshot(client: TestClient) -> None:
    document = client.get("/api/dispatch").json()
    snapshot = client.get("/api/snapshot").json()
    assert (document["schema"], document["tick"], document["run"]) == ("mara.dispatch/1", NEWEST, snapshot["run_id"])
    powers = [round(site["site_power_mw"], 6) for site in snapshot["sites"]]
    assert [site["site_power_mw"] for site in document["sites"]] == powers
    jsonschema.validate(document, client.get("/api/dispatch/schema").json())


def test_the_document_of_a_stored_tick_is_made_again_as_it_was(client: TestClient) -> None:
    again, was = client.get(f"/api/dispatch/{NEWEST}").json(), client.get("/api/dispatch").json()
    assert {**again, "plan": None} == {**was, "plan": None}
    assert again["plan"]["optimizer"] == was["plan"]["optimizer"]
    assert client.get("/api/dispatch/0").json()["tick"] == 0


@pytest.mark.parametrize(("tick", "status"), [("999999", 404), ("-1", 404), ("soon", 422), ("9" * 30, 404)])
def test_a_tick_that_is_not_stored_is_refused_in_one_line(client: TestClient, tick: str, status: int) -> None:
    answer = client.get(f"/api/dispatch/{tick}")
    assert answer.status_code == status
    assert "\n" not in answer.json()["detail"]


def test_documents_are_streamed_as_they_come(address: str) -> None:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE_S)
    connection.request("GET", "/api/dispatch/events")
    answer = connection.getresponse()
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    fields: dict[str, str] = {}
    while "data" not in fields:
        name, _, value = answer.readline().decode().rstrip("\n").partition(": ")
        fields[name] = value
    connection.close()
    assert fields["event"] == "dispatch"
    assert json.loads(fields["data"])["tick"] == int(fields["id"])
