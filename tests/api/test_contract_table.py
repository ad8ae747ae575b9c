"""Contracts as a CSV file: rows of a search, all figures, no spreadsheet formulas."""

import csv
from dataclasses import replace
from io import StringIO

from starlette.testclient import TestClient

from mara.api.tables.contract_table import contracts_csv, contracts_csv_name
from mara.core.standing import ContractSearch
from tests.ui.quotes import contract_row
from tests.ui.snapshots import snapshot_at

SNAPSHOT = snapshot_at(288)
LIVE = replace(SNAPSHOT.contracts[0], customer="=1+1", credit_usd=12.5)
ENDED = replace(contract_row(1, 288, is_live=False), state="ended", credit_micro_usd=1_250_000_000)
SHOWN = replace(SNAPSHOT, contracts=(LIVE, *SNAPSHOT.contracts[1:]))


def rows_of(search: ContractSearch) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(contracts_csv(SHOWN, [ENDED], search).decode())))


def test_every_contract_has_a_row_live_ones_with_their_figures_of_now() -> None:
    rows = rows_of(ContractSearch())
    assert [row["contract_id"] for row in rows] == [*(contract.id for contract in SHOWN.contracts), ENDED.id]
    assert (rows[0]["site_id"], float(rows[0]["credit_owed_usd"])) == (LIVE.site_id, 12.5)
    assert not rows[0]["customer"].startswith("=")
    assert (rows[-1]["standing"], rows[-1]["burn_rate_share"]) == ("ended", "")
    assert float(rows[-1]["credit_of_closed_windows_usd"]) == 1_250.0
    assert contracts_csv_name(SHOWN) == f"mara-contracts-{SHOWN.at:%Y-%m-%dT%H%MZ}.csv"


def test_the_file_holds_what_the_search_finds_and_nothing_else() -> None:
    assert [row["contract_id"] for row in rows_of(ContractSearch(standing="ended"))] == [ENDED.id]
    assert {row["tier"] for row in rows_of(ContractSearch(standing="live", tier="spot"))} == {"spot"}
    assert rows_of(ContractSearch(text="nobody")) == []


def test_the_file_is_sent_and_a_state_that_is_none_is_refused(client: TestClient) -> None:
    answer = client.get("/api/contracts.csv", params={"state": "live"})
    live = client.get("/api/snapshot").json()["contracts"]
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="mara-contracts-' in answer.headers["content-disposition"]
    assert len(list(csv.DictReader(StringIO(answer.text)))) == len(live)
    assert client.get("/api/contracts.csv", params={"state": "lost"}).status_code == 422
