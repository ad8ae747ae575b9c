"""Maintenance announced by clock time excludes the ticks within it, and no others."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
from starlette.testclient import TestClient

from mara.api.routes.app import api_of
from mara.api.routes.inputs import MaintenanceInput
from mara.api.routes.platform_api import PlatformApi
from mara.core.commands import Receipt
from mara.core.snapshot import Snapshot
from mara.runtime.published_state import StatePublisher
from mara.runtime.tick.exclusions import ExclusionRequest
from mara.runtime.tick.site_maintenance import maintenance_at, span_of
from tests.api.conftest import wait_for_ticks
from tests.cli.console import ran
from tests.ui.snapshots import snapshot_at


@pytest.mark.parametrize(
    ("from_minutes", "to_minutes", "span"),
    [
        (10.0, 20.0, (290, 292)),
        (8.0, 20.0, (290, 292)),
        (10.0, 24.9, (290, 292)),
        (11.0, 14.0, (291, 290)),
    ],
)
def test_a_tick_is_excused_only_where_all_of_it_was_announced(
    from_minutes: float, to_minutes: float, span: tuple[int, int]
) -> None:
    snapshot = snapshot_at(288)
    assert snapshot.tick_minutes == 5
    times = {
        name: (snapshot.at + timedelta(minutes=minutes)).isoformat()
        for name, minutes in (("from", from_minutes), ("to", to_minutes))
    }
    asked = MaintenanceInput.model_validate({"action": "maintenance", "site_id": "oslo", **times})
    assert span_of(asked.from_, asked.to, snapshot) == span


@dataclass
class Announced:
    """An engine that records announcements of exclusions that belong together."""

    snapshot: Snapshot
    orders: list[tuple[ExclusionRequest, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.publisher = StatePublisher()
        self.publisher.publish(self.snapshot)

    async def exclude(self, *asked: ExclusionRequest) -> Receipt:
        self.orders.append(asked)
        return Receipt(numbers=tuple(range(7, 7 + len(asked))), tick=self.snapshot.tick + 1)


def announced(engine: Announced, site_id: str) -> Any:
    """Announce maintenance of a site, on the fourth day from two to three o'clock."""
    order = {"action": "maintenance", "site_id": site_id, "from": "2025-07-05T14:00:00Z", "to": "2025-07-05T15:00:00Z"}
    return TestClient(api_of(cast(PlatformApi, engine))).post("/api/control", json=order)


def test_maintenance_of_a_site_is_one_order_for_all_who_live_to_see_it_and_no_tick_more() -> None:
    snapshot = snapshot_at(288)
    site_id = next(contract.site_id for contract in snapshot.contracts if contract.site_id)
    first = datetime(2025, 7, 5, 14, tzinfo=UTC)
    ends = {"gone": first, "half": first + timedelta(minutes=30), "long": first + timedelta(days=9)}
    there = tuple(
        replace(snapshot.contracts[0], id=name, site_id=site_id, starts_at=snapshot.at, ends_at=end)
        for name, end in ends.items()
    )
    engine = Announced(replace(snapshot, contracts=there))
    answer = announced(engine, site_id)
    assert answer.json()["done"] == "maintenance announced to 2 contracts, 1 end before it"
    assert (answer.json()["orders"], answer.json()["tick"]) == ([7, 8], snapshot.tick + 1)
    (together,) = engine.orders
    begins = snapshot.tick + (first - snapshot.at) // timedelta(minutes=5)
    assert [(one.contract_id, one.from_tick, one.to_tick) for one in together] == [
        ("half", begins, begins + 6),
        ("long", begins, begins + 12),
    ]


def test_maintenance_that_concerns_nobody_is_refused_with_the_reason() -> None:
    snapshot = snapshot_at(288)
    short = replace(snapshot.contracts[0], site_id="oslo", ends_at=snapshot.at + timedelta(hours=1))
    engine = Announced(replace(snapshot, contracts=(short,)))
    assert "each of the 1 contracts there ends before it begins" in announced(engine, "oslo").json()["detail"]
    assert "no contract runs there" in announced(engine, "texas").json()["detail"]
    assert "no site 'atlantis'" in announced(engine, "atlantis").json()["detail"]
    assert engine.orders == []


