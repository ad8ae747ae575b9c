"""A booked contract that waits for its tick comes first in the table of contracts."""

from dataclasses import replace
from typing import Any

from components.sla.contract_table import MOST_LIVE, STATES, promise_channel
from tests.ui.quotes import contract_row
from tests.ui.snapshots import snapshot_at


def test_a_waiting_contract_stands_first_until_the_snapshot_has_it() -> None:
    snapshot = snapshot_at(288)
    row = replace(contract_row(0, 288, is_live=False), id="c-new", state="waiting", is_live=False)
    rows: dict[str, Any] = dict(promise_channel(snapshot, [row]))
    waiting = rows["c-new"]
    assert (waiting["state"], waiting["id"]) == ("live waiting", "c-new")
    assert all(waiting["rank"] > other["rank"] for key, other in rows.items() if key != "c-new")
    assert waiting["now"]["text"] == "waiting"
    assert "waiting" in dict(STATES)
    live = replace(row, id=snapshot.contracts[0].id)
    shown: dict[str, Any] = dict(promise_channel(snapshot, [live]))
    assert len(shown) == min(len(snapshot.contracts), MOST_LIVE)
    assert "waiting" not in shown[live.id]["state"]
