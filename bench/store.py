"""The default run with its database, as `mara simulate` does it: wall time, because the disk is part of it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

import mara
from bench.report import Figure
from bench.worlds import HORIZON_HOURS, SEED, charter_of, steady_contracts
from mara.core.events import Event
from mara.core.plan import Plan
from mara.core.sla import opened
from mara.core.step import Step
from mara.core.world import Charter, World, first_world
from mara.feeds.synthetic import SyntheticFeed
from mara.optimizers.rules import Rules
from mara.runtime.engine import Engine, simulate
from mara.store.records import run_record
from mara.store.store import Store

TARGET_AT_10: Final = 300.0
TARGET_AT_1000: Final = 10.0
TARGET_CHART_P95_MS: Final = 100.0
YEAR_HOURS: Final = 8_760
CHART_QUERIES: Final = 60


def figures(*, full: bool) -> Iterator[Figure]:
    """Ticks a second with everything stored, what one append takes, and a chart of a year."""
    ten = charter_of(10)
    yield from _case("10_sites", ten, first_world(ten), 6_000 if full else 2_000, TARGET_AT_10)
    thousand = charter_of(1_000)
    world = opened(first_world(thousand), steady_contracts(thousand, 50), thousand)
    yield from _case("1000_sites_50_contracts", thousand, world, 120 if full else 40, TARGET_AT_1000)
    yield from _chart()


class _TimedStore:
    """Notes what each append takes."""

    def __init__(self, store: Store) -> None:
        self._append = store.append
        self.took_ms: list[float] = []

    def append(self, step: Step, plan: Plan, events: Sequence[Event]) -> None:
        begun_s = time.perf_counter()
        self._append(step, plan, events)
        self.took_ms.append(1e3 * (time.perf_counter() - begun_s))


def _case(name: str, charter: Charter, world: World, ticks: int, target: float) -> Iterator[Figure]:
    begun_s = time.perf_counter()
    simulate(_engine(charter, world), None, ticks)
    without_s = time.perf_counter() - begun_s
    with TemporaryDirectory() as folder:
        store = _begun(Path(folder), charter, world)
        noted = _TimedStore(store)
        store.append = noted.append  # type: ignore[method-assign]
        begun_s = time.perf_counter()
        simulate(_engine(charter, world), store, ticks)
        took_s = time.perf_counter() - begun_s
        store.close()
    p50, p99 = np.percentile(noted.took_ms, [50, 99]).tolist()
    where = f"store.{name}"
    yield Figure(name=f"{where}.ticks_per_s", value=ticks / took_s, target=target, note=f"wall, rules, {ticks} ticks")
    yield Figure(name=f"{where}.ratio_to_no_store", value=without_s / took_s)
    yield Figure(name=f"{where}.append_p50_ms", value=p50)
    yield Figure(name=f"{where}.append_p99_ms", value=p99)


def _chart() -> Iterator[Figure]:
    """The money line of a year from hourly roll-ups, as the dashboard asks for it."""
    charter = charter_of(10, tick_minutes=60)
    with TemporaryDirectory() as folder:
        store = _begun(Path(folder), charter, first_world(charter))
        simulate(_engine(charter, first_world(charter)), store, YEAR_HOURS)
        took_ms: list[float] = []
        for _ in range(CHART_QUERIES):
            begun_s = time.perf_counter()
            store.series(YEAR_HOURS)
            took_ms.append(1e3 * (time.perf_counter() - begun_s))
        note = f"{len(store.series(YEAR_HOURS)):,} points"
        store.close()
    p50, p95 = np.percentile(took_ms, [50, 95]).tolist()
    yield Figure(name="store.chart_of_a_year.p50_ms", value=p50, note=note)
    yield Figure(name="store.chart_of_a_year.p95_ms", value=p95, target=TARGET_CHART_P95_MS, better="less", note=note)


def _engine(charter: Charter, world: World) -> Engine:
    return Engine(
        charter=charter,
        feed=SyntheticFeed(charter, SEED),
        optimizer=Rules(),
        horizon_hours=HORIZON_HOURS,
        world=replace(world),
    )


def _begun(folder: Path, charter: Charter, world: World) -> Store:
    store = Store.open(f"sqlite:///{folder / 'bench.db'}")
    run = run_record(charter, seed=SEED, optimizer="rules", feed="synthetic", version=mara.__version__)
    store.begin(run, world)
    return store
