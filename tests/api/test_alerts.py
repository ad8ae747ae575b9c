"""Alerts over REST and the event stream: open ones, and past ones from the store."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.testclient import TestClient

from mara.api.routes.app import api_of
from mara.api.routes.platform_api import PlatformApi
from mara.api.routes.stream import KEEP_ALIVE_S, EventStream
from mara.core.alert import Alert, AlertChange, Trouble, begun
from mara.errors import CommandError
from mara.runtime.published_state import StatePublisher
from tests.api.test_stream import next_event
from tests.ui.snapshots import snapshot_at

AT = datetime(2025, 7, 1, 14, 5, tzinfo=UTC)


def alert_of(number: int, kind: str = "site", severity: str = "warning", **changes: Any) -> Alert:
    trouble = Trouble(kind=kind, severity=severity, subject=f"s{number}", text=f"trouble {number}")
    made = begun(AlertChange(number=number, change="began", trouble=trouble, tick=7, at=AT))
    return replace(made, **changes)


STANDING = (
    alert_of(3, "premium", "critical", at_risk_usd=1_250.0),
    alert_of(2, acknowledged_by="ola", acknowledged_at=AT),
    alert_of(4, silenced_by="ola", silenced_until=AT + timedelta(hours=1)),
)
OVER = alert_of(1, ended_tick=9, ended_at=AT + timedelta(minutes=10))


class Archive:
    """The stored alerts, in which open ones are as they were when they began."""

    def __init__(self) -> None:
        self.spans: list[tuple[datetime | None, datetime | None]] = []

    async def alerts(self, from_: datetime | None, to: datetime | None, limit: int) -> tuple[Alert, ...]:
        self.spans.append((from_, to))
        return (alert_of(4), alert_of(3, "premium", "critical"), alert_of(2), OVER)

    async def alert(self, number: int) -> Alert:
        if number != OVER.number:
            raise CommandError(f"there is no alert {number}: GET /api/alerts names them")
        return OVER


@pytest.fixture(name="archive")
def _archive() -> Archive:
    return Archive()


@cache
def served() -> tuple[SimpleNamespace, TestClient]:
    """An engine and its API, built once; each test gives it an archive."""
    publisher = StatePublisher()
    publisher.set_alerts(STANDING)
    engine = SimpleNamespace(publisher=publisher, archive=None, alerts=None, orders=None)
    return engine, TestClient(api_of(cast(PlatformApi, engine)))


@pytest.fixture(name="client")
def _client(archive: Archive) -> TestClient:
    engine, client = served()
    engine.archive = archive
    return client


def numbers(client: TestClient, query: str = "") -> list[int]:
    return [alert["number"] for alert in client.get(f"/api/alerts{query}").json()]


def test_what_stands_is_listed_the_worst_first_with_what_to_do(client: TestClient, archive: Archive) -> None:
    first = client.get("/api/alerts").json()[0]
    assert (first["number"], first["at_risk_usd"], first["began_tick"]) == (3, 1_250.0, 7)
    assert first["advice"].startswith("See in its sheet")
    assert numbers(client) == [3, 2, 4]
    assert [numbers(client, f"?state={state}") for state in ("open", "acknowledged", "silenced")] == [[3], [2], [4]]
    assert numbers(client, "?severity=warning&limit=1") == [2]
    assert archive.spans == [], "the database is not asked for what stands"


def test_the_past_comes_from_the_store_and_what_stands_is_as_it_is_now(client: TestClient, archive: Archive) -> None:
    found = client.get("/api/alerts?state=all&from=2025-07-01T14:00:00Z&to=2025-07-01T15:00:00Z").json()
    assert [alert["number"] for alert in found] == [4, 3, 2, 1]
    assert found[0]["silenced_by"] == "ola"
    assert archive.spans == [(AT.replace(minute=0), AT.replace(hour=15, minute=0))]
    assert numbers(client, "?state=ended") == [1]
    assert [client.get(f"/api/alerts/{number}").json().get("text") for number in (3, 1)] == ["trouble 3", "trouble 1"]
    assert client.get("/api/alerts/9").status_code == 404


@pytest.mark.parametrize("body", [{"alerts": []}, {"alerts": [0]}, {"alerts": ["3"]}, {"alerts": [1], "until": 3}, {}])
def test_an_order_about_alerts_that_says_too_little_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    assert client.post("/api/alerts/silence", json=body).status_code == 422


async def test_listeners_of_the_event_stream_get_the_alerts_when_they_change() -> None:
    publisher = StatePublisher()
    publisher.publish(snapshot_at(7))
    stream = EventStream(publisher)
    events = stream.events(None)
    assert (await next_event(events))[0] == "7"
    publisher.set_alerts(STANDING)
    stream.look()
    number, told = await next_event(events)
    assert (number, [alert["number"] for alert in cast(Any, told)]) == ("", [3, 2, 4]), "it has no id to resume from"
    publisher.set_alerts(())
    stream.look()
    async with asyncio.timeout(KEEP_ALIVE_S / 3):  # what changes while a listener reads reaches it at once
        assert not (await next_event(events))[1]
