"""Runs at high speed stop before the disk is full."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from mara.core.world import first_world
from mara.errors import StoreBlocked
from mara.optimizers.rules.rules import Rules
from mara.runtime.tick.engine import TickEngine, simulate
from mara.store import maintenance
from mara.store.backends import sqlite_file
from mara.store.store import LEAST_FREE_BYTES, Store
from tests import builders
from tests.runtime.made_up import CalmFeed
from tests.store.databases import url_of
from tests.store.runs import record


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    config = builders.config()
    opened = Store.open(url_of(tmp_path / "mara.db"))
    opened.begin(record(config), first_world(config))
    yield opened
    opened.close()


def engine() -> TickEngine:
    config = builders.config()
    world = first_world(config)
    return TickEngine(config=config, feed=CalmFeed(config), optimizer=Rules(), horizon_hours=2, world=world)


def test_a_simulation_stops_before_the_disk_is_full_and_goes_on_when_there_is_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([10**12, LEAST_FREE_BYTES, LEAST_FREE_BYTES - 1])
    monkeypatch.setattr(sqlite_file, "disk_usage", lambda _: SimpleNamespace(free=next(free)))
    running = engine()
    with pytest.raises(StoreBlocked, match="before tick 2: 499 MB are free beside"):
        simulate(running, store, 9)
    monkeypatch.undo()
    assert store.read_model.next_tick() == running.world.tick == 2
    simulate(running, store, 3)
    assert store.read_model.next_tick() == 5
    assert maintenance.check(url_of(Path(store.database.name))).is_sound
