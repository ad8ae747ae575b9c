"""A run killed by SIGKILL at any moment loses no acknowledged tick, and goes on.

No tick is half stored, and the run continues as if it had not been killed. KILLS=200 in the environment makes a soak
test of it.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mara.errors import StoreRefused
from mara.store import maintenance
from mara.store.store import Store
from tests.scenarios import killed
from tests.scenarios.killed import Death, Witness, lived
from tests.store.databases import contents, url_of

KILL_COUNT = int(os.environ.get("KILLS", "25"))
MOST_TICKS_ALIVE = 10
TICKS_A_KILL = 12
"""Number of ticks a kill, on average and with room.

A life ends after ten ticks at most, or after 30 ms anywhere.
"""
ONCE_EACH = (killed.BEFORE_RENAME, killed.IN_MIGRATION, killed.AFTER_COMMIT, killed.ANYWHERE, killed.IN_CHECKPOINT)
INSIDE = (killed.AFTER_BEGIN, killed.BETWEEN_GROUPS, killed.BEFORE_COMMIT)
MOST_STATEMENTS = 9


def deaths(count: int) -> Iterator[Death]:
    """Named points in turn, those inside a transaction twice as often.

    While there is no database, only points of a new one's creation are used.
    """
    rng = np.random.default_rng(count)
    around = (*INSIDE, *ONCE_EACH[1:], *INSIDE)
    points = [killed.BEFORE_RENAME] * max(2, count // 12)
    points += [around[i % len(around)] for i in range(count - len(points))]
    for point in points:
        yield Death(
            point,
            after_ticks=int(rng.integers(MOST_TICKS_ALIVE)),
            statement=int(rng.integers(1, MOST_STATEMENTS)),
            after_s=float(rng.uniform(0.002, 0.03)),
        )


def assert_nothing_lost(database: Path, witness: Witness) -> None:
    """Check that every acknowledged tick is stored whole, and at most one more."""
    store = Store.open(url_of(database))
    try:
        if witness.acknowledged:
            last = max(witness.acknowledged)
            assert last + 1 <= store.read_model.next_tick() <= last + 2
        for tick, link in witness.acknowledged.items():
            assert store.read_model.stored_tick(tick).tick_hash == link
    finally:
        store.close()
    report = maintenance.check(url_of(database))
    assert report.findings == ()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("undisturbed") / "mara.db"
    assert lived(database, KILL_COUNT * TICKS_A_KILL, Death(killed.NOWHERE)).exit_code == 0
    return database


def test_a_run_killed_again_and_again_ends_as_if_it_never_had_been(tmp_path: Path, undisturbed: Path) -> None:
    database = tmp_path / "mara.db"
    ticks = KILL_COUNT * TICKS_A_KILL
    kills: Counter[str] = Counter()
    inside = 0
    for death in deaths(KILL_COUNT):
        witness = lived(database, ticks, death)
        kills[death.point] += witness.was_killed
        inside += witness.in_transaction
        if death.point == killed.BEFORE_RENAME:
            assert not database.exists()
        else:
            assert_nothing_lost(database, witness)
    assert lived(database, ticks, Death(killed.NOWHERE)).exit_code == 0

    assert all(kills[point] >= 2 for point in (*ONCE_EACH, *INSIDE)), kills
    assert inside >= 10
    assert contents(database) == contents(undisturbed)


def test_a_ledger_committed_apart_from_the_sequence_is_found_out(tmp_path: Path) -> None:
    database = tmp_path / "mara.db"
    witness = lived(database, 20, Death(killed.BEFORE_COMMIT, after_ticks=10), torn=True)

    assert witness.was_killed
    with pytest.raises((AssertionError, StoreRefused)):
        assert_nothing_lost(database, witness)
