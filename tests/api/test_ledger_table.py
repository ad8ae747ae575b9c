"""The ledger by day and line as a CSV file, in exact amounts.

It is of a site or the fleet, and of one line or all.
"""

import csv
from decimal import Decimal
from io import StringIO

import pytest
from starlette.testclient import TestClient

from mara.store.read import balance


def rows_of(client: TestClient, **asked: str) -> list[dict[str, str]]:
    answer = client.get("/api/ledger.csv", params=asked)
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(StringIO(answer.text)))


def test_the_rows_add_up_to_the_ledger_and_leave_out_lines_that_stay_zero(client: TestClient) -> None:
    ledger = client.get("/api/ledger").json()
    rows = rows_of(client)
    assert sum(int(row["amount_micro_usd"]) for row in rows) == -ledger["cash_micro_usd"]
    assert all(Decimal(row["amount_usd"]) * 1_000_000 == int(row["amount_micro_usd"]) for row in rows)
    assert len(rows) == sum(line["amount_micro_usd"] != 0 for line in ledger["money"])


def test_a_line_of_a_site_stands_alone_and_its_sites_add_up_to_the_fleet(client: TestClient) -> None:
    (fleet,) = rows_of(client, line="energy")
    sites = [site["id"] for site in client.get("/api/sites").json()]
    of_sites = [row for site in sites for row in rows_of(client, line="energy", site=site)]
    assert [row["site_id"] for row in of_sites] == sites
    assert sum(int(row["amount_micro_usd"]) for row in of_sites) == int(fleet["amount_micro_usd"])


def test_an_unknown_line_or_site_is_refused_in_words(client: TestClient) -> None:
    answer = client.get("/api/ledger.csv", params={"line": "enrgy"})
    assert (answer.status_code, "'enrgy' came" in answer.text) == (422, True)
    assert client.get("/api/ledger.csv", params={"site": "nowhere"}).status_code == 404


def test_more_days_than_one_file_has_are_too_long_a_range_and_not_missing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balance, "MOST_DAYS", 0)
    answer = client.get("/api/ledger.csv")
    assert (answer.status_code, "ask for a shorter time" in answer.text) == (422, True)
