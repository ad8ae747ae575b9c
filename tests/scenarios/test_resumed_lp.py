"""A run under the linear program that is stopped or killed resumes bit for bit."""

import os
import signal
from pathlib import Path

import pytest

from mara.assembly.runs import open_run
from mara.runtime.tick.engine import simulate
from mara.settings import Settings, read_settings
from mara.store.store import Store
from tests.forks import FORKS
from tests.store.databases import contents

TICKS = 40
OPTIONS = {"optimizer": "lp", "seed": 7}


def settings_in(folder: Path) -> Settings:
    url = f"sqlite:///{folder / 'mara.db'}"
    return read_settings({}, {**OPTIONS, "database_url": url, "log_file": str(folder / "app.log")})


def lived(folder: Path, ticks: int) -> None:
    folder.mkdir(exist_ok=True)
    store, engine = open_run(settings_in(folder))
    try:
        simulate(engine, store, ticks)
    finally:
        store.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    lived(folder, TICKS)
    return folder / "mara.db"


@pytest.mark.parametrize("pieces", [(12, 28), (5, 9, 26), (1,) * 5 + (35,)], ids=["at an hour", "within", "often"])
def test_a_run_in_pieces_is_the_run_at_once(whole: Path, tmp_path: Path, pieces: tuple[int, ...]) -> None:
    assert sum(pieces) == TICKS
    for ticks in pieces:
        lived(tmp_path, ticks)
    assert contents(tmp_path / "mara.db") == contents(whole)


@pytest.mark.parametrize("dies_at", [3, 17])
def test_a_run_that_was_killed_goes_on_as_if_it_never_had_been(whole: Path, tmp_path: Path, dies_at: int) -> None:
    child = FORKS.Process(target=_killed_at, args=(tmp_path, dies_at))
    child.start()
    child.join(60.0)
    assert child.exitcode == -signal.SIGKILL
    store = Store.open(settings_in(tmp_path).database_url)
    loaded = store.load()
    store.close()
    assert loaded is not None
    assert loaded[1].tick == dies_at
    lived(tmp_path, TICKS - dies_at)
    assert contents(tmp_path / "mara.db") == contents(whole)


def _killed_at(folder: Path, tick: int) -> None:
    """End the process after the tick was planned, and before any of it is stored.

    Counterfactual worlds have planned it too.
    """
    store, engine = open_run(settings_in(folder))
    append = store.append

    def die(*arguments: object, **named: object) -> None:
        if engine.world.tick == tick:
            os.kill(os.getpid(), signal.SIGKILL)
        append(*arguments, **named)  # type: ignore[arg-type]

    store.append = die  # type: ignore[method-assign]
    simulate(engine, store, TICKS)
