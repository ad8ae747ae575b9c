"""Comparison of policies over one period of history, with their bound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Final, NotRequired, TypedDict

import mara
from mara.assembly.backtest import BacktestCase, BacktestOrder, backtest_of
from mara.core.snapshot_builder import plays_of
from mara.core.units import HOURS_PER_DAY, MICRO_USD_PER_USD
from mara.errors import CommandError, MaraError
from mara.feeds.day_ahead import known_ahead
from mara.feeds.files.history_provenance import HistoryStory, story_of
from mara.optimizers.flexibility.blind import Blind, refuse_unknown_instrument
from mara.optimizers.lp.bound import MonthBound, bounds_of, share_of_bound
from mara.optimizers.lp.monthly_accounts import Month, MonthlyAccounts
from mara.optimizers.registry import optimizer_of
from mara.runtime.backtest import backtest
from mara.runtime.clock import SystemClock
from mara.runtime.observe.peak_counts import PeakFigures
from mara.runtime.progress import OnProgress, Progress
from mara.runtime.run_totals import DayAheadFigures, PowerFigures, RunFigures, RunTotals
from mara.settings import Settings

BOUND: Final = "bound"
"""Name under which progress on the bound is reported; other names are policies."""


class SharedFigures(RunFigures):
    """Figures of a backtest or simulation, with size, speed and origin of the run.

    Figures of the bound are None where it was not asked for, those of `day_ahead` without positions.
    """

    day_ahead: DayAheadFigures | None  # type: ignore[misc]  # a run without positions has no figures of them
    power: PowerFigures | None  # type: ignore[misc]  # nor one without power terms
    sites: int
    lp_profit_usd: float | None
    bound_usd: float | None
    share_of_bound: float | None
    wall_s: float
    site_steps_per_s: float
    seed: int
    version: str
    plays: str
    """World that was played: synthetic, replayed or live."""
    coincident_peaks: NotRequired[dict[str, PeakFigures]]
    """Peaks by site; only in backtests of fleets with such charges."""


_Period = TypedDict("_Period", {"from": str, "to": str})


class BacktestFigures(SharedFigures, _Period):
    """Figures of one policy's backtest, as `mara backtest --json` prints them."""

    optimizer: str
    fleet: str
    history: str
    notes: list[str]
    provenance: HistoryStory
    worth_usd: dict[str, float]
    """Profit with plans that know an instrument less profit without, by instrument."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BacktestResult:
    """The outcome of one policy over the period.

    Attributes:
        daily_profit_usd: profit of each day, counted from the run's start.
        months: profit and bound by calendar month; empty unless the bound was asked for.
    """

    figures: BacktestFigures
    daily_profit_usd: tuple[float, ...]
    months: tuple[MonthBound, ...] = ()


KnownBounds = dict[bytes, tuple[MonthBound, ...]]
"""Bounds that were found before, by digest of the contracts that they hold for."""


def compared(
    settings: Settings,
    order: BacktestOrder,
    policies: Sequence[str] = (),
    *,
    with_bound: bool = False,
    without: Sequence[str] = (),
    on_progress: OnProgress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
    known: KnownBounds | None = None,
) -> tuple[BacktestResult, ...]:
    """Run each policy over the same period; without names, the one of the settings.

    The bound is computed once for runs with the same contracts, because it does not depend on the policy. `known`
    carries bounds over to another call for the same period, load and terms. For each instrument in `without` a policy
    runs again with plans that ignore it, and the difference of profit is its worth.

    Raises:
        ConfigError, FeedError: a history, period, forecast, fleet or policy cannot be used.
        PlanError: a policy or the bound failed.
        CommandError: the comparison was cancelled.
    """
    tell = on_progress or (lambda _: None)
    case = backtest_of(settings, order)
    optimizers = {name: optimizer_of(name) for name in policies or (settings.optimizer,)}
    for instrument in without:
        refuse_unknown_instrument(instrument, case.outside.config.fleet.power)
    found = {} if known is None else known
    results: list[BacktestResult] = []
    for name, optimizer in optimizers.items():
        run = _Run(replace(case, optimizer=optimizer), name, with_bound, tell, is_cancelled or (lambda: False))
        totals, figures = run.figures(settings)
        months = _months(run.accounts.months, found, tell, run.stop_if_cancelled)
        if months:
            figures["lp_profit_usd"] = sum(month.profit_usd for month in months)
            figures["bound_usd"] = sum(month.bound_usd for month in months)
            figures["share_of_bound"] = share_of_bound(months)
        for instrument in without:
            again = replace(case, optimizer=Blind(optimizer_of(name), instrument))
            ignoring = _Run(again, f"{name} without {instrument}", False, tell, is_cancelled or (lambda: False))
            others = ignoring.figures(settings)[1]
            figures["worth_usd"][instrument] = figures["profit_usd"] - others["profit_usd"]
        results.append(BacktestResult(figures=figures, daily_profit_usd=run.daily_usd(totals), months=months))
    return tuple(results)


def compared_into(
    connection: Connection, settings: Settings, order: BacktestOrder, policies: Sequence[str], with_bound: bool
) -> None:
    """Run `compared` in a child process, and send progress and results to the parent.

    Messages are ("progress", Progress), and at the end ("done", results) or ("failed", one line). Terminating the
    process cancels the comparison, which writes no files.
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


