"""Telemetry and modes over REST: validated, idempotent, and only with the right."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from mara.api.routes.app import api_of
from mara.api.security.authenticator import SCOPE_KEY, Identity
from mara.api.security.permissions import Permission, refusal_of
from mara.runtime.live.commands import EmergencyReceipt
from mara.runtime.live.platform import Platform
from tests.api.conftest import FIRST_TICKS

NOW = datetime.now(UTC).replace(microsecond=0)


def reading(**changes: Any) -> dict[str, Any]:
    at = (NOW - timedelta(seconds=30)).isoformat()
    return {"site_id": "oslo", "at": at, "power_mw": 12.5, "quality": "good", **changes}


def posted(client: TestClient, *readings: dict[str, Any]) -> Any:
    return client.post("/api/telemetry", json={"readings": list(readings)})


def mode_put(client: TestClient, mode: str, reason: str = "") -> Any:
    return client.post("/api/modes", json={"site_id": "oslo", "mode": mode, "reason": reason})


def site_of(client: TestClient) -> Any:
    return client.get("/api/sites/oslo").json()


def test_readings_stand_beside_the_plan_at_once_and_a_repeat_changes_nothing(client: TestClient) -> None:
    mine = [reading(site_id="tokyo"), reading(site_id="sydney", power_mw=3.0)]
    first = posted(client, *mine)
    assert (first.status_code, first.json()["accepted"], first.json()["repeated"]) == (200, 2, 0)
    site = client.get("/api/sites/tokyo").json()
    assert site["metered"]["site_power_mw"] == 12.5
    assert site["metered"]["deviation_mw"] == pytest.approx(12.5 - site["site_power_mw"])
    assert posted(client, mine[0]).json()["repeated"] == 1


def test_a_reading_that_contradicts_an_earlier_one_is_refused(client: TestClient) -> None:
    posted(client, reading())
    refused = posted(client, reading(site_id="texas", power_mw=3.5), reading(power_mw=13.0))
    assert refused.status_code == 409
    assert "a correction needs an instant of its own" in refused.json()["detail"]
    twice = posted(client, reading(at=NOW.isoformat(), power_mw=1.0), reading(at=NOW.isoformat(), power_mw=2.0))
    assert "two readings of one meter and instant differ" in twice.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"power_mw": 12_500.0}, 409, "consumption is positive, and in megawatts"),
        ({"power_mw": -1.0}, 409, "consumption is positive, and in megawatts"),
        ({"power_mw": "12.5"}, 422, "power_mw"),
        ({"at": (NOW + timedelta(hours=1)).isoformat()}, 409, "set the meter's clock"),
        ({"at": (NOW - timedelta(days=2)).isoformat()}, 409, "at most a day old"),
        ({"at": NOW.replace(tzinfo=None).isoformat()}, 422, "at"),
        ({"site_id": "osl"}, 409, "osl"),
        ({"group": "hydro"}, 409, "name one of"),
        ({"quality": "fine"}, 422, "quality"),
        ({"power": 1.0}, 422, "power"),
    ],
)
def test_what_cannot_be_true_is_refused_in_one_line_and_nothing_is_stored(
    client: TestClient, changes: dict[str, Any], status: int, said: str
) -> None:
    other = reading(site_id="berlin", at=(NOW - timedelta(seconds=7)).isoformat())
    refused = posted(client, other, reading(**changes))
    assert (refused.status_code, "\n" in refused.json()["detail"]) == (status, False)
    assert said in refused.text
    assert client.get("/api/sites/berlin").json()["metered"] is None


def test_no_batch_is_empty_or_without_end(client: TestClient) -> None:
    assert posted(client).status_code == 422
    assert posted(client, *[reading()] * 401).status_code in {413, 422}


def test_a_change_of_mode_is_shown_at_once_and_kept_with_author_and_reason(client: TestClient) -> None:
    assert mode_put(client, "shadow").status_code == 200
    assert {"site_id": "oslo", "mode": "shadow"} in client.get("/api/modes").json()
    assert (site_of(client)["mode"], client.get("/api/dispatch").json()["mode"]) == ("shadow", "shadow")
    (kept, *_) = client.get("/api/signals", params={"site": "oslo", "kind": "mode"}).json()
    assert (kept["before"], kept["after"], kept["actor"], kept["tick"]) == (
        "advise",
        "shadow",
        "local",
        FIRST_TICKS - 1,
    )
    mode_put(client, "advise", "the test is over")
    (kept, *_) = client.get("/api/signals").json()
    assert (kept["after"], kept["reason"]) == ("advise", "the test is over")


def test_no_site_is_armed_without_a_reason_or_an_executor(client: TestClient) -> None:
    assert "needs a reason" in mode_put(client, "act").json()["detail"]
    for mode in ("act", "dry-run"):
        refused = mode_put(client, mode, "to try it")
        assert (refused.status_code, "no executor is set up for Norway Oslo" in refused.json()["detail"]) == (409, True)
    assert site_of(client)["mode"] == "advise"


def test_an_unknown_site_or_mode_is_refused(client: TestClient) -> None:
    assert client.post("/api/modes", json={"site_id": "osl", "mode": "shadow"}).status_code == 409
    assert client.post("/api/modes", json={"site_id": "oslo", "mode": "obey"}).status_code == 422
    assert client.get("/api/signals", params={"site": "osl"}).status_code == 404


class Recorder:
    """Stand-in for the live run that records the calls to its signal desk."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.signals = self
        self.orders = None
        self.publisher = Platform.__new__(Platform)

    async def receive(self, _: object) -> None:
        self.reached.append("receive")
        raise AssertionError

    async def set_mode(self, *_: object) -> str:
        self.reached.append("set_mode")
        return "advise"

    async def stop_site(self, *_: object) -> EmergencyReceipt:
        self.reached.append("stop_site")
        return EmergencyReceipt(site_id="oslo", done="stopped", told_s=0.0, orders=(1,), tick=5)


