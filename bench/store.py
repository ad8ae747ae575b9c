"""Benchmark of a run with its database, in wall time because of the disk."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, ParamSpec

import numpy as np

import mara
from bench.report import Figure
from bench.worlds import HORIZON_HOURS, SEED, charter_of
from mara.core.world import RunConfig, first_world
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.optimizers.rules.rules import Rules
from mara.runtime.tick.engine import TickEngine, simulate
from mara.store.encoding.records import RunRecord, run_record
from mara.store.read.metrics import Metric
from mara.store.read.series import history, site_series
from mara.store.store import Store
from tests import postgres_server

TARGET_AT_10: Final = 300.0
TARGET_AT_100_ON_A_SERVER: Final = 40.0
TARGET_AT_1000: Final = 10.0
TICKS_ON_A_SERVER: Final = 300
TARGET_CHART_P95_MS: Final = 100.0
YEAR_HOURS: Final = 8_760
CHART_QUERIES: Final = 60
Asked = ParamSpec("Asked")


def figures(*, full: bool) -> Iterator[Figure]:
    """Measure ticks a second with everything stored, an append, and a year's chart."""
    yield from _case("10_sites", charter_of(10), 6_000 if full else 2_000, TARGET_AT_10)
    yield from _on_a_server()
    yield from _case("1000_sites", charter_of(1_000), 200 if full else 60, TARGET_AT_1000)
    yield from _chart()


def _on_a_server() -> Iterator[Figure]:
    """Measure a hundred sites on PostgreSQL, where a server can be started.

    Each commit waits for its disk.
    """
    server = postgres_server.server()
    if isinstance(server, str):
        print(f"store.100_sites_on_postgresql is not measured: {server}")
        return
    server.wait_for_disk()
    config = charter_of(100)
    store = Store.open(server.fresh("bench"), durability="full")
    store.begin(_run_of(config), first_world(config))
    took_s = _simulated_s(_engine(config), store, TICKS_ON_A_SERVER)
    store.close()
    yield Figure(
        name="store.100_sites_on_postgresql.ticks_per_s",
        value=TICKS_ON_A_SERVER / took_s,
        target=TARGET_AT_100_ON_A_SERVER,
        note=f"wall, rules, {TICKS_ON_A_SERVER} ticks, each waits for the disk",
    )


def _timed(call: Callable[Asked, None], took_ms: list[float]) -> Callable[Asked, None]:
    """Wrap a call so that its durations are recorded [ms]."""

    def timed(*args: Asked.args, **kwargs: Asked.kwargs) -> None:
        begun_s = time.perf_counter()
        call(*args, **kwargs)
        took_ms.append(1e3 * (time.perf_counter() - begun_s))

    return timed


def _case(name: str, config: RunConfig, ticks: int, target: float) -> Iterator[Figure]:
    without_s = _simulated_s(_engine(config), None, ticks)
    with TemporaryDirectory() as folder:
        store = _begun(Path(folder), config)
        append_ms: list[float] = []
        store.append = _timed(store.append, append_ms)  # type: ignore[method-assign]
        took_s = _simulated_s(_engine(config), store, ticks)
        store.close()
    p50, p99 = np.percentile(append_ms, [50, 99]).tolist()
    where = f"store.{name}"
    yield Figure(name=f"{where}.ticks_per_s", value=ticks / took_s, target=target, note=f"wall, rules, {ticks} ticks")
    yield Figure(name=f"{where}.ratio_to_no_store", value=without_s / took_s)
    yield Figure(name=f"{where}.append_p50_ms", value=p50)
    yield Figure(name=f"{where}.append_p99_ms", value=p99)


def _chart() -> Iterator[Figure]:
    """Measure charts of a year from hourly roll-ups: the fleet's money, and a site."""
    config = charter_of(10, tick_minutes=60)
    with TemporaryDirectory() as folder:
        store = _begun(Path(folder), config)
        simulate(_engine(config), store, YEAR_HOURS)
        site_id = config.fleet.site_ids[-1]
        yield from _asked("chart_of_a_year", lambda: store.read_model.series(YEAR_HOURS))
        yield from _asked("site_chart_of_a_year", lambda: site_series(store.read_model, site_id))
        yield from _asked("metric_of_a_year", lambda: history(store.read_model, Metric.PROFIT).points)
        store.close()


def _asked(name: str, question: Callable[[], Sequence[object]]) -> Iterator[Figure]:
    took_ms: list[float] = []
    points: Sequence[object] = ()
    for _ in range(CHART_QUERIES):
        begun_s = time.perf_counter()
        points = question()
        took_ms.append(1e3 * (time.perf_counter() - begun_s))
    p50, p95 = np.percentile(took_ms, [50, 95]).tolist()
    note = f"{len(points):,} points"
    yield Figure(name=f"store.{name}.p50_ms", value=p50, note=note)
    yield Figure(name=f"store.{name}.p95_ms", value=p95, target=TARGET_CHART_P95_MS, better="less", note=note)


def _simulated_s(engine: TickEngine, store: Store | None, ticks: int) -> float:
    engine.feed.observe(0)  # the feed draws its first week before timing starts
    begun_s = time.perf_counter()
    simulate(engine, store, ticks)
    return time.perf_counter() - begun_s


def _engine(config: RunConfig) -> TickEngine:
    return TickEngine(
        config=config,
        feed=SyntheticFeed(config, SEED),
        optimizer=Rules(),
        horizon_hours=HORIZON_HOURS,
        world=first_world(config),
    )


def _begun(folder: Path, config: RunConfig) -> Store:
    store = Store.open(f"sqlite:///{folder / 'bench.db'}")
    store.begin(_run_of(config), first_world(config))
    return store


def _run_of(config: RunConfig) -> RunRecord:
    return run_record(config, seed=SEED, optimizer="rules", feed="synthetic", version=mara.__version__)
