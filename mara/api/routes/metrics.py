"""Metrics for Prometheus, computed for each scrape from the newest snapshot.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mara.api.routes.platform_api import PlatformApi
from mara.core.snapshot import AdvisorRunSnapshot, AdvisorSnapshot, Snapshot
from mara.core.units import SECONDS_PER_MINUTE
from mara.runtime.clock import Clock
from mara.runtime.observe.engine_metrics import BOUNDS_S, EngineMetrics, Histogram
from mara.runtime.published_state import EngineState

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_ADVISOR_STATES: Final = ("off", "ready", "asking", "resting")
_BREAKER_STATES: Final = ("closed", "open")
_OUTCOMES: Final = ("accepted", "adjusted", "kept")


class FleetCollector(Collector):
    """Collector of every metric of a live run.

    Args:
        database: file of the database; None where it is on a server.
        clients_count: counts connected browsers.
    """

    def __init__(
        self,
        engine: PlatformApi,
        clock: Clock,
        database: Path | None,
        clients_count: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._database = database
        self._clients_count = clients_count
        self._asked = _Asked()

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics as of now."""
        published = self._engine.latest.read()
        yield _states("mara_engine_state", "1 for the state that the engine is in", EngineState, published.state)
        yield from self._own()
        if published.snapshot is not None:
            yield _interval(published.snapshot, published.speed_share)
            yield from _fleet(published.snapshot)
        if published.advisor is not None:
            yield from self._asked.metrics(published.advisor)

    def _own(self) -> Iterator[Metric]:
        vitals = self._engine.vitals
        if vitals.last_tick_s is not None:
            age_s = self._clock.monotonic_s() - vitals.last_tick_s
            yield GaugeMetricFamily("mara_tick_age_seconds", "since the last tick was stored", age_s)
        yield from _durations(vitals)
        yield GaugeMetricFamily("mara_feed_age_ticks", "of the last good observation", vitals.feed_age_ticks)
        yield CounterMetricFamily("mara_restarts", "ticks that were tried again", vitals.restarts_count)
        yield GaugeMetricFamily("mara_ws_clients", "connected browsers", self._clients_count())
        yield CounterMetricFamily("mara_auth_failures", "requests that the gate turned away", vitals.refused_count)
        if self._database is not None:
            yield from _disk(self._database)


