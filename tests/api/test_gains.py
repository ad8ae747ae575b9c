"""Gains over other policies by day are told over the API, exact and with the day under way."""

from starlette.testclient import TestClient


def test_the_day_under_way_is_told_as_the_snapshot_tells_it(client: TestClient) -> None:
    snapshot = client.get("/api/snapshot").json()
    (today,) = client.get("/api/gains").json()
    assert (today["is_over"], today["from_tick"], today["ticks_count"]) == (False, 0, snapshot["tick"] + 1)
    assert today["day"] == f"{snapshot['at'][:10]}T00:00:00Z"
    for name in ("vs_rules", "vs_static_breakeven", "vs_static"):
        assert today[f"{name}_micro_usd"] / 1e6 == snapshot["gains"][f"optimizer_{name}_today_usd"]
    assert today["vs_static_micro_usd"] != 0


def test_a_day_outside_the_asked_range_is_left_out(client: TestClient) -> None:
    (today,) = client.get("/api/gains").json()
    assert client.get("/api/gains", params={"to": today["day"]}).json() == []
    assert client.get("/api/gains", params={"from": today["day"]}).json() == [today]
    answer = client.get("/api/gains", params={"from": today["day"], "to": "2001-01-01T00:00:00Z"})
    assert answer.status_code == 422
