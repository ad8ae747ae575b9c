"""Engine parts are restored with their tick's world, and damage to them is found."""

from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from mara.errors import StoreError
from mara.store import maintenance
from mara.store.store import Store
from tests.store.databases import KINDS, tamper, url_of
from tests.store.runs import go_on, small_charter, steps, stored_run


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"mara.{request.param}"


def parts_of(store: Store) -> dict[str, bytes]:
    loaded = store.load()
    assert loaded
    return loaded[2]


def test_the_newest_content_of_each_part_comes_back_after_a_restart(path: Path) -> None:
    stored_run(path, 10).close()
    store = Store.open(url_of(path))
    loaded = store.load()
    assert loaded
    assert loaded[2] == {"often": b"at 9", "seldom": bytes([7]) * 99}
    go_on(store, 2)
    assert parts_of(store) == {"often": b"at 11", "seldom": bytes([7]) * 99}
    store.close()


def test_a_tick_that_is_not_stored_leaves_the_parts_as_they_were(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_charter()
    store = stored_run(path, 3, config)
    loaded = store.load()
    assert loaded
    step, plan, events = next(steps(config, loaded[1], 1))
    with monkeypatch.context() as broken:
        broken.setattr("mara.store.write.statements.advance_sequence", _disk_full)
        with pytest.raises(StoreError, match="disk full"):
            store.append(step, plan, events, {"often": b"half", "new": b"never"})
    assert parts_of(store) == loaded[2]
    store.close()


class DiskFullError(Exception):
    """The error that both databases raise when the disk is full."""

    sqlstate = "53100"


def _disk_full(*_: object) -> bool:
    raise DBAPIError("UPDATE", None, DiskFullError("database or disk is full"))


def test_a_part_may_not_take_the_place_of_the_world(path: Path) -> None:
    config = small_charter()
    store = stored_run(path, 1, config)
    loaded = store.load()
    assert loaded
    with pytest.raises(AssertionError, match="own parts"):
        store.append(*next(steps(config, loaded[1], 1)), {"world": b""})
    store.close()


def test_a_part_that_was_changed_is_found(path: Path) -> None:
    stored_run(path, 3).close()
    assert maintenance.check(url_of(path)).is_sound
    tamper(path, ["UPDATE engine_parts SET content = x'00' WHERE part = 'often'"])
    assert maintenance.check(url_of(path)).findings[0] == "engine_parts, part often: not what was written"
