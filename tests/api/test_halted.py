"""A tick that cannot be stored is tried six times, then the run is halted.

The whole application runs; a halted one is alive and not ready.
"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mara.errors import StoreError
from mara.runtime.live.supervisor import RetryPolicy
from mara.store.store import Store
from tests.api.conftest import PATIENCE_S, new_run, served, wait_for_ticks


def until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_a_tick_that_fails_six_times_halts_the_engine_which_is_alive_and_not_ready_until_it_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, offered = new_run(tmp_path), []

    def refuse(_: Store, step: object, *__: object) -> None:
        offered.append(step)
        raise StoreError("poison: the row cannot be stored")

    with TestClient(served(run, 8080), raise_server_exceptions=False) as client:
        wait_for_ticks(client)
        with monkeypatch.context() as poisoned:
            poisoned.setattr(Store, "append", refuse)
            client.post("/api/control", json={"action": "step", "ticks": 1})
            until(lambda: client.get("/api/ready").json()["state"] == "halted")
            ready = client.get("/api/ready")
            assert ready.status_code == 503
            assert "poison: the row cannot be stored" in ready.json()["reason"]
            assert "6 tries" in ready.json()["reason"]
            assert client.get("/api/health").status_code == 200
            assert client.get("/api/snapshot").json()["tick"] == 2, "what was stored can still be read"
            assert len(offered) == RetryPolicy().most_tries
        client.post("/api/control", json={"action": "step", "ticks": 1})
        wait_for_ticks(client, last=3)
        assert client.get("/api/ready").status_code == 200
