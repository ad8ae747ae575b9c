"""Benchmark of the transition `advance` alone, with plans made beforehand."""

from collections.abc import Iterator
from typing import Final

from bench.report import Figure
from bench.timing import REPETITIONS, timed_in_parts
from bench.worlds import Tape, default_tape, tape_of

TARGET_AT_10: Final = 70_000.0
TARGET_AT_1000: Final = 2_000_000.0


def figures(*, full: bool) -> Iterator[Figure]:
    """Measure ten and a thousand sites, with `full` also ten thousand."""
    yield from _case("10_sites_50_contracts", tape_of(10, 50, 4_000), TARGET_AT_10)
    yield from _case("10_sites_default_arrivals", default_tape(4_000), None)
    yield from _case("1000_sites_50_contracts", tape_of(1_000, 50, 400), TARGET_AT_1000)
    yield from _case("1000_sites_5000_contracts", tape_of(1_000, 5_000, 60), None, repetitions=3)
    if full:
        yield from _case("10000_sites_50_contracts", tape_of(10_000, 50, 60), None)
        yield from _case("10000_sites_50000_contracts", tape_of(10_000, 50_000, 12), None, repetitions=2)


def _case(name: str, tape: Tape, target: float | None, repetitions: int = REPETITIONS) -> Iterator[Figure]:
    took = timed_in_parts(tape.parts(), repetitions)
    rate = tape.site_steps / took.best_s
    yield Figure(
        name=f"advance.{name}.site_steps_per_cpu_s",
        value=rate,
        target=target,
        note=f"best of {repetitions}, part by part",
    )
    yield Figure(name=f"advance.{name}.site_steps_per_cpu_s_median", value=tape.site_steps / took.median_s)
    yield Figure(name=f"advance.{name}.us_per_tick", value=1e6 * took.best_s / len(tape.ticks))
