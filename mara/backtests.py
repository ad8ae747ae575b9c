"""Policies side by side over one stretch of history, with the bound of what any could have earned."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any, Final

import mara
from mara.assembly import BacktestCase, BacktestOrder, backtest_of
from mara.core.step import Step
from mara.core.units import HOURS_PER_DAY, MICRO_USD_PER_USD
from mara.errors import CommandError, MaraError
from mara.optimizers.lp.bound import MonthBound, bounds_of, share_of_bound
from mara.optimizers.lp.monthly_accounts import Month, MonthlyAccounts
from mara.optimizers.registry import optimizer_of
from mara.runtime.backtest import backtest
from mara.runtime.clock import SystemClock
from mara.runtime.run_totals import RunTotals
from mara.settings import Settings

BOUND: Final = "bound"
"""What progress calls the work on the bound; every other name is a policy's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a piece of work is: ticks of a policy, or months of the bound."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BacktestResult:
    """One policy's stretch.

    Attributes:
        figures: what `mara backtest --json` prints.
        daily_profit_usd: of each day of the run, the first begins with it.
        months: what was earned and the bound, by calendar month; empty unless the bound was asked for.
    """

    figures: dict[str, Any]
    daily_profit_usd: tuple[float, ...]
    months: tuple[MonthBound, ...] = ()


OnProgress = Callable[[Progress], None]
KnownBounds = dict[bytes, tuple[MonthBound, ...]]
"""Bounds by the promises that they were found for."""


def compared(
    settings: Settings,
    order: BacktestOrder,
    policies: Sequence[str] = (),
    *,
    with_bound: bool = False,
    on_progress: OnProgress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
    known: KnownBounds | None = None,
) -> tuple[BacktestResult, ...]:
    """Each policy over the same stretch; none named means the one of the settings.

    The bound is found once for runs with the same promises: it does not depend on who plans. `known` carries what was
    found over to another call for the same stretch, load and terms.

    Raises:
        ConfigError, FeedError: a history, period, forecast, fleet or policy that cannot be used.
        PlanError: a policy or the bound failed.
        CommandError: it was cancelled.
    """
    tell = on_progress or (lambda _: None)
    case = backtest_of(settings, order)
    optimizers = {name: optimizer_of(name) for name in policies or (settings.optimizer,)}
    found = {} if known is None else known
    results: list[BacktestResult] = []
    for name, optimizer in optimizers.items():
        run = _Run(replace(case, optimizer=optimizer), name, with_bound, tell, is_cancelled or (lambda: False))
        tally, figures = run.figures(settings)
        months = _months(run.diary.months, found, tell, run.stop_if_cancelled)
        if months:
            figures |= {
                "lp_profit_usd": sum(month.profit_usd for month in months),
                "bound_usd": sum(month.bound_usd for month in months),
                "share_of_bound": share_of_bound(months),
            }
        results.append(BacktestResult(figures=figures, daily_profit_usd=run.daily_usd(tally), months=months))
    return tuple(results)


def compared_into(
    connection: Connection, settings: Settings, order: BacktestOrder, policies: Sequence[str], with_bound: bool
) -> None:
    """`compared` for a process of its own: sends ("progress", Progress) as it goes, and in the end ("done", results)
    or ("failed", one line).

    Terminating the process cancels it: it writes nothing.
    """
    try:
        results = compared(
            settings,
            order,
            policies,
            with_bound=with_bound,
            on_progress=lambda progress: connection.send(("progress", progress)),
        )
    except MaraError as error:
        connection.send(("failed", str(error)))
    else:
        connection.send(("done", results))
    finally:
        connection.close()