def shared_figures(
    totals: RunTotals,
    sites: int,
    wall_s: float,
    cpu_s: float,
    seed: int,
    *,
    feed: str,
    has_positions: bool = False,
    has_terms: bool = False,
) -> SharedFigures:
    """Compute the figures that a backtest and a simulation have in common.

    Args:
        feed: name of the feed of the run.
    """
    figures = totals.report()
    return {
        "ticks": figures["ticks"],
        "sites": sites,
        "profit_usd": figures["profit_usd"],
        "revenue_usd": figures["revenue_usd"],
        "cost_usd": figures["cost_usd"],
        "day_ahead": figures["day_ahead"] if has_positions else None,
        "power": figures["power"] if has_terms else None,
        "energy_mwh": figures["energy_mwh"],
        "emissions_t": figures["emissions_t"],
        "renewable_share": figures["renewable_share"],
        "sla": figures["sla"],
        "lp_profit_usd": None,
        "bound_usd": None,
        "share_of_bound": None,
        "wall_s": wall_s,
        "site_steps_per_s": totals.ticks * sites / max(cpu_s, 1e-9),
        "seed": seed,
        "version": mara.__version__,
        "plays": plays_of(feed),
    }


MOST_NEWS: Final = 200
"""Most progress reports of a run."""


class _Run:
    """Runs one policy over the period, and collects its daily profits."""

    def __init__(
        self, case: BacktestCase, name: str, with_bound: bool, tell: OnProgress, is_cancelled: Callable[[], bool]
    ) -> None:
        self.case, self.name = case, name
        self.accounts = MonthlyAccounts(case.outside.config)
        self._with_bound = with_bound
        self._tell, self._is_cancelled = tell, is_cancelled
        self._day_ticks = HOURS_PER_DAY * case.outside.config.grid.ticks_per_hour
        self._daily_micro_usd = [0] * -(-case.ticks // self._day_ticks)
        self._stride = max(1, case.ticks // MOST_NEWS)

    def figures(self, settings: Settings) -> tuple[RunTotals, BacktestFigures]:
        """Run the policy; return its totals and its figures."""
        outside, clock = self.case.outside, SystemClock()
        wall_s, cpu_s = clock.monotonic_s(), clock.cpu_s()
        totals, _ = backtest(
            outside.config,
            outside.feed,
            self.case.optimizer,
            self.case.world,
            self.case.ticks,
            horizon_hours=settings.horizon_hours,
            on_step=self.accounts.add if self._with_bound else None,
            on_profit=self._note,
        )
        self.accounts.close()
        wall_s, cpu_s = clock.monotonic_s() - wall_s, clock.cpu_s() - cpu_s
        grid, fleet = outside.config.grid, outside.config.fleet
        assert outside.history is not None
        history = outside.history.for_sites(fleet.site_ids)
        figures: BacktestFigures = {
            "optimizer": self.case.optimizer.name,
            "fleet": fleet.name,
            "history": str(settings.history),
            "from": grid.at(0).isoformat(),
            "to": grid.at(self.case.ticks).isoformat(),
            **shared_figures(
                totals,
                fleet.site_count,
                wall_s,
                cpu_s,
                settings.seed,
                feed=outside.feed.name,
                has_positions=settings.has_positions,
                has_terms=fleet.power is not None,
            ),
            "notes": list(outside.notes),
            "provenance": story_of(history, known_ahead(fleet.sites, history.price_known)),
            "worth_usd": {},
        }
        if totals.peaks is not None:
            figures["coincident_peaks"] = totals.peaks.report(fleet)
        return totals, figures

    def _note(self, tick: int, profit_micro_usd: int) -> None:
        self._daily_micro_usd[tick // self._day_ticks] += profit_micro_usd
        done = tick + 1
        if done % self._stride == 0 or done == self.case.ticks:
            self._tell(Progress(what=self.name, done=done, total=self.case.ticks))
            self.stop_if_cancelled()

    def stop_if_cancelled(self) -> None:
        if self._is_cancelled():
            raise CommandError(f"the backtest of {self.name} was cancelled; nothing was written")

    def daily_usd(self, totals: RunTotals) -> tuple[float, ...]:
        """Return the daily profits, which add up to the run's.

        Credits of windows that ended with the last tick count on its day.
        """
        late = int(totals.lines_micro_usd.sum()) - sum(self._daily_micro_usd)
        *days, last = self._daily_micro_usd
        return tuple(day / MICRO_USD_PER_USD for day in (*days, last + late))


def _months(
    chapters: Sequence[Month],
    known: KnownBounds,
    tell: OnProgress,
    stop_if_cancelled: Callable[[], None],
) -> tuple[MonthBound, ...]:
    """Compute the bounds of a run's months, once for runs with the same contracts."""

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