CALLS: list[tuple[str, dict[str, Any], Permission]] = [
    ("/api/telemetry", {"readings": [reading()]}, Permission.TELEMETRY),
    ("/api/modes", {"site_id": "oslo", "mode": "act", "reason": "x"}, Permission.ARM),
    ("/api/modes", {"site_id": "oslo", "mode": "dry-run", "reason": "x"}, Permission.ARM),
    ("/api/modes", {"site_id": "oslo", "mode": "shadow"}, Permission.DISARM),
    ("/api/modes", {"site_id": "oslo", "mode": "advise"}, Permission.DISARM),
    ("/api/sites/oslo/emergency", {"action": "stop", "reason": "smoke"}, Permission.EMERGENCY),
]
MAY = {
    Permission.TELEMETRY: {"meter", "admin"},
    Permission.ARM: {"admin"},
    Permission.EMERGENCY: {"admin"},
    Permission.DISARM: {"operator", "admin"},
}


@cache
def recorded() -> tuple[Recorder, ASGIApp]:
    """A stand-in and its API, built once; only the calls that reached it are kept between requests."""
    engine: Any = Recorder()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mara.api.routes.app.EventStream", lambda *_: None)
        return engine, api_of(engine)


@pytest.mark.parametrize(("path", "body", "permission"), CALLS)
@pytest.mark.parametrize("role", ["meter", "viewer", "operator", "admin"])
def test_nobody_without_the_right_arms_disarms_stops_or_posts_telemetry(
    path: str, body: dict[str, Any], permission: Permission, role: str
) -> None:
    engine, app = recorded()
    engine.reached = []

    async def as_role(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, SCOPE_KEY: Identity(name="vic", role=role)}, receive, send)

    answer = TestClient(as_role, raise_server_exceptions=False).post(path, json=body)
    may = role in MAY[permission]
    assert (answer.status_code != 403, bool(engine.reached)) == (may, may)
    assert (refusal_of(Identity(name="vic", role=role), permission) == "") is may
