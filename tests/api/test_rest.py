"""Answers of the REST API: the engine's numbers, and problems that name a remedy."""

import csv
import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mara.core.rules_version import RULES_VERSION
from tests.api.conftest import wait_for_ticks

PREMIUM = {"tier": "premium", "power_mw": 1.0, "hours": 48}


def problem_of(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["detail"]


def test_snapshot_sites_and_inventory_are_the_same_numbers(client: TestClient) -> None:
    snapshot = client.get("/api/snapshot").json()
    sites = client.get("/api/sites").json()
    assert sites == snapshot["sites"]
    assert client.get(f"/api/sites/{sites[0]['id']}").json() == sites[0]
    assert client.get("/api/inventory").json()[sites[0]["id"]] == sites[0]["inventory"]
    assert snapshot["at"].endswith("Z")


def test_liveness_and_readiness_say_how_it_stands(client: TestClient) -> None:
    assert client.get("/api/health").json() == {"status": "alive"}
    ready = client.get("/api/ready")
    assert (ready.status_code, ready.json()["state"]) == (200, "paused")


def test_the_ledger_adds_up_to_the_snapshot_and_to_zero(client: TestClient) -> None:
    ledger, snapshot = client.get("/api/ledger").json(), client.get("/api/snapshot").json()
    money = sum(line["amount_micro_usd"] for line in ledger["money"])
    assert money + ledger["cash_micro_usd"] == 0
    assert sum(flow["amount_wh"] for flow in ledger["energy"]) == 0
    assert money / 1e6 == pytest.approx(snapshot["profit_total_usd"], abs=1e-6)


def test_the_rules_that_made_the_run_are_named_with_their_first_tick(client: TestClient) -> None:
    (rules,) = client.get("/api/rules").json()
    assert (rules["from_tick"], rules["rules_version"], rules["are_this_programs"]) == (0, RULES_VERSION, True)


def test_a_history_is_down_sampled_and_a_site_has_its_own(client: TestClient) -> None:
    fleet = client.get("/api/history", params={"metric": "site_power_mw"}).json()["points"]
    sites = [
        client.get("/api/history", params={"metric": "site_power_mw", "site": site["id"]}).json()["points"]
        for site in client.get("/api/sites").json()
    ]
    assert fleet[0]["mean"] == pytest.approx(sum(points[0]["mean"] for points in sites), rel=1e-6)
    assert len(client.get("/api/history", params={"metric": "site_power_mw", "max_points": 2}).json()["points"]) <= 2


def test_a_quote_is_booked_once_however_often_it_is_sent(client: TestClient) -> None:
    quote = client.post("/api/quotes", json=PREMIUM)
    assert quote.status_code == 201
    order = {"quote_id": quote.json()["id"], "customer": "Fjord Labs"}
    first, again = (client.post("/api/commitments", json=order) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    client.post("/api/control", json={"action": "step", "ticks": 2})
    wait_for_ticks(client, client.get("/api/snapshot").json()["tick"] + 1)
    mine = [row for row in client.get("/api/commitments").json() if row["customer"] == "Fjord Labs"]
    assert [row["id"] for row in mine] == [first.json()["contract_id"]]
    assert client.get(f"/api/commitments/{mine[0]['id']}").json()["row"]["power_mw"] == 1.0


def test_what_no_site_can_hold_is_refused_with_what_would_fit(client: TestClient) -> None:
    answer = client.post("/api/quotes", json=PREMIUM | {"power_mw": 200})
    status, detail = problem_of(answer)
    assert status == 409
    assert "200" in detail
    assert answer.json()["would_fit"]


def test_a_repeated_key_gets_the_first_answer_and_another_body_is_refused(client: TestClient) -> None:
    key = {"Idempotency-Key": "monday-1"}
    first = client.post("/api/quotes", json=PREMIUM, headers=key)
    assert client.post("/api/quotes", json=PREMIUM, headers=key).content == first.content
    assert client.post("/api/quotes", json=PREMIUM).json()["id"] != first.json()["id"]
    status, detail = problem_of(client.post("/api/quotes", json=PREMIUM | {"power_mw": 2.0}, headers=key))
    assert (status, "another body" in detail) == (422, True)


@pytest.mark.parametrize(
    "body",
    [
        b'{"tier":"premium","power_mw":NaN,"hours":1}',
        b'{"tier":"premium","power_mw":Infinity,"hours":1}',
        b'{"tier":"premium","power_mw":1e400,"hours":1}',
        b'{"tier":"premium","power_mw":1,"hours":1,"customer":"\\ud800"}',
        b'{"tier":"premium","power_mw":"1","hours":1}',
        b'{"tier":"premium","power_mw":1,"hours":1,"more":1}',
        b'{"tier":"gold","power_mw":1,"hours":1}',
        b'{"tier":"premium"',
        b"[" * 60_000,
        b"\xff\xfe",
        b"",
        b"null",
    ],
)
def test_json_that_cannot_be_meant_is_not_what_was_expected(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/quotes", content=body, headers={"content-type": "application/json"})
    assert problem_of(answer)[0] == 422
    json.loads(answer.content, parse_constant=lambda name: pytest.fail(f"{name} came back"))


def test_a_body_that_is_too_long_is_not_read_to_its_end(client: TestClient) -> None:
    assert problem_of(client.post("/api/quotes", content=b" " * 70_000))[0] == 413


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/sites/atlantis", 404),
        ("/api/commitments/none", 404),
        ("/api/optimizations/999999", 404),
        ("/api/optimizations/99999999999999999999", 404),
        ("/api/export/steps.exe", 404),
        ("/api/export/users.csv", 404),
        ("/api/history?metric=luck", 422),
        ("/api/history?metric=site_power_mw&site=atlantis", 404),
        ("/api/history?metric=site_power_mw&from=yesterday", 422),
        ("/api/ledger?from=0", 422),
        ("/api/ledger?from=2025-07-01T00:00:00", 422),
        ("/api/nothing", 404),
    ],
)
def test_what_is_not_there_and_what_cannot_be_read_are_told_apart(client: TestClient, path: str, status: int) -> None:
    assert problem_of(client.get(path))[0] == status


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"action": "outage", "site_id": "atlantis"}, 409),
        ({"action": "outage"}, 422),
        ({"action": "speed", "speed": 0}, 422),
        ({"action": "explode"}, 422),
        ({"action": "maintenance", "site_id": "iceland", "from": 1, "to": 2}, 422),
    ],
)
def test_orders_that_cannot_be_obeyed_change_nothing(client: TestClient, order: dict[str, object], status: int) -> None:
    before = client.get("/api/snapshot").content
    assert problem_of(client.post("/api/control", json=order))[0] == status
    assert client.get("/api/snapshot").content == before


