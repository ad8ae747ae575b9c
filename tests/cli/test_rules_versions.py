"""A run of a Mara with other rules opens, continues, and names each tick's rules.

`rules_1.db.gz` is `mara simulate --ticks 40` of the Mara before versions of rules were written down.
"""

import gzip
from pathlib import Path

import pytest

from bench.live_run import lived
from mara.core.rules_version import RULES_VERSION
from mara.settings import read_settings
from tests.cli.console import ran
from tests.store.databases import asked

MADE = Path(__file__).parents[1] / "store" / "made" / "rules_1.db.gz"
OLDER = 40
PLAN_IN_FORCE = 37
BY_WHOM = "was made by rules version 1 (Mara 0.1.0); this program has version"


@pytest.fixture
def older(here: Path) -> Path:
    path = here / "mara.db"
    path.write_bytes(gzip.decompress(MADE.read_bytes()))
    return path


def test_it_is_upgraded_gone_on_with_and_called_sound(older: Path) -> None:
    assert ran("simulate", "--ticks", 10, "--json").report["from"] == "2025-07-01T03:20:00+00:00"
    outcome = ran("db", "check")
    assert (outcome.exit_code, outcome.err) == (0, "")
    assert "is sound" in outcome.out
    assert "ticks 0 to 39 were made by rules version 1 (Mara 0.1.0)" in outcome.out
    assert f"from tick {OLDER} on rules version {RULES_VERSION}" in outcome.out


def test_new_ticks_are_computed_again_and_old_ones_are_not_called_broken(older: Path) -> None:
    assert ran("simulate", "--ticks", 10).exit_code == 0
    report = ran("replay", "--tick", OLDER + 9, "--json").report
    assert (report["identical"], report["replayed_ticks"]) == (True, 10)
    for tick in (0, OLDER - 1):
        outcome = ran("replay", "--tick", tick)
        assert outcome.exit_code == 4
        assert f"tick {tick} {BY_WHOM} {RULES_VERSION}" in outcome.complaint
        assert "not recomputed" in outcome.complaint


def test_a_live_run_goes_on_with_the_plan_that_was_in_force(older: Path, here: Path) -> None:
    url, log = f"sqlite:///{older}", str(here / "app.log")
    lived(read_settings({}, {"database_url": url, "log_file": log, "speed": 300}), 3, 0.2, alone=False)
    assert asked(older, "SELECT max(made_tick) FROM optimization_runs") == [(PLAN_IN_FORCE,)]
    assert asked(older, "SELECT count(*) FROM ticks") == [(OLDER + 3,)]
