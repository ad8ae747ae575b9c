"""Benchmark of a backtest's whole loop: observe, forecast, plan, advance, add up."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.report import Figure
from bench.timing import timed_in_parts
from bench.worlds import HORIZON_HOURS, SEED, START, charter_of
from mara.assembly.backtest import BacktestCase, BacktestOrder, backtest_of
from mara.core.units import SECONDS_PER_HOUR
from mara.core.world import World
from mara.feeds.files.history_file import BITCOIN_FILE, HISTORY_FILES
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.optimizer_names import POLICIES
from mara.optimizers.registry import optimizer_of
from mara.runtime.backtest import backtest
from mara.settings import read_settings

REAL_HISTORY: Final = Path(__file__).parents[2] / "shared" / "data"
WRITTEN_DAYS: Final = 120
LOAD_SHARE: Final = 0.75
TARGET_WITH_RULES: Final = 40_000.0
TICKS_OF: Final = {"static": 2_000, "static-breakeven": 2_000, "rules": 2_000, "lp": 100}
PART_TICKS: Final = 100
COLUMNS: Final = "timestamp_utc,site_id,price_usd_per_mwh,carbon_g_per_kwh,renewable_share,dry_bulb_c,wet_bulb_c"


def figures(*, full: bool) -> Iterator[Figure]:
    """Measure hourly ticks at ten sites under a demand of three quarters of the racks.

    `full` repeats more often.
    """
    with ExitStack() as stack:
        if REAL_HISTORY.is_dir():
            case, note = _case(REAL_HISTORY, None), "real history"
        else:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            _write_history(folder)
            case, note = _case(folder, "global_ten"), "written history"
        static_rate = 0.0
        for name, ticks in TICKS_OF.items():
            if name not in POLICIES:
                continue
            rate = _rate(case, name, min(ticks, case.ticks), repetitions=10 if full else 5)
            static_rate = static_rate or rate
            target = TARGET_WITH_RULES if name == "rules" else None
            where = f"backtest.{name}_10_sites_hourly"
            yield Figure(name=f"{where}.site_steps_per_cpu_s", value=rate, target=target, note=note)
            yield Figure(name=f"{where}.ratio_to_static", value=rate / static_rate)


def _case(folder: Path, fleet: str | None) -> BacktestCase:
    settings = read_settings({}, {"history": folder, "fleet": fleet, "tick_minutes": 60})
    order = BacktestOrder(
        from_=None, to=None, contracts=None, load_share=LOAD_SHARE, migration_factor=1.0, forecast="persistence"
    )
    return backtest_of(settings, order)


def _rate(case: BacktestCase, name: str, ticks: int, repetitions: int) -> float:
    """Site-steps per CPU-second, from the best repetition of each part of the period."""
    optimizer, outside = optimizer_of(name), case.outside

    def work(world: World) -> World:
        part_ticks = min(PART_TICKS, ticks - world.tick)
        return backtest(outside.config, outside.feed, optimizer, world, part_ticks, horizon_hours=HORIZON_HOURS)[1]

    starts = [case.world]
    while starts[-1].tick + PART_TICKS < ticks:
        starts.append(work(starts[-1]))
    took = timed_in_parts([partial(work, world) for world in starts], repetitions)
    return ticks * outside.config.fleet.site_count / took.best_s


def _write_history(folder: Path) -> None:
    """Write the default world as a history folder, for machines without a real one."""
    config = charter_of(10, tick_minutes=60)
    feed = SyntheticFeed(config, SEED)
    first = config.grid.start_epoch_s // SECONDS_PER_HOUR
    block = feed.hours(first, first + WRITTEN_DAYS * 24)
    rows = [COLUMNS]
    for hour in range(WRITTEN_DAYS * 24):
        stamp = (START + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for s, site in enumerate(config.fleet.sites):
            values = (
                block.price_usd_per_mwh[hour, s],
                block.mix.carbon_intensity_g_per_kwh[hour, s],
                block.mix.renewable_share[hour, s],
                block.weather.dry_bulb_c[hour, s],
                block.weather.wet_bulb_c[hour, s],
            )
            rows.append(f"{stamp},{site.id}," + ",".join(f"{float(value):.4f}" for value in values))
    (folder / HISTORY_FILES[0]).write_text("\n".join(rows) + "\n", encoding="utf-8")
    days = [datetime.fromtimestamp(START.timestamp() + 86_400 * day, UTC) for day in range(WRITTEN_DAYS)]
    hashprices = [feed.observe(24 * day).hashprice_usd_per_ph_day for day in range(WRITTEN_DAYS)]
    daily = ["date,hashprice_usd_per_ph_day"]
    daily += [f"{day:%Y-%m-%d},{price:.4f}" for day, price in zip(days, hashprices, strict=True)]
    (folder / BITCOIN_FILE).write_text("\n".join(daily) + "\n", encoding="utf-8")
