"""Metrics for Prometheus, computed for each scrape from the newest snapshot.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mara.api.routes.platform_api import PlatformApi
from mara.core.snapshot import AdvisorSnapshot, Snapshot
from mara.core.units import SECONDS_PER_MINUTE
from mara.runtime.clock import Clock
from mara.runtime.published_state import EngineState

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_ADVISOR_STATES: Final = ("off", "ready", "asking", "resting")
_BREAKER_STATES: Final = ("closed", "open")


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

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics as of now."""
        current = self._engine.publisher.read()
        yield _states("mara_engine_state", "1 for the state that the engine is in", EngineState, current.state)
        yield from self._own()
        if current.snapshot is not None:
            yield _interval(current.snapshot, current.speed_factor)
            yield from _fleet(current.snapshot)
        if current.advisor is not None:
            yield from _advisor(current.advisor)
            yield from _exported(self._engine.metrics.claude_requests)

    def _own(self) -> Iterator[Metric]:
        metrics = self._engine.metrics
        if metrics.last_tick_s is not None:
            age_s = self._clock.monotonic_s() - metrics.last_tick_s
            yield GaugeMetricFamily("mara_tick_age_seconds", "since the last tick was stored", age_s)
        for histogram in metrics.histograms:
            yield from _exported(histogram)
        yield GaugeMetricFamily("mara_feed_age_ticks", "of the last good observation", metrics.feed_age_ticks)
        yield CounterMetricFamily("mara_restarts", "ticks that were tried again", metrics.restarts_count)
        yield GaugeMetricFamily("mara_ws_clients", "connected browsers", self._clients_count())
        yield CounterMetricFamily("mara_auth_failures", "requests that the gate turned away", metrics.refused_count)
        if self._database is not None:
            yield from _disk(self._database)


def metrics_text(collector: Collector) -> bytes:
    """Write the metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)


def _disk(database: Path) -> Iterator[Metric]:
    wal = database.with_name(database.name + "-wal")
    for name, text, file in (
        ("mara_db_bytes", "the database", database),
        ("mara_wal_bytes", "its write-ahead log", wal),
    ):
        yield GaugeMetricFamily(name, f"size of {text}", file.stat().st_size if file.exists() else 0)
    yield GaugeMetricFamily("mara_disk_free_bytes", "free beside the database", shutil.disk_usage(database.parent).free)


def _interval(snapshot: Snapshot, speed_factor: float) -> Metric:
    """Report the expected time between ticks, to which alerts compare a tick's age.

    At speed 1 a tick lasts minutes, at 3,600 less than a tenth of a second.
    """
    interval_s = snapshot.tick_minutes * SECONDS_PER_MINUTE / speed_factor
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


def _advisor(advisor: AdvisorSnapshot) -> Iterator[Metric]:
    yield _states("mara_advisor_state", "1 for the state that the advisor is in", _ADVISOR_STATES, advisor.state)
    breaker = "open" if advisor.state == "resting" else "closed"
    yield _states("mara_breaker_state", "open: Claude is left alone for a while", _BREAKER_STATES, breaker)
    yield GaugeMetricFamily("mara_claude_cost_usd", "spent in the last day", advisor.cost_today_usd)


def _states(name: str, text: str, states: Iterator[str] | tuple[str, ...] | type[EngineState], now: str) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=["state"])
    for state in states:
        gauge.add_metric([str(state)], float(str(state) == str(now)))
    return gauge


def _exported(metric: Counter | Histogram) -> Iterator[Metric]:
    """Export a metric without the samples that tell when its counts began."""
    for family in metric.collect():
        family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
        yield family
