"""The linear program: building it, solving it cold and from the last basis, and large fleets in blocks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from bench.lp_cases import cases_of
from bench.report import Figure
from bench.timing import timed
from mara.core.arrays import Floats
from mara.core.contract import PROMISED_TIER_COUNT
from mara.optimizers.lp import shifted
from mara.optimizers.lp_case import LpCase
from mara.optimizers.lp_model import columns_of, model_of
from mara.optimizers.lp_solve import solve

MS_PER_S: Final = 1e3
MAX_GAP_SHARE: Final = 1e-6
TARGET_100_SITES_MS: Final = 4_000.0
LARGE: Final = {
    (1_000, 24): {"cpu_s": 30.0, "gap_share": 0.0015},
    (10_000, 24): {"cpu_s": 240.0, "wall_s": 120.0, "gap_share": 0.002, "peak_mb": 1_024.0},
}
"""Most that each may take. Wall time holds for two processors that nobody else uses."""
LARGE_LIMIT_S: Final = 1_800.0


def figures(*, full: bool) -> Iterator[Figure]:
    """Ten sites for a day and a week, a hundred for a day, a thousand; with `full` ten thousand."""
    yield from _direct(10, 24, None, repetitions=9)
    yield from _against_layers(10, 24)
    yield from _direct(10, 168, None, repetitions=3)
    yield from _direct(100, 24, TARGET_100_SITES_MS, repetitions=3)
    yield from _large(1_000, 24)
    if full:
        yield from _large(10_000, 24)


def _direct(sites: int, hours: int, cold_ms: float | None, repetitions: int) -> Iterator[Figure]:
    first, second = cases_of(sites, hours, count=2)
    name = f"lp.{sites}x{hours}"
    yield _figure(f"{name}.build_ms", MS_PER_S * timed(lambda: model_of(first), repetitions).best_s)
    before = solve(model_of(first))
    after = model_of(_following(first, before.primal, second))
    cold_s = timed(lambda: solve(after), repetitions).best_s
    start = shifted(before.basis, after)
    warm = solve(after, basis=start)
    warm_s = timed(lambda: solve(after, basis=start), repetitions).best_s
    yield _figure(f"{name}.cold_ms", MS_PER_S * cold_s, cold_ms)
    yield _figure(f"{name}.warm_ms", MS_PER_S * warm_s, None, note="from the basis of the hour before, shifted")
    yield Figure(name=f"{name}.ratio_warm_to_cold", value=cold_s / warm_s, note="how much faster warm is")
    yield _figure(f"{name}.gap_share", warm.certificate.gap_share, MAX_GAP_SHARE)


def _against_layers(sites: int, hours: int) -> Iterator[Figure]:
    """How much longer modelling layers take to build the same program; they are optional."""
    try:
        from bench import modelling
    except ImportError as error:
        print(f"lp: building is not compared with modelling layers ({error}): pip install -e '.[bench]'")
        return
    (case,) = cases_of(sites, hours)
    built = model_of(case)
    ours_s = timed(lambda: model_of(case)).best_s
    for layer, build in (("linopy", modelling.linopy_model), ("pyomo", modelling.pyomo_model)):
        theirs_s = timed(partial(build, case, built)).best_s
        yield _figure(f"lp.{sites}x{hours}.{layer}_build_ms", MS_PER_S * theirs_s)
        yield Figure(name=f"lp.{sites}x{hours}.ratio_{layer}_build", value=theirs_s / ours_s, note="times ours")


def _following(first: LpCase, primal: Floats, second: LpCase) -> LpCase:
    """The second hour after the first went as planned, as it does while the program is in charge."""
    columns = columns_of(first)
    now = primal[: columns.width]
    return replace(
        second,
        served_now_mw=now[columns.contracts[:, :PROMISED_TIER_COUNT]],
        miners_now_mw=now[columns.miners].sum(axis=1),
    )


def _large(sites: int, hours: int) -> Iterator[Figure]:
    with TemporaryDirectory() as folder:
        file = str(Path(folder) / "case.npz")
        _apart("write", file, str(sites), str(hours))
        figures_of = json.loads(_apart("solve", file))
    for metric, value in figures_of.items():
        yield _figure(f"lp.{sites}x{hours}.{metric}", value, LARGE[sites, hours].get(metric))


def _apart(*words: str) -> str:
    """In a process of its own: memory is counted, and this one has grown by what was measured before."""
    command = [sys.executable, "-m", "bench.lp_large", *words]
    done = subprocess.run(  # noqa: S603 our own module
        command, check=True, capture_output=True, cwd=Path(__file__).parents[1], text=True, timeout=LARGE_LIMIT_S
    )
    return done.stdout


def _figure(name: str, value: float, most: float | None = None, note: str = "") -> Figure:
    better: Literal["more", "less"] = "less"
    return Figure(name=name, value=value, target=most, better=better, note=note)
