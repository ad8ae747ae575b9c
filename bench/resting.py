"""Command `python -m bench.resting`: service of contracts in the default world.

Usage: `python -m bench.resting --seeds 1 2 …`. For each seed and optimizer it prints a row of a Markdown table: how
often and for how long contracts are scheduled off, how much of their error budgets is used by choice, which windows
missed their target, and the earnings. Under the linear program a month takes about a minute of a processor, under
rules five seconds.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import numpy as np

from mara.assembly.runs import rehearsal_of
from mara.core.contract import TIER_KEYS, Tier, budget_ticks
from mara.core.events import is_story
from mara.core.units import MICRO_USD_PER_USD
from mara.runtime.run_totals import RunTotals
from mara.settings import read_settings

TICKS_A_DAY: Final = 288
MUCH_SHARE: Final = 0.8
NARROWLY_TICKS: Final = 4
HEAD: Final = (
    "seed",
    "optimizer",
    "profit, USD",
    "Standard stops/day",
    "median, min",
    "Flexible stops/day",
    "median, min",
    "Premium misses",
    "windows",
    "80 % chosen",
    "broken",
    "broken narrowly after that",
    "story lines",
)


def main() -> None:
    """Print a row for each run as it ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--optimizers", nargs="+", default=["rules", "lp"])
    options = parser.parse_args()
    print(_row(HEAD), _row("---" for _ in HEAD), sep="\n")
    for seed in options.seeds:
        for optimizer in options.optimizers:
            print(_row(month(seed, optimizer, options.days)), flush=True)


def month(seed: int, optimizer: str, days: int) -> tuple[object, ...]:
    """Simulate one run, and return a cell for each column of `HEAD`."""
    engine = rehearsal_of(read_settings({}, {"seed": seed, "optimizer": optimizer}))
    totals, windows = RunTotals(dt_h=engine.config.grid.dt_h), _Windows()
    misses = story = 0
    for _ in range(days * TICKS_A_DAY):
        reading = engine.read_feed()
        result = engine.advance(reading, engine.optimizer.plan(engine.problem(reading)))
        step, book = result.step, result.step.before.book
        totals.add(step)
        windows.add([book.contracts[i].id for i in np.flatnonzero(step.allocation.scheduled)], step.world.closed)
        misses += int(np.count_nonzero(~step.report.good & (book.tier == Tier.PREMIUM)))
        story += sum(is_story(event) for event in result.events)
        engine.world = step.world
    rests, dt_h = totals.scheduled_off, engine.config.grid.dt_h
    cells = [
        f"{value:.2f}" if n == 0 else f"{value:.0f}"
        for tier in (Tier.STANDARD, Tier.FLEXIBLE)
        for n, value in enumerate((rests.stops_per_contract_day(tier, dt_h), rests.median_minutes(tier, dt_h)))
    ]
    profit = engine.world.cash_micro_usd / MICRO_USD_PER_USD
    return seed, optimizer, f"{profit:,.0f}", *cells, misses, *windows.cells(), story


class _Windows:
    """Closed windows of Standard and Flexible, and the budgets used by choice."""

    def __init__(self) -> None:
        self._chosen: dict[str, int] = defaultdict(int)
        self._count = self._much = self._broken = self._narrowly = 0

    def add(self, resting: list[str], closed: tuple) -> None:  # type: ignore[type-arg]
        for name in resting:
            self._chosen[name] += 1
        for window in closed:
            chosen = self._chosen.pop(window.contract_id, 0)
            if TIER_KEYS[window.tier] not in ("standard", "flexible"):
                continue
            budget = budget_ticks(window.good_ticks + window.bad_ticks, window.tier)
            is_much, over = chosen >= MUCH_SHARE * max(budget, 1), window.bad_ticks - budget
            self._count += 1
            self._much += is_much
            self._broken += over > 0
            self._narrowly += is_much and 0 < over < NARROWLY_TICKS

    def cells(self) -> tuple[int, ...]:
        return self._count, self._much, self._broken, self._narrowly


def _row(cells: Iterator[object] | tuple[object, ...]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
