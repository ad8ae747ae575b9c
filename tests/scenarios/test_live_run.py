"""A live run earns what a simulation earns, because it waits for its plans.

It goes on with plans where it must, and is fair to the rules. Its time is simulated: it stands still but for the pauses
between ticks and what a solve is said to take.
"""

from functools import cache
from pathlib import Path

import pytest

from bench.live_run import LEAST_SHARE, earned_usd, lived, settings_for
from mara.assembly.runs import open_run
from mara.core.snapshot import Snapshot
from mara.core.units import MICRO_USD_PER_USD
from mara.runtime.published_state import PublishedState
from mara.runtime.tick.engine import simulate
from tests.store.databases import contents

SEED = 7
TICKS = 100
PIECES = (1, 8, 5)
"""Ticks between two starts: within an hour, and across its end."""
MOST_ADVANCED_USD = 60.0
"""Largest cost of starts and placements at first, which is earned back later."""


@cache
def earned(optimizer: str) -> float:
    return earned_usd(SEED, optimizer, TICKS)


def share_of(folder: Path, solve_s: float, speed: float) -> float:
    """A live run's gain over the rules, as a share of the simulation's."""
    engine = lived(settings_for(SEED, folder, speed=speed), TICKS, solve_s)
    live_usd = engine.world.cash_micro_usd / MICRO_USD_PER_USD
    return (live_usd - earned("rules")) / (earned("lp") - earned("rules"))


def test_a_live_run_gains_what_the_simulation_does(tmp_path: Path) -> None:
    assert share_of(tmp_path, solve_s=0.4, speed=300.0) >= LEAST_SHARE


def test_where_ticks_are_shorter_than_a_solve_miners_follow_break_even_and_two_thirds_are_gained(
    tmp_path: Path,
) -> None:
    assert share_of(tmp_path, solve_s=0.15, speed=3_600.0) > 2 / 3


@pytest.mark.parametrize("seed", range(1, 8))
def test_a_fresh_run_follows_a_plan_from_its_first_tick_and_is_not_behind_but_for_what_it_earns_back(
    tmp_path: Path, seed: int
) -> None:
    shown: dict[int, Snapshot] = {}

    def listen(current: PublishedState) -> None:
        if current.snapshot is not None:
            shown[current.snapshot.tick] = current.snapshot

    lived(settings_for(seed, tmp_path), 10, 0.2, alone=False, listen=listen)
    assert sorted(shown) == list(range(10))
    assert {snapshot.plan.status for snapshot in shown.values()} == {"optimal"}
    assert [shown[tick].plan.made_tick for tick in (0, 1)] == [0, 1]
    assert {snapshot.gains.shadows_since_tick for snapshot in shown.values()} == {0}
    gains_usd = [shown[tick].gains.optimizer_vs_rules_usd for tick in range(10)]
    assert min(gain_usd for gain_usd in gains_usd if gain_usd is not None) > -MOST_ADVANCED_USD, gains_usd


def test_a_live_run_that_is_started_again_and_again_is_the_simulation_bit_for_bit(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("live", "simulated")]
    for folder in folders:
        folder.mkdir()
    for ticks in PIECES:
        lived(settings_for(SEED, folders[0]), ticks, 0.2, alone=False)
    store, engine = open_run(settings_for(SEED, folders[1]))
    simulate(engine, store, sum(PIECES))
    store.close()
    live, simulated = (contents(folder / "mara.db") for folder in folders)
    assert live == simulated