def metrics_text(collector: Collector) -> bytes:
    """Write the metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)


def _durations(vitals: EngineMetrics) -> Iterator[Metric]:
    yield _histogram("mara_tick_duration_seconds", "planning, advancing and storing a tick", vitals.tick_durations)
    yield _histogram("mara_db_commit_seconds", "storing a tick", vitals.commit_durations)
    yield _histogram("mara_tick_lateness_seconds", "how late a tick began", vitals.lateness)
    yield _histogram("mara_loop_lag_seconds", "how late the event loop came to what was due", vitals.loop_lags)


def _disk(database: Path) -> Iterator[Metric]:
    wal = database.with_name(database.name + "-wal")
    for name, text, file in (
        ("mara_db_bytes", "the database", database),
        ("mara_wal_bytes", "its write-ahead log", wal),
    ):
        yield GaugeMetricFamily(name, f"size of {text}", file.stat().st_size if file.exists() else 0)
    yield GaugeMetricFamily("mara_disk_free_bytes", "free beside the database", shutil.disk_usage(database.parent).free)


def _interval(snapshot: Snapshot, speed_share: float) -> Metric:
    """Report the time between ticks, to which an alert on a tick's age is relative.

    At speed 1 a tick lasts minutes, at 3,600 less than a tenth of a second.
    """
    interval_s = snapshot.tick_minutes * SECONDS_PER_MINUTE / speed_share
    return GaugeMetricFamily("mara_tick_interval_seconds", "from one tick to the next at this speed", interval_s)


def _fleet(snapshot: Snapshot) -> Iterator[Metric]:
    yield GaugeMetricFamily("mara_tick_seq", "the last stored tick", snapshot.tick)
    yield GaugeMetricFamily("mara_sim_time_seconds", "its simulated time, UTC epoch", snapshot.at.timestamp())
    yield GaugeMetricFamily("mara_revenue_usd_per_hour", "earned at this tick's rate", snapshot.revenue_usd_per_h)
    yield GaugeMetricFamily("mara_profit_usd_per_hour", "after all costs", snapshot.profit_usd_per_h)
    yield GaugeMetricFamily("mara_plan_age_ticks", "of the plan in force", snapshot.plan.age_ticks)
    yield GaugeMetricFamily("mara_stale_sources", "feeds whose last good value stands in", len(snapshot.stale_sources))
    power = GaugeMetricFamily("mara_site_power_mw", "drawn by a site", labels=["site"])
    price = GaugeMetricFamily("mara_energy_price_usd_per_mwh", "that a site pays", labels=["site"])
    for site in snapshot.sites:
        power.add_metric([site.id], site.site_power_mw)
        price.add_metric([site.id], site.energy_price_usd_per_mwh)
    budget = GaugeMetricFamily(
        "mara_sla_budget_remaining_ticks", "bad ticks that live windows still allow", labels=["tier"]
    )
    below = GaugeMetricFamily("mara_sla_contracts_below_target", "live, availability so far below", labels=["tier"])
    broken = GaugeMetricFamily("mara_sla_contracts_broken", "more bad ticks than their budget", labels=["tier"])
    off = GaugeMetricFamily("mara_sla_contracts_off", "off now and not by plan", labels=["tier"])
    live = GaugeMetricFamily("mara_sla_contracts", "live contracts", labels=["tier"])
    for tier in snapshot.tiers:
        if tier.target_share > 0.0:
            budget.add_metric([tier.tier], tier.budget_ticks - tier.budget_used_ticks)
            below.add_metric([tier.tier], tier.contracts_count - (tier.on_target_count or 0))
            broken.add_metric([tier.tier], tier.broken_count)
            off.add_metric([tier.tier], sum(c.is_stranded for c in snapshot.contracts if c.tier == tier.tier))
            live.add_metric([tier.tier], tier.contracts_count)
    down = sum(site.status == "down" for site in snapshot.sites)
    yield GaugeMetricFamily("mara_sites_down", "sites without a machine available", down)
    yield from (power, price, budget, below, broken, off, live)


class _Asked:
    """Counts of Claude's answers by outcome, updated from the latest at each scrape.

    The newest twenty runs are kept, of at most sixty an hour: a scrape every few minutes misses none.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._newest: AdvisorRunSnapshot | None = None
        self._one_at_a_time = Lock()

    def metrics(self, advisor: AdvisorSnapshot) -> Iterator[Metric]:
        """Yield the advisor's state, its breaker's, and the counts."""
        with self._one_at_a_time:
            for run in takewhile(lambda run: run != self._newest, advisor.runs):
                self._counts[run.outcome] += 1
            self._newest = advisor.runs[0] if advisor.runs else None
        yield _states("mara_advisor_state", "1 for the state that the advisor is in", _ADVISOR_STATES, advisor.state)
        breaker = "open" if advisor.state == "resting" else "closed"
        yield _states("mara_breaker_state", "open: Claude is left alone for a while", _BREAKER_STATES, breaker)
        yield GaugeMetricFamily("mara_claude_cost_usd", "spent in the last day", advisor.cost_today_usd)
        requests = CounterMetricFamily("mara_claude_requests", "by what came of them", labels=["outcome"])
        for outcome in sorted({*_OUTCOMES, *self._counts}):
            requests.add_metric([outcome], self._counts[outcome])
        yield requests


def _states(name: str, text: str, states: Iterator[str] | tuple[str, ...] | type[EngineState], now: str) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=["state"])
    for state in states:
        gauge.add_metric([str(state)], float(str(state) == str(now)))
    return gauge


def _histogram(name: str, text: str, durations: Histogram) -> Metric:
    seen, buckets = 0, []
    for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), durations.counts, strict=True):
        seen += count
        buckets.append((bound, float(seen)))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=durations.total_s)
