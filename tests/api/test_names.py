"""Names in requests: contract ids with any characters, sites by id or by name.

Ranges of time must be in order.
"""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from mara.core.commands import Book
from mara.core.contract import ContractRequest, Tier
from tests.api.conftest import FIRST_TICKS, new_run, served, wait_for_ticks
from tests.api.test_rest import problem_of

ODD_IDS = ("north/south 1", "Käufer 7", "a//b", "100 %?#&+", "..b/../c")
SPANS = ("/api/history?metric=pue&", "/api/ledger?", "/api/export/steps.csv?")
NOON, LATER = "2025-07-01T12:00:00Z", "2025-07-01T13:00:00Z"


@pytest.fixture(scope="module")
def booked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Client of a run with contracts of unusual ids."""
    platform = new_run(tmp_path_factory.mktemp("names"))
    with TestClient(served(platform, 8080), raise_server_exceptions=False) as client:
        wait_for_ticks(client)
        for contract_id in ODD_IDS:
            wanted = ContractRequest(
                id=contract_id, tier=Tier.SPOT, customer="c", power_mw=0.1, duration_ticks=99, timezone="UTC"
            )
            assert client.portal is not None
            client.portal.call(platform.order, Book(request=wanted, rate_usd_per_mwh=60.0))
        client.post("/api/control", json={"action": "step", "ticks": 2})
        wait_for_ticks(client, FIRST_TICKS + 1)
        yield client


@pytest.mark.parametrize("contract_id", ODD_IDS)
def test_a_contract_of_any_id_is_read_and_cancelled(booked: TestClient, contract_id: str) -> None:
    address = f"/api/commitments/{quote(contract_id, safe='')}"
    assert booked.get(address).json()["row"]["id"] == contract_id
    assert booked.delete(address).json()["done"] == f"{contract_id} ends"


@pytest.mark.parametrize("contract_id", ["nobody/here", "\x00", "x" * 300])
def test_a_contract_that_is_not_there_is_refused_in_words(booked: TestClient, contract_id: str) -> None:
    assert problem_of(booked.get(f"/api/commitments/{quote(contract_id, safe='')}"))[0] in {404, 422}


@pytest.mark.parametrize("named", ["texas", "Texas USA", "TEXAS", "texas usa"])
def test_a_site_answers_to_its_id_and_its_name(client: TestClient, named: str) -> None:
    assert client.get(f"/api/sites/{quote(named)}").json()["id"] == "texas"
    for path in ("/api/ledger?", "/api/history?metric=pue&"):
        assert client.get(f"{path}site={quote(named)}").json()["site_id"] == "texas"
    for action in ("outage", "restore"):
        order = {"action": action, "site_id": named}
        assert client.post("/api/control", json=order).status_code == 200


def test_a_site_that_is_not_there_is_answered_with_those_that_are(client: TestClient) -> None:
    for path in (
        "/api/sites/M%C3%BCnchen",
        "/api/ledger?site=M%C3%BCnchen",
        "/api/history?metric=pue&site=M%C3%BCnchen",
    ):
        status, detail = problem_of(client.get(path))
        assert (status, "no site 'München': ask for one of" in detail, "texas" in detail) == (404, True, True)
    status, detail = problem_of(client.post("/api/control", json={"action": "outage", "site_id": "München"}))
    assert (status, "texas" in detail) == (409, True)


@pytest.mark.parametrize("path", SPANS)
def test_a_span_that_ends_before_it_begins_is_refused(client: TestClient, path: str) -> None:
    status, detail = problem_of(client.get(f"{path}from={LATER}&to={NOON}"))
    assert (status, "ends after it begins" in detail) == (422, True)
    assert client.get(f"{path}from={NOON}&to={NOON}").status_code == 200


def test_an_announcement_that_ends_before_it_begins_is_refused(client: TestClient) -> None:
    asked = {"action": "maintenance", "site_id": "texas", "from": LATER, "to": NOON}
    status, detail = problem_of(client.post("/api/control", json=asked))
    assert (status, "end after it begins" in detail) == (409, True)


@pytest.mark.parametrize("path", SPANS)
@pytest.mark.parametrize("offset", ["+02:00", "%2B02:00", "+0200", "-05:00"])
def test_an_offset_is_read_whether_its_plus_was_escaped_or_not(client: TestClient, path: str, offset: str) -> None:
    assert client.get(f"{path}from=2025-07-01T00:00:00{offset}").status_code == 200


def test_a_plus_that_came_as_a_space_means_the_same_moment(client: TestClient) -> None:
    asked = "/api/ledger?to=2025-07-01T02:05:00"
    assert (
        client.get(f"{asked}+02:00").json()["ticks_count"] == client.get(f"{asked}%2B02:00").json()["ticks_count"] == 1
    )
