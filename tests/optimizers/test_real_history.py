"""A year of real prices: the break-even baseline equals a spreadsheet's figures.

Rules earn more than it.
"""

import csv
import gzip
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mara.core.finance import EnergyLine, Line
from mara.core.fleet import MINERS, RACKS, Fleet
from mara.core.sla import opened
from mara.core.timegrid import TimeGrid
from mara.core.world import RunConfig, first_world
from mara.feeds.files.history import History
from mara.feeds.files.history_fleet import fleet_of_history
from mara.feeds.replay import ReplayFeed
from mara.optimizers.base import Optimizer
from mara.optimizers.rules.rules import Rules
from mara.optimizers.rules.static import Static
from mara.runtime.backtest import backtest, pooled_contracts

YEAR = datetime(2023, 1, 1, tzinfo=UTC)
YEAR_HOURS, QUARTER_HOURS = 8_760, 90 * 24


def charter_of(fleet: Fleet) -> RunConfig:
    return RunConfig(fleet=fleet, grid=TimeGrid(start=YEAR, tick_minutes=60))


def spreadsheet(folder: Path, fleet: Fleet) -> dict[str, float]:
    """Figures of 2023 with miners off above break-even, without any code of Mara.

    They are mining revenue, IT energy, power and carbon cost.
    """
    with (folder / "bitcoin_daily.csv").open() as file:
        hashprice = {row["date"]: float(row["hashprice_usd_per_ph_day"]) for row in csv.DictReader(file)}
    mw = dict(zip(fleet.site_ids, fleet.nameplate_mw[:, MINERS].tolist(), strict=True))
    totals = {"mining": 0.0, "mwh": 0.0, "power": 0.0, "carbon": 0.0}
    with gzip.open(folder / "history.csv.gz", "rt") as file:
        assert file.read(len("timestamp_utc,")) == "timestamp_utc,", "lines begin with their year"
        file.seek(0)
        for row in csv.DictReader(line for line in file if line.startswith(("timestamp_utc", "2023"))):
            dry, wet = float(row["dry_bulb_c"]), min(float(row["wet_bulb_c"]), float(row["dry_bulb_c"]))
            price, carbon = float(row["price_usd_per_mwh"]), float(row["carbon_g_per_kwh"]) * 50 / 1_000
            pues = (
                1.06 + 0.004 * max(0, dry - 18) + 0.02 * max(0, dry - 27),
                1.08 + 0.006 * max(0, wet - 15),
                1.03 + 0.002 * max(0, dry - 25) + 0.01 * max(0, dry - 40),
            )
            left = (0 if dry >= 47 else 1 - min(max(dry - 35, 0), 10) / 100, 1, 1)
            for pue, share, joules, size in zip(pues, left, (17.5, 16.0, 13.5), mw[row["site_id"]], strict=True):
                value = hashprice[row["timestamp_utc"][:10]] / (0.024 * joules)
                if value >= pue * (price + carbon):
                    totals["mining"] += size * share * value
                    totals["mwh"] += size * share
                    totals["power"] += size * share * pue * price
                    totals["carbon"] += size * share * pue * carbon
    return totals


def test_break_even_mining_over_a_year_is_what_a_spreadsheet_makes_of_the_file(
    real_history: History, history_dir: Path
) -> None:
    if not (history_dir / "history.csv.gz").is_file():
        pytest.skip("the spreadsheet reads history.csv.gz")
    own = fleet_of_history(real_history)
    units = own.units_count.copy()
    units[:, RACKS] = 0
    config = charter_of(replace(own, units_count=units))
    feed = ReplayFeed(config, real_history)
    totals, _ = backtest(config, feed, Static(breakeven=True), first_world(config), YEAR_HOURS, horizon_hours=1)
    lines, mining_wh = totals.lines_micro_usd, -int(totals.site_energy_wh[:, EnergyLine.MINING].sum())
    expected = spreadsheet(history_dir, config.fleet)
    assert lines[Line.MINING] / 1e6 == pytest.approx(expected["mining"], rel=1e-6)
    assert mining_wh / 1e6 == pytest.approx(expected["mwh"], rel=1e-6)
    assert -lines[Line.ENERGY] / 1e6 == pytest.approx(expected["power"], rel=1e-6)
    assert -lines[Line.CARBON] / 1e6 == pytest.approx(expected["carbon"], rel=1e-6)


def profit_usd(optimizer: Optimizer, history: History) -> float:
    config = charter_of(fleet_of_history(history))
    world = opened(first_world(config), pooled_contracts(config, 0.75, QUARTER_HOURS), config)
    feed = ReplayFeed(config, history, forecast="day-ahead")
    totals, _ = backtest(config, feed, optimizer, world, QUARTER_HOURS, horizon_hours=24)
    profit = totals.report()["profit_usd"]
    assert isinstance(profit, float)
    return profit


def test_rules_beat_an_always_on_fleet_by_more_than_five_percent_and_break_even_alone_does_most_of_it(
    real_history: History,
) -> None:
    static, breakeven, rules = (profit_usd(o, real_history) for o in (Static(), Static(breakeven=True), Rules()))
    assert rules > 1.05 * static
    assert static < breakeven < rules