def shared_figures(tally: RunTotals, sites: int, wall_s: float, cpu_s: float, seed: int) -> dict[str, Any]:
    """What a backtest and a simulation report alike."""
    figures = tally.report()
    return {
        "ticks": figures.pop("ticks"),
        "sites": sites,
        **figures,
        "lp_profit_usd": None,
        "bound_usd": None,
        "share_of_bound": None,
        "wall_s": wall_s,
        "site_steps_per_s": tally.ticks * sites / max(cpu_s, 1e-9),
        "seed": seed,
        "version": mara.__version__,
    }


MOST_NEWS: Final = 200
"""Times that a run tells how far it is."""


class _Run:
    """One policy on its way through the stretch."""

    def __init__(
        self, case: BacktestCase, name: str, with_bound: bool, tell: OnProgress, is_cancelled: Callable[[], bool]
    ) -> None:
        self.case, self.name = case, name
        self.diary = MonthlyAccounts(case.outside.config)
        self._with_bound = with_bound
        self._tell, self._is_cancelled = tell, is_cancelled
        self._day_ticks = HOURS_PER_DAY * case.outside.config.grid.ticks_per_hour
        self._daily_micro_usd = [0] * -(-case.ticks // self._day_ticks)
        self._stride = max(1, case.ticks // MOST_NEWS)

    def figures(self, settings: Settings) -> tuple[RunTotals, dict[str, Any]]:
        """Run it; the sums, and what is told of them."""
        outside, clock = self.case.outside, SystemClock()
        wall_s, cpu_s = clock.monotonic_s(), clock.cpu_s()
        tally, _ = backtest(
            outside.config,
            outside.feed,
            self.case.optimizer,
            self.case.world,
            self.case.ticks,
            horizon_hours=settings.horizon_hours,
            on_step=self._note,
        )
        self.diary.close()
        wall_s, cpu_s = clock.monotonic_s() - wall_s, clock.cpu_s() - cpu_s
        grid, fleet = outside.config.grid, outside.config.fleet
        return tally, {
            "optimizer": self.case.optimizer.name,
            "fleet": fleet.name,
            "history": str(settings.history),
            "from": grid.at(0).isoformat(),
            "to": grid.at(self.case.ticks).isoformat(),
            **shared_figures(tally, fleet.site_count, wall_s, cpu_s, settings.seed),
            "notes": list(outside.notes),
        }

    def _note(self, step: Step) -> None:
        self._daily_micro_usd[step.tick // self._day_ticks] += step.settlement.profit_micro_usd
        if self._with_bound:
            self.diary.add(step)
        done = step.tick + 1
        if done % self._stride == 0 or done == self.case.ticks:
            self._tell(Progress(what=self.name, done=done, total=self.case.ticks))
            self.stop_if_cancelled()

    def stop_if_cancelled(self) -> None:
        if self._is_cancelled():
            raise CommandError(f"the backtest of {self.name} was cancelled; nothing was written")

    def daily_usd(self, tally: RunTotals) -> tuple[float, ...]:
        """Adding up to the run's profit: credits of windows that ended with the last tick fall on its day."""
        late = int(tally.lines_micro_usd.sum()) - sum(self._daily_micro_usd)
        *days, last = self._daily_micro_usd
        return tuple(day / MICRO_USD_PER_USD for day in (*days, last + late))


def _months(
    chapters: Sequence[Month],
    known: KnownBounds,
    tell: OnProgress,
    stop_if_cancelled: Callable[[], None],
) -> tuple[MonthBound, ...]:
    """The bounds of a run's months, taken from `known` where another run had the same promises."""

    def on_month(done: int) -> None:
        tell(Progress(what=BOUND, done=done, total=len(chapters)))
        stop_if_cancelled()

    promises = b"".join(
        array.tobytes()
        for chapter in chapters
        for array in (chapter.case.demand_mw, chapter.case.budget_mwh, chapter.case.shed_limit_mw)
    )
    if promises not in known:
        known[promises] = bounds_of(chapters, on_month)
    return tuple(
        replace(month, profit_usd=chapter.profit_usd) for month, chapter in zip(known[promises], chapters, strict=True)
    )