def test_an_outage_takes_a_site_down_until_it_is_restored(client: TestClient) -> None:
    def status_after(order: dict[str, object]) -> str:
        tick = client.get("/api/snapshot").json()["tick"]
        assert client.post("/api/control", json=order).status_code == 200
        client.post("/api/control", json={"action": "step"})
        wait_for_ticks(client, tick + 1)
        return str(client.get("/api/sites/oslo").json()["status"])

    assert status_after({"action": "outage", "site_id": "oslo", "ticks": 50}) == "down"
    assert status_after({"action": "restore", "site_id": "oslo"}) != "down"


def test_the_audit_says_who_ordered_what_and_from_where(client: TestClient, folder: Path) -> None:
    tick = client.get("/api/snapshot").json()["tick"]
    client.post("/api/control", json={"action": "outage", "site_id": "texas", "ticks": 1})
    client.post("/api/control", json={"action": "step"})
    wait_for_ticks(client, tick + 1)
    with closing(sqlite3.connect(folder / "m.db")) as connection:
        rows = connection.execute("SELECT actor, address, action FROM audit WHERE action LIKE '%texas%'").fetchall()
    assert [(actor, address) for actor, address, _ in rows] == [("local", "testclient")]


def test_a_contract_that_is_cancelled_is_live_no_more(client: TestClient) -> None:
    live = client.get("/api/commitments", params={"state": "live"}).json()[0]["id"]
    tick = client.get("/api/snapshot").json()["tick"]
    assert client.delete(f"/api/commitments/{live}").status_code == 200
    client.post("/api/control", json={"action": "step"})
    wait_for_ticks(client, tick + 1)
    assert live not in [row["id"] for row in client.get("/api/commitments", params={"state": "live"}).json()]
    assert problem_of(client.delete(f"/api/commitments/{live}"))[0] == 404


def test_an_export_is_the_command_lines_table(client: TestClient) -> None:
    answer = client.get("/api/export/steps.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"].startswith("text/csv")
    assert len(rows) == 10 * (client.get("/api/snapshot").json()["tick"] + 1)
    assert client.get("/api/export/ledger.parquet").content.startswith(b"PAR1")


def test_every_answer_is_safe_and_the_docs_load_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    assert page.headers["x-content-type-options"] == "nosniff"
    for path in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert client.get(f"/api/docs-files/{path}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/snapshot", "/api/export/steps.csv", "/api/health", "/api/nowhere", "/api/openapi.json"]
)
def test_no_cache_keeps_an_answer(client: TestClient, path: str) -> None:
    assert client.get(path).headers.get_list("cache-control") == ["no-store"]


def test_the_files_of_the_docs_may_be_kept(client: TestClient) -> None:
    assert "no-store" not in client.get("/api/docs-files/swagger-ui.css").headers.get("cache-control", "")


def test_a_question_is_answered_after_what_was_understood_and_a_strange_one_is_refused_by_kind(
    client: TestClient,
) -> None:
    found = client.get("/api/why", params={"question": "which site was the most profitable so far?"}).json()
    assert found["is_answered"]
    assert (found["understood"]["kind"], found["understood"]["metric"]) == ("ranked", "profit")
    assert found["understood"]["text"].startswith("Understood as: where profit was highest")
    assert found["amounts"].keys() == {fact["ref"] for fact in found["facts"]}
    strange = client.get("/api/why", params={"question": "write a poem"}).json()
    assert (strange["is_answered"], strange["refusal"], strange["understood"]) == (False, "off topic", None)
    assert client.get("/api/why").status_code == 422


def test_a_run_of_rules_has_a_plan_of_the_present_alone(client: TestClient) -> None:
    plan = client.get("/api/plan").json()
    assert (plan["optimizer"], plan["at"], plan["sites"]) == ("rules", [], [])
    assert plan["made_at"] == client.get("/api/snapshot").json()["at"]


def test_a_what_if_answer_leaves_the_run_alone_and_a_wrong_question_is_one_line(client: TestClient) -> None:
    before = client.get("/api/plan").json(), client.get("/api/snapshot").json()
    answer = client.post("/api/what-if", json={"price_change_share": 0.5}).json()
    assert answer["profit_changed_usd"] < answer["profit_now_usd"]
    assert (client.get("/api/plan").json(), client.get("/api/snapshot").json()) == before
    for body, told in (
        ({}, "nothing would change: enter a price, a site that is off, or a contract"),
        ({"off_site_ids": ["olso"]}, "no site 'olso'"),
        ({"hashprice_change_share": -1.5}, "body.hashprice_change_share: "),
    ):
        status, detail = problem_of(client.post("/api/what-if", json=body))
        assert status in {409, 422}
        assert detail.startswith(told)
