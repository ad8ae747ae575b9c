"""Limits by the grid's operator in both kinds of databases: stored and replayed."""

from pathlib import Path

import numpy as np
import pytest

from mara.runtime.replay_check import replayed
from mara.store import maintenance
from mara.store.read.read_model import ReadModel
from tests.store.databases import KINDS, url_of
from tests.store.runs import LIMITED, small_charter, stored_run

TICKS = 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_is_read_back_and_its_ticks_are_replayed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"mara.{kind}"
    stored_run(path, TICKS, small_charter(name=LIMITED)).close()
    reading = ReadModel.open(url_of(path))
    seen = reading.stored_tick(TICKS - 1).observation
    assert seen is not None
    assert seen.import_limit_mw is not None
    assert seen.import_limit_mw.tolist() == [np.inf, 1.5, np.inf]
    assert [replayed(reading, reading.run().run_id, tick).differs for tick in (0, TICKS - 1)] == [(), ()]
    reading.close()
    assert maintenance.check(url_of(path)).findings == ()
