"""Positions bought day-ahead over the API: in the snapshot, ledger and exports."""

import csv
import io
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mara.bootstrap import platform_of
from mara.runtime.live.supervisor import RetryPolicy
from tests.api.conftest import FIRST_TICKS, served, wait_for_ticks
from tests.two_prices import made_folder, run, settings_of

STORED = 40
"""Number of ticks stored before the live run begins.

The run goes on in the afternoon of a day for which power was bought.
"""


def test_a_live_run_goes_on_with_its_position_and_tells_of_it(tmp_path: Path) -> None:
    settings = settings_of(made_folder(tmp_path / "history"), tmp_path / "mara.db")
    run(settings, STORED)
    platform = platform_of(settings, RetryPolicy(first_wait_s=0.001, longest_wait_s=0.002))
    with TestClient(served(platform, 8080), raise_server_exceptions=False) as client:
        wait_for_ticks(client, STORED + FIRST_TICKS - 1)
        snapshot = client.get("/api/snapshot").json()
        ledger = client.get("/api/ledger").json()
        rows = list(csv.DictReader(io.StringIO(client.get("/api/export/positions.csv").text)))
    (site,) = snapshot["sites"]
    newest = rows[-1]
    assert int(newest["tick"]) == snapshot["tick"] >= STORED
    assert site["position_mw"] == pytest.approx(float(newest["position_mw"]), abs=1e-6)
    assert site["position_mw"] > 0.0
    assert site["day_ahead_usd_per_mwh"] == float(newest["day_ahead_usd_per_mwh"])
    difference = site["energy_price_usd_per_mwh"] - site["day_ahead_usd_per_mwh"]
    assert site["position_gain_usd_per_h"] == pytest.approx(site["position_mw"] * difference, abs=1e-5)
    gained = sum(line["amount_micro_usd"] for line in ledger["money"] if line["kind"] == "day_ahead")
    assert gained == round(sum(float(row["gain_usd"]) for row in rows) * 1e6)
    assert snapshot["gains"]["day_ahead_usd"] == pytest.approx(gained / 1e6)
