"""Benchmark of the linear program: build, cold and warm solves, and large fleets."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from bench.lp_cases import cases_of, present_problem
from bench.report import Figure
from bench.timing import timed
from mara.core.arrays import Floats
from mara.core.contract import PROMISED_TIER_COUNT, Tier
from mara.core.plan import Plan
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import columns_of
from mara.optimizers.lp.model import model_of
from mara.optimizers.lp.optimizer import shifted
from mara.optimizers.lp.staged.one_way import solve_one_way
from mara.optimizers.quoting.pricing import (
    ContractDemand,
    dual_cost_usd_per_mwh,
    exact_cost_usd_per_mwh,
    solution_of,
    solution_with,
)

MS_PER_S: Final = 1e3
MAX_GAP_SHARE: Final = 1e-6
QUOTED_MW: Final = 5.0
TICKS_PER_HOUR: Final = 12
TARGET_COLD_MS: Final = {(10, 24): 100.0, (10, 168): 3_000.0, (100, 24): 4_000.0}
TARGET_WARM_MS: Final = {(10, 24): 20.0}
LARGE: Final = {
    (1_000, 24): {"cpu_s": 30.0, "gap_share": 0.0015},
    (10_000, 24): {"cpu_s": 240.0, "wall_s": 120.0, "gap_share": 0.002, "peak_mb": 1_024.0},
}
"""Limits for large fleets by sites and hours.

Wall times hold for two processors without other work.
"""
LARGE_LIMIT_S: Final = 1_800.0


def figures(*, full: bool) -> Iterator[Figure]:
    """Measure ten sites over a day and a week, a hundred, and a thousand.

    With `full`, ten thousand sites as well.
    """
    yield from _direct(10, 24, repetitions=9)
    yield from _direct(10, 168, repetitions=3)
    yield from _quotes()
    yield from _direct(100, 24, repetitions=3)
    yield from _large(1_000, 24)
    if full:
        yield from _large(10_000, 24)


def _direct(sites: int, hours: int, repetitions: int) -> Iterator[Figure]:
    first, second = cases_of(sites, hours, count=2)
    name = f"lp.{sites}x{hours}"
    yield _figure(f"{name}.build_ms", MS_PER_S * timed(lambda: model_of(first), repetitions).best_s)
    before = solve_one_way(model_of(first), first)
    following = _following(first, before.primal_mw, second)
    after = model_of(following)
    cold_s = timed(lambda: solve_one_way(after, following), repetitions).best_s
    start = shifted(before.basis, after)
    warm = solve_one_way(after, following, basis=start)
    warm_s = timed(lambda: solve_one_way(after, following, basis=start), repetitions).best_s
    yield _figure(f"{name}.cold_ms", MS_PER_S * cold_s, TARGET_COLD_MS[sites, hours])
    yield _figure(
        f"{name}.warm_ms",
        MS_PER_S * warm_s,
        TARGET_WARM_MS.get((sites, hours)),
        note="from the basis of the hour before, shifted",
    )
    yield Figure(name=f"{name}.ratio_warm_to_cold", value=cold_s / warm_s, note="how much faster warm is")
    yield _figure(f"{name}.gap_share", warm.certificate.gap_share, MAX_GAP_SHARE)


def _quotes() -> Iterator[Figure]:
    """Measure the quote of a 5 MW Premium contract on the default fleet.

    Its program has five-minute steps in the first hour.
    """
    problem = present_problem()
    before = solution_of(problem)
    plan = Plan(optimizer="lp", made_tick=problem.tick, steps=(), step_ticks=before.lengths, shadow=before.shadow)
    first = problem.tick + 1
    wish = ContractDemand(
        tier=Tier.PREMIUM, power_mw=QUOTED_MW, starts_tick=first, ends_tick=first + 24 * TICKS_PER_HOUR
    )
    rate = float(before.case.rate_usd_per_mwh[wish.tier])
    dual_s = timed(lambda: dual_cost_usd_per_mwh(plan, wish, rate, TICKS_PER_HOUR)).best_s
    yield _figure("lp.quote_dual_ms", MS_PER_S * dual_s, 5.0, note="by the shadow prices of a plan in force")
    exact_s = timed(lambda: solution_with(before, wish), 5).best_s
    yield _figure("lp.quote_exact_ms", MS_PER_S * exact_s, 100.0, note="the second solve, from the first's basis")
    both_s = timed(lambda: solution_with(solution_of(problem, basis=before.basis), wish), 5).best_s
    yield _figure("lp.quote_both_ms", MS_PER_S * both_s, 100.0, note="both solves, the first from a basis of its own")
    after = solution_with(before, wish)
    dual = dual_cost_usd_per_mwh(plan, wish, rate, TICKS_PER_HOUR)
    ratio = exact_cost_usd_per_mwh(before, after, wish) / dual
    yield Figure(name="lp.quote_ratio_exact_to_dual", value=ratio, note="how far the shadow price is below")


def _following(first: LpCase, primal_mw: Floats, second: LpCase) -> LpCase:
    """Make the second hour's case from the first hour's plan, as in a rolling horizon."""
    columns = columns_of(first)
    now = primal_mw[: columns.width]
    placed_mw = now[columns.contracts[:, :PROMISED_TIER_COUNT]]
    placed_mw[:, columns.resting] += now[columns.rested]
    return replace(
        second,
        served_now_mw=placed_mw,
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
    """Run a command in a new process, without the memory of earlier measurements."""
    command = [sys.executable, "-m", "bench.lp_large", *words]
    done = subprocess.run(  # noqa: S603 our own module
        command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1], text=True, timeout=LARGE_LIMIT_S
    )
    return done.stdout


def _figure(name: str, value: float, most: float | None = None, note: str = "") -> Figure:
    better: Literal["more", "less"] = "less"
    return Figure(name=name, value=value, target=most, better=better, note=note)