def test_maintenance_costs_at_most_what_the_contracts_there_are_billed_for_its_ticks() -> None:
    snapshot, first = snapshot_at(288), datetime(2025, 7, 5, 14, tzinfo=UTC)
    ends = {"half": first + timedelta(minutes=30), "long": first + timedelta(days=9)}
    there = tuple(
        replace(snapshot.contracts[0], id=name, site_id="oslo", power_mw=2.0, rate_usd_per_mwh=300.0, ends_at=end)
        for name, end in ends.items()
    )
    shown = replace(snapshot, contracts=there)
    maintenance = maintenance_at("oslo", first, first + timedelta(hours=1), "x", shown)
    assert maintenance.unbilled_usd == pytest.approx(300.0 + 600.0)


def test_maintenance_that_is_stored_and_still_ahead_counts_towards_the_month_and_is_listed(
    client: TestClient,
) -> None:
    snapshot = client.get("/api/snapshot").json()
    site_id = next(one["site_id"] for one in snapshot["contracts"] if one["site_id"] and one["tier"] == "premium")
    day = datetime.fromisoformat(snapshot["at"]) + timedelta(days=5)
    told = {"action": "maintenance", "site_id": site_id, "reason": "pump", "from": f"{day:%Y-%m-%dT10:00:00Z}"}
    first = client.post("/api/control", json={**told, "to": f"{day:%Y-%m-%dT13:00:00Z}"})
    assert first.status_code == 200, first.text
    client.post("/api/control", json={"action": "step"})
    wait_for_ticks(client, snapshot["tick"] + 1)
    again = client.post("/api/control", json={**told, "to": f"{day:%Y-%m-%dT12:00:00Z}"})
    assert again.status_code == 409
    assert "has 4 h of maintenance at most, 1 h are left, 2 h were asked for" in again.json()["detail"]
    ahead = client.get("/api/exclusions").json()
    assert len(ahead) == len(first.json()["orders"])
    assert {one["row"]["reason"] for one in ahead} == {"maintenance: pump"}
    life = client.get(f"/api/commitments/{ahead[0]['contract_id']}").json()
    assert life["exclusions"] == [ahead[0]["row"]]


def test_maintenance_is_taken_back_over_the_api_for_all_contracts_of_its_site(client: TestClient) -> None:
    snapshot = client.get("/api/snapshot").json()
    site_id = next(one["site_id"] for one in snapshot["contracts"] if one["site_id"])
    day = datetime.fromisoformat(snapshot["at"]) + timedelta(days=9)
    times = {"from": f"{day:%Y-%m-%dT10:00:00Z}", "to": f"{day:%Y-%m-%dT11:00:00Z}"}
    client.post("/api/control", json={"action": "maintenance", "site_id": site_id, "reason": "fan", **times})
    retract = {"action": "retract", "site_id": site_id, "from": times["from"]}
    done = client.post("/api/control", json=retract)
    assert (done.status_code, len(done.json()["orders"])) == (200, 1), done.text
    assert client.get("/api/orders?limit=1").json()[0]["kind"] == "retract"
    client.post("/api/control", json={"action": "step"})
    wait_for_ticks(client, snapshot["tick"] + 1)
    assert "maintenance: fan" not in {one["row"]["reason"] for one in client.get("/api/exclusions").json()}
    again = client.post("/api/control", json=retract)
    assert again.status_code == 409
    name = next(site["name"] for site in snapshot["sites"] if site["id"] == site_id)
    assert f"no maintenance of {name} stands" in again.json()["detail"]
    both = client.post("/api/control", json={**retract, "contract_id": "c1"})
    assert "a site or a contract was expected, both came" in both.json()["detail"]


def test_a_command_takes_maintenance_back_over_the_api_of_a_server_that_runs(address: str) -> None:
    with httpx.Client(base_url=address) as asking:
        wait_for_ticks(asking)
        snapshot = asking.get("/api/snapshot").json()
    site_id = next(one["site_id"] for one in snapshot["contracts"] if one["site_id"])
    day = datetime.fromisoformat(snapshot["at"]) + timedelta(days=9)
    times = {"from": f"{day:%Y-%m-%dT10:00:00Z}", "to": f"{day:%Y-%m-%dT11:00:00Z}"}
    httpx.post(f"{address}/api/control", json={"action": "maintenance", "site_id": site_id, **times}).raise_for_status()
    asked = ("notices", "retract", "--site", site_id, "--begins", times["from"], "--server", address)
    assert len(ran(*asked, "--json").report["orders"]) == 1
    assert "is being taken back" in ran(*asked).complaint
