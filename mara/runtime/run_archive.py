"""Reads of the stored run for pages and the API.

Each query runs in a thread, so that the event loop never waits for a disk.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Event
from typing import Concatenate, Final, ParamSpec, TypeVar

from mara.core.alert import Alert
from mara.core.day_gains import DayGains
from mara.core.dispatch_document import DispatchDocument
from mara.core.explanation import Explanation
from mara.core.history import (
    ContractLife,
    ContractRow,
    Decision,
    EvidenceTick,
    ExclusionAhead,
    GuessError,
    Ledger,
    LedgerSum,
    MoneyBreakdown,
    Optimization,
    OptimizationSnapshot,
    OrderRow,
    SignalEntry,
)
from mara.core.snapshot import EventSnapshot, SitePoint
from mara.errors import StoreError
from mara.runtime.explain.why import Ahead, can_be_asked, explained, no_forecast
from mara.runtime.guess_check import LookBack, guess_errors
from mara.runtime.peak_hours import PeakHours
from mara.runtime.replay_check import RulesSince, rules_since
from mara.runtime.signals.documents import document_at
from mara.store.read import alert_list, balance, optimizations, order_list, promises, series
from mara.store.read.export import ExportTable
from mara.store.read.metrics import MetricHistory
from mara.store.read.money.course import money_breakdown
from mara.store.read.money.gain_days import daily_gains
from mara.store.read.read_model import ReadModel
from mara.store.read.signal_list import MOST_SIGNALS, signals
from mara.store.read.table_file import ExportFormat, write_export
from mara.store.write.alert_log import MOST_ALERTS

MOST_AT_ONCE: Final = 3
"""Queries answered at a time; one reader of the store is left to the live run."""
MOST_WAITING: Final = 200
"""Queries that may wait; further ones are refused, so that work cannot pile up."""
GUESSES_EVERY_S: Final = 300.0
"""Least real time between two measurements of guesses, which take a second."""
REST_S: Final = 0.002
"""Pause [s] of an export after every hundred rows, which take about as long."""


Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


class RunArchive:
    """Answers queries about a stored run, from `open` to `close`.

    Methods are called on the event loop; a caller may be cancelled. Each raises CommandError for a query about
    something that does not exist (a site, contract, metric, tick), and StoreError while no run is open, when too many
    queries wait, or when the database does not answer.
    """

    def __init__(self) -> None:
        self._reading: ReadModel | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._ahead: Ahead = no_forecast
        self._waiting = 0
        self._look_back: LookBack | None = None
        self._guesses: asyncio.Task[tuple[GuessError, ...]] | None = None
        self._guessed_hour, self._guessed_s = -1, 0.0
        self._peak_hours = PeakHours()
        self._is_over = Event()

    def open(self, reading: ReadModel, ahead: Ahead = no_forecast, look_back: LookBack | None = None) -> None:
        """Start to answer queries from a database.

        Args:
            ahead: returns the forecast in force, for questions about prices to come.
            look_back: opens a feed of its own, for questions about earlier forecasts; None for no such answers.
        """
        self._is_over.clear()
        self._look_back, self._guesses, self._guessed_hour = look_back, None, -1
        self._peak_hours = PeakHours()
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="mara-archive")
        self._reading = reading
        self._ahead = ahead

    def close(self) -> None:
        """Stop answering; harmless when repeated.

        Queries under way or waiting end when the store closes.
        """
        self._reading = None
        self._is_over.set()
        if self._threads is not None:
            self._threads.shutdown(wait=False)
            self._threads = None

    async def site_series(
        self, site_id: str, from_: datetime | None = None, to: datetime | None = None
    ) -> tuple[SitePoint, ...]:
        """Read a site over ``[from_, to)``, oldest first.

        Points are ticks while they are few, else clock hours.
        """
        return await self._ask(series.site_series, site_id, from_, to)

    async def history(
        self,
        metric: str,
        site_id: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        max_points: int = series.MOST_POINTS,
    ) -> MetricHistory:
        """Read a metric (`mara.store.read.metrics.Metric`) over ``[from_, to)``.

        It is the metric of a site, or of the fleet where `site_id` is None.
        """
        return await self._ask(series.history, metric, site_id, from_, to, max_points)

    async def site_ledger(self, site_id: str, from_tick: int, to_tick: int) -> tuple[LedgerSum, ...]:
        """Sum a site's money lines over ``[from_tick, to_tick)``."""
        return await self._ask(balance.site_ledger, site_id, from_tick, to_tick)

    async def ledger(
        self, from_: datetime | None = None, to: datetime | None = None, site_id: str | None = None
    ) -> Ledger:
        """Read all ledger lines over ``[from_, to)`` with their trial balance.

        They are the lines of a site, or of the fleet where `site_id` is None.
        """
        return await self._ask(balance.ledger, from_, to, site_id)

    async def daily_ledgers(
        self, from_: datetime | None = None, to: datetime | None = None, site_id: str | None = None
    ) -> tuple[Ledger, ...]:
        """Read the ledger of each UTC day in ``[from_, to)``, oldest first."""
        return await self._ask(balance.daily_ledgers, from_, to, site_id)

    async def money_breakdown(self, from_: datetime | None = None, to: datetime | None = None) -> MoneyBreakdown:
        """Sum each ledger line over ``[from_, to)`` by interval of time and site."""
        return await self._ask(money_breakdown, from_, to)

    async def daily_gains(self, from_: datetime | None = None, to: datetime | None = None) -> tuple[DayGains, ...]:
        """Read the gains over other policies of each finished UTC day in ``[from_, to)``."""
        return await self._ask(daily_gains, from_, to)

    async def profit_between(self, from_tick: int, to_tick: int) -> float:
        """Read the fleet's profit over ``[from_tick, to_tick)`` [USD]."""
        return await self._ask(balance.profit_between, from_tick, to_tick)

    async def site_events(self, site_id: str, limit: int = optimizations.MOST_DECISIONS) -> tuple[EventSnapshot, ...]:
        """Read the events of a site, newest first."""
        return await self._ask(optimizations.site_events, site_id, limit)

    async def decisions(self, site_id: str, limit: int = optimizations.MOST_DECISIONS) -> tuple[Decision, ...]:
        """List the stored reasons that name a site, and its events, newest first."""
        return await self._ask(optimizations.decisions, site_id, limit)

    async def optimizations(
        self, limit: int = optimizations.MOST_OPTIMIZATIONS, before: int | None = None
    ) -> tuple[OptimizationSnapshot, ...]:
        """List the newest plans that came into force, before a tick if given."""
        return await self._ask(optimizations.optimizations, limit, before)

    async def optimization(self, adopted_tick: int) -> Optimization:
        """Read all that is stored of the plan that came into force in a tick."""
        return await self._ask(optimizations.optimization, adopted_tick)

    async def rules(self) -> tuple[RulesSince, ...]:
        """List the versions of the rules that made the run, oldest first."""
        return await self._ask(rules_since)

    async def dispatch(self, tick: int | None = None) -> DispatchDocument:
        """Make the dispatch document of a stored tick again; None is the newest."""
        return await self._ask(document_at, tick)

    async def signals(
        self, site_id: str | None = None, kind: str | None = None, limit: int = MOST_SIGNALS
    ) -> tuple[SignalEntry, ...]:
        """List changes of modes and device writes, newest first."""
        return await self._ask(signals, site_id, kind, limit)

    async def contracts(self, state: str = "all", limit: int = promises.MOST_CONTRACTS) -> tuple[ContractRow, ...]:
        """Read the contracts, newest first.

        `state` is one of waiting, live, ended and all.
        """
        return await self._ask(promises.contracts, state, limit)

    async def contract(self, contract_id: str) -> ContractLife:
        """Read a contract's whole life so far."""
        return await self._ask(promises.contract, contract_id)

    async def exclusions_ahead(self) -> tuple[ExclusionAhead, ...]:
        """List announcements of ticks to come that will not count."""
        return await self._ask(promises.exclusions_ahead)

    async def evidence(self, contract_id: str) -> tuple[EvidenceTick, ...]:
        """List the judged ticks of a contract, oldest first."""
        return await self._ask(promises.evidence, contract_id)

    async def orders(self, state: str = "all", limit: int = order_list.MOST_ORDERS) -> tuple[OrderRow, ...]:
        """Read the orders, newest first.

        `state` is one of waiting, obeyed, refused, withdrawn and all.
        """
        return await self._ask(order_list.orders, state, limit)

    async def order(self, number: int) -> OrderRow:
        """Read one order with its outcome."""
        return await self._ask(order_list.order, number)

    async def alerts(
        self, from_: datetime | None = None, to: datetime | None = None, limit: int = MOST_ALERTS
    ) -> tuple[Alert, ...]:
        """List the alerts that stood in ``[from_, to)``, newest first."""
        return await self._ask(alert_list.alerts, from_, to, limit)

    async def alert(self, number: int) -> Alert:
        """Read one alert, whether it stands or is over."""
        return await self._ask(alert_list.alert, number)

    async def export(
        self, table: ExportTable, form: ExportFormat, out: Path, from_: datetime | None, to: datetime | None
    ) -> int:
        """Write a stored table of ``[from_, to)`` to a file; returns the number of rows.

        It pauses half of the time, because making rows holds the interpreter's lock, and ticks and pages come first.
        """
        return await self._ask(write_export, table, form, out, from_, to, rest=self._rest)

    def _rest(self) -> None:
        """Pause for other threads; raise StoreError when the run is closed."""
        if self._is_over.wait(REST_S):
            raise StoreError("the run was closed before the export was done: ask again when it is open")

    async def guesses(self, hour: int) -> tuple[GuessError, ...]:
        """Measure how good the forecast prices of the last days were.

        Measured once for each `hour` of the run and at most every `GUESSES_EVERY_S`, however often it is asked, also if
        the caller is cancelled.
        """
        if self._look_back is None:
            return ()
        now_s = asyncio.get_running_loop().time()
        is_due = hour != self._guessed_hour and now_s >= self._guessed_s + GUESSES_EVERY_S
        if self._guesses is None or (self._guesses.done() and (is_due or _failed(self._guesses))):
            self._guessed_hour, self._guessed_s = hour, now_s
            self._guesses = asyncio.create_task(
                self._ask(guess_errors, self._look_back, self._rest), name="mara-guesses"
            )
        return await asyncio.shield(self._guesses)

    async def peak_hours(self) -> dict[str, float]:
        """Count the hours of this year in which miners stayed off for peaks, by site."""
        return await self._ask(self._peak_hours.by_site)

    async def why(self, question: str) -> Explanation:
        """Answer a why-question about the run, in sentences of stored facts.

        A question that is not understood is answered with examples of questions that are.
        """
        return await self._ask(explained, question, self._ahead)

    async def can_be_asked(self) -> tuple[str, ...]:
        """List examples of questions that `why` would answer now."""
        return await self._ask(can_be_asked)

    async def _ask(
        self, question: Callable[Concatenate[ReadModel, Asked], Answer], *args: Asked.args, **kwargs: Asked.kwargs
    ) -> Answer:
        reading, threads = self._reading, self._threads
        if reading is None or threads is None:
            raise StoreError("no run is open: ask again when the engine has started")
        if self._waiting >= MOST_WAITING:
            raise StoreError(f"{MOST_WAITING} questions wait for the database already: ask again later")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                threads, partial(question, reading, *args, **kwargs)
            )
        finally:
            self._waiting -= 1


def _failed(task: asyncio.Task[tuple[GuessError, ...]]) -> bool:
    return task.cancelled() or task.exception() is not None
