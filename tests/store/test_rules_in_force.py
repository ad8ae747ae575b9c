"""A run under several versions of the rules states the first tick of each.

Ticks under older rules are not reported as faulty.
"""

from pathlib import Path

import pytest

from mara.core.rules_version import RULES_CHANGES, RULES_VERSION
from mara.errors import StoreRefused
from mara.runtime.replay_check import replayed, rules_since
from mara.store import maintenance
from mara.store.store import Store
from mara.store.write import rules_in_force
from tests.store.databases import KINDS, asked, tamper, url_of
from tests.store.runs import go_on, stored_run

OLDER, NEWER = 5, 4
"""Ticks made under the rules before ours, and under ours."""


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"mara.{request.param}"


@pytest.fixture
def older(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that knows only the rules before the present ones."""
    with monkeypatch.context() as before:
        before.setattr(rules_in_force, "RULES_VERSION", RULES_VERSION - 1)
        stored_run(path, OLDER).close()
    return path


def lines_in(path: Path) -> list[tuple[int, int]]:
    return [(row[0], row[1]) for row in asked(path, "SELECT from_tick, rules_version FROM rules_in_force")]


def gone_on(path: Path, ticks: int) -> Store:
    store = Store.open(url_of(path))
    go_on(store, ticks)
    return store


def test_every_version_has_a_line_of_history() -> None:
    assert list(RULES_CHANGES) == list(range(1, RULES_VERSION + 1))


def test_a_new_run_is_under_our_rules_from_its_first_tick(path: Path) -> None:
    stored_run(path, 2).close()
    gone_on(path, 2).close()
    assert lines_in(path) == [(0, RULES_VERSION)]
    assert maintenance.check(url_of(path)).notes == ()


def test_the_first_tick_under_other_rules_is_noted_with_it_and_not_before(older: Path) -> None:
    gone_on(older, 0).close()
    assert lines_in(older) == [(0, RULES_VERSION - 1)]
    gone_on(older, NEWER).close()
    assert lines_in(older) == [(0, RULES_VERSION - 1), (OLDER, RULES_VERSION)]


def test_a_tick_of_ours_is_computed_again_from_the_border_and_an_older_one_is_named(older: Path) -> None:
    store = gone_on(older, NEWER)
    run = store.run
    assert run is not None
    again = replayed(store.read_model, run.run_id, OLDER + NEWER - 1)
    assert (again.differs, again.replayed_ticks) == ((), NEWER)
    with pytest.raises(
        StoreRefused, match=rf"tick {OLDER - 1} was made by rules version {RULES_VERSION - 1} \(Mara .*\)"
    ):
        replayed(store.read_model, run.run_id, OLDER - 1)
    assert [(s.from_tick, s.rules_version, s.are_this_programs) for s in rules_since(store.read_model)] == [
        (0, RULES_VERSION - 1, False),
        (OLDER, RULES_VERSION, True),
    ]
    store.close()


def test_a_check_of_a_run_under_two_versions_is_sound_and_says_which_made_what(older: Path) -> None:
    gone_on(older, NEWER).close()
    report = maintenance.check(url_of(older))
    assert report.is_sound, report.findings
    first, second = report.notes
    assert first.startswith(f"ticks 0 to {OLDER - 1} were made by rules version {RULES_VERSION - 1}")
    assert "not recomputed" in first
    assert second.startswith(f"from tick {OLDER} on rules version {RULES_VERSION}")


def test_a_world_that_older_rules_left_is_found_when_it_was_changed(older: Path) -> None:
    gone_on(older, NEWER).close()
    tamper(
        older,
        [f"UPDATE checkpoints SET content = (SELECT content FROM checkpoints WHERE tick = 0) WHERE tick = {OLDER}"],
    )
    assert (
        f"checkpoints, tick {OLDER}: the stored world is not what was written"
        in maintenance.check(url_of(older)).findings
    )


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE rules_in_force SET rules_version = {RULES_VERSION - 1}",
        "UPDATE rules_in_force SET mara_version = 'none'",
        "UPDATE rules_in_force SET from_tick = 9",
    ],
)
def test_a_line_that_was_changed_is_found(path: Path, statement: str) -> None:
    stored_run(path, 3).close()
    tamper(path, [statement])
    assert "rules_in_force, number 1: not what was written" in maintenance.check(url_of(path)).findings


def test_lines_are_never_changed_in_the_usual_way(path: Path) -> None:
    stored_run(path, 1).close()
    with pytest.raises(Exception, match="append-only"):
        asked(path, "DELETE FROM rules_in_force RETURNING number")
