"""Command `python -m bench.grain`: worth of flexible load by step of prices.

The worth also depends on how much of the prices is known ahead.

One megawatt of load worth 80 USD/MWh, on ERCOT's hub average of 2024 (`mara import build` reads the files as they are
published), settled every quarter of an hour. The first rows are arithmetic on the prices; the others are backtests of a
fleet of one site that mines, whose hashprice makes its megawatt-hour worth the same, net of cooling. Restarts cost
nothing there unless `--restart` says so; a stopped miner may start again after ten minutes, so in the next quarter. All
of it is worth k USD per MW and year above the load that always runs. A year by `lp` takes ten minutes of CPU time.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from mara.core.arrays import Bools, Floats, sealed
from mara.core.climate import pue_of
from mara.core.fleet import WORKLOAD_COUNT, Fleet, Workload
from mara.core.market import Terms, mining_value_usd_per_mwh
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, MICRO_USD_PER_USD
from mara.core.world import RunConfig, first_world
from mara.feeds.files.history import History
from mara.feeds.files.history_file import read_history
from mara.feeds.files.history_fleet import fleet_of_history
from mara.feeds.markets.building.build import BuildOrder, build
from mara.feeds.markets.building.spec import read_spec
from mara.feeds.replay import ForecastKind, ReplayFeed
from mara.optimizers.registry import optimizer_of
from mara.runtime.backtest import backtest

PRICES: Final = Path(__file__).parents[2] / "shared" / "data" / "ercot_hub_2024"
ZONE: Final = ZoneInfo("America/Chicago")
WORTH_USD_PER_MWH: Final = 80.0
QUARTERS: Final = 4
DAYS_A_YEAR: Final = 365
HORIZON_HOURS: Final = 24
TARGET_SHARE: Final = 0.92
SPEC: Final = """
[history]
step_minutes = 15
[[site]]
id = "hub"
name = "ERCOT hub average"
country = "United States"
lat = 31.0
lon = -98.0
timezone = "America/Chicago"
[site.price]
files = "{folder}/NP6-905-CD_RTM_SPP.csv"
[site.day_ahead]
files = "{folder}/NP4-190-CD_DAM_SPP.csv"
[site.carbon]
constant = 0.0
renewable_share = 0.0
[site.weather]
constant = 18.0
wet_bulb_c = 13.0
[bitcoin]
constant = 55.0
"""
DAY_AHEAD_SPEC: Final = (
    SPEC.replace("step_minutes = 15", "step_minutes = 60")
    .replace("NP6-905-CD_RTM_SPP", "NP4-190-CD_DAM_SPP")
    .replace('[site.day_ahead]\nfiles = "{folder}/NP4-190-CD_DAM_SPP.csv"\n', "")
)
"""The same year for a site that pays the day-ahead price, hour by hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One backtest of the table."""

    name: str
    policy: str
    forecast: ForecastKind


RUNS: Final = (
    Run(name="`rules`, persistence", policy="rules", forecast="persistence"),
    Run(name="`rules`, day-ahead", policy="rules", forecast="day-ahead"),
    Run(name="`lp`, persistence", policy="lp", forecast="persistence"),
    Run(name="`lp`, day-ahead", policy="lp", forecast="day-ahead"),
)


def main() -> None:
    """Print the table as Markdown; rows come on stderr as they are found."""
    options = _options()
    with TemporaryDirectory() as folder:
        _measure(history_of(options.prices, Path(folder)), options)


def _measure(history: History, options: argparse.Namespace) -> None:
    rows = {name: k_usd_per_mw_year(gain_usd, history) for name, gain_usd in _by_arithmetic(history)}
    best = rows["perfect sight of quarters"]
    for run in RUNS:
        if options.runs and not any(part in run.name for part in options.runs):
            continue
        rows[run.name] = k_usd_per_mw_year(_earned_usd(run, history, options), history)
        print(line_of(run.name, rows[run.name], best), file=sys.stderr, flush=True)
    print("| who decides the quarter | k USD per MW and year | share of perfect sight, % |\n|---|---|---|")
    for name, value in rows.items():
        print(line_of(name, value, best))


def line_of(name: str, k_usd: float, best_k_usd: float) -> str:
    """Format a row of the table as Markdown."""
    return f"| {name} | {k_usd:.1f} | {100 * k_usd / best_k_usd:.1f} |"


def history_of(prices: Path, folder: Path) -> History:
    """Build the year with a hashprice that makes a site megawatt-hour worth 80 USD."""
    spec = folder / "spec.toml"
    spec.write_text(SPEC.format(folder=prices.resolve()), encoding="utf-8")
    build(read_spec(spec), BuildOrder(spec_file=spec, out=folder / "history"), lambda *_: None)
    history = read_history(folder / "history")
    fleet = fleet_of(history)
    value = mining_value_usd_per_mwh(np.float64(1.0), fleet.efficiency_j_per_th)[Workload.AIR_MINER]
    pue = pue_of(history.dry_bulb_c[0], history.wet_bulb_c[0], fleet)[0, Workload.AIR_MINER]
    hashprice = WORTH_USD_PER_MWH * float(pue) / float(value)
    return replace(history, hashprice_usd_per_ph_day=sealed(np.full(history.step_count, hashprice)))


def fleet_of(history: History) -> Fleet:
    """Make a fleet of one site with a connection of 1 MW and more miners than that."""
    fleet = fleet_of_history(history)
    units = np.zeros((1, WORKLOAD_COUNT), dtype=np.int64)
    units[0, Workload.AIR_MINER] = 1_000_000
    return replace(fleet, units_count=units, grid_limit_mw=np.ones(1))


def k_usd_per_mw_year(gain_usd: float, history: History) -> float:
    """Scale a gain of 1 MW over the whole history to 365 days [k USD/MW/year]."""
    days = history.step_count / (QUARTERS * HOURS_PER_DAY)
    return gain_usd * DAYS_A_YEAR / days / 1_000.0


def _by_arithmetic(history: History) -> Iterator[tuple[str, float]]:
    """Gains over the load that always runs, by knowledge of prices [USD]."""
    price = history.energy_price_usd_per_mwh[:, 0]
    assert history.day_ahead_usd_per_mwh is not None
    hour = np.repeat(price.reshape(-1, QUARTERS).mean(axis=1), QUARTERS)
    yield "perfect sight of quarters", _saved_usd(price, price > WORTH_USD_PER_MWH)
    yield "perfect sight of hours", _saved_usd(price, hour > WORTH_USD_PER_MWH)
    yield "the last quarter's price", _saved_usd(price, _before(price, 1) > WORTH_USD_PER_MWH)
    yield "the last hour's mean price", _saved_usd(price, _before(hour, QUARTERS) > WORTH_USD_PER_MWH)
    yield "the day-ahead price", _saved_usd(price, history.day_ahead_usd_per_mwh[:, 0] > WORTH_USD_PER_MWH)


def _before(price: Floats, steps: int) -> Floats:
    return np.concatenate([price[:steps], price[:-steps]])


def _saved_usd(price: Floats, stops: Bools) -> float:
    return float(((price - WORTH_USD_PER_MWH) * stops).sum()) / QUARTERS


def _earned_usd(run: Run, history: History, options: argparse.Namespace) -> float:
    """Profit of a backtest over that of the load that always runs [USD]."""
    config = RunConfig(
        fleet=fleet_of(history),
        grid=TimeGrid(start=history.start, tick_minutes=history.step_minutes),
        terms=Terms(carbon_price_usd_per_t=0.0, restart_usd_per_mw=options.restart),
    )
    feed = ReplayFeed(config, history, forecast=run.forecast)
    ticks = history.step_count
    _, world = backtest(config, feed, optimizer_of(run.policy), first_world(config), ticks, horizon_hours=HORIZON_HOURS)
    always_usd = float((WORTH_USD_PER_MWH - history.energy_price_usd_per_mwh).sum()) / QUARTERS
    return world.cash_micro_usd / MICRO_USD_PER_USD - always_usd


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.grain", description=__doc__)
    parser.add_argument("--prices", type=Path, default=PRICES, help="folder of ERCOT's two files")
    parser.add_argument("--restart", type=float, default=0.0, help="cost of a restart, USD per MW")
    parser.add_argument("--runs", nargs="*", help="backtests whose name holds one of these")
    return parser.parse_args()


if __name__ == "__main__":
    main()
