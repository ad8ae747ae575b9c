"""The benchmarks' own arithmetic, and one tick of the worlds that they use."""

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from bench import lp_large
from bench.lp_cases import cases_of
from bench.report import Figure, line, write
from bench.timing import timed, timed_in_parts
from bench.worlds import tape_of

pytestmark = pytest.mark.usefixtures("only_new_garbage")


@pytest.mark.parametrize(
    ("value", "target", "better", "verdict"),
    [(2.0, 1.0, "more", "met"), (0.5, 1.0, "more", "MISSED"), (0.5, 1.0, "less", "met"), (2.0, 1.0, "less", "MISSED")],
)
def test_a_figure_says_whether_its_target_was_met(value: float, target: float, better: str, verdict: str) -> None:
    figure = Figure(name="a.b.c", value=value, target=target, better=better)  # type: ignore[arg-type]
    assert figure.verdict == verdict
    assert verdict in line(figure)


def test_a_figure_without_a_target_has_no_verdict() -> None:
    assert Figure(name="a.b.c", value=1.0).verdict == ""


def test_results_are_one_flat_object_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write([Figure(name="store.10_sites.ticks_per_s", value=1234.5678)], path)
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results == {"store.10_sites.ticks_per_s": 1234.57}
    assert all(re.fullmatch(r"\w+\.[\w-]+\.\w+", name) for name in results)


def test_work_in_parts_is_measured_at_the_best_of_each_part() -> None:
    calls: list[int] = []
    took = timed_in_parts([lambda: calls.append(1), lambda: calls.append(2)], repetitions=3)
    assert calls == [1, 2] * 3
    assert 0.0 <= took.best_s <= took.median_s
    assert timed(lambda: None, repetitions=2).best_s >= 0.0


def test_a_tape_plays_the_same_world_in_parts_as_at_once() -> None:
    tape = tape_of(10, 5, 12)
    (part,) = tape.parts()
    world = part()
    assert world.tick == 12
    assert len(world.book.contracts) == 5
    assert tape.site_steps == 120


def test_copies_of_the_fleet_are_sites_of_their_own() -> None:
    tape = tape_of(20, 5, 1)
    assert len(set(tape.config.fleet.site_ids)) == 20


def test_a_case_written_for_another_process_is_read_back_whole(tmp_path: Path) -> None:
    """Fields that are None are left out of the file, so that no pickle is needed."""
    file = tmp_path / "case.npz"
    (case,) = cases_of(10, 1)
    lp_large.write(str(file), 10, 1)
    read = lp_large.read(str(file))
    for field in fields(case):
        np.testing.assert_array_equal(getattr(read, field.name), getattr(case, field.name))
