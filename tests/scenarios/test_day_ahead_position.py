"""A run that buys power day-ahead, from the history's folder to the ledger, through a stop in the middle of a day."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mara.assembly.runs import open_run
from mara.errors import ConfigError
from mara.runtime.replay_check import replayed
from mara.runtime.tick.engine import simulate
from mara.settings import Settings, read_settings
from mara.store import maintenance
from mara.store.read.read_model import ReadModel
from mara.store.read.table_file import write_export
from tests.cli.console import ran

FIRST = datetime(2024, 5, 1, 5, tzinfo=UTC)
"""Midnight in Dallas."""
DAYS = 17
START_DAY = 14
TICKS = 50
STOP = 40
"""The tick at which the run stops: four in the afternoon of a day with a position, orders for the next are held."""


def made_folder(folder: Path, *, with_auction: bool = True) -> Path:
    """A history of one site: real time is 8 USD/MWh and three quarters of the auction's price, and a little noise."""
    folder.mkdir()
    draw = np.random.default_rng(5)
    ahead = np.round(35.0 + 15.0 * np.sin(np.arange(24 * DAYS) * np.pi / 12) + draw.normal(0.0, 6.0, 24 * DAYS), 2)
    price = np.round(8.0 + 0.75 * ahead + draw.normal(0.0, 3.0, 24 * DAYS), 2)
    names = ["timestamp_utc", "site_id", "price_usd_per_mwh", "carbon_g_per_kwh", "renewable_share", "dry_bulb_c"]
    names += ["wet_bulb_c", *(["day_ahead_usd_per_mwh"] if with_auction else [])]
    rows: list[list[Any]] = [
        [f"{FIRST + timedelta(hours=h):%Y-%m-%dT%H:%M:%SZ}", "dal", price[h], 0, 0.3, 20, 12][
            : len(names) - with_auction
        ]
        + ([ahead[h]] if with_auction else [])
        for h in range(24 * DAYS)
    ]
    site: list[list[Any]] = [
        ["dal", "Dallas", "United States", 32.8, -96.8, "America/Chicago", "ERCOT HB_HUBAVG", "real_time"]
    ]
    header = ["site_id", "name", "country", "lat", "lon", "timezone", "price_zone", "price_known"]
    days: list[list[Any]] = [[f"{FIRST + timedelta(days=d):%Y-%m-%d}", 55] for d in range(DAYS + 1)]
    for name, lines in (
        ("history.csv", [names, *rows]),
        ("sites.csv", [header, *site]),
        ("bitcoin_daily.csv", [["date", "hashprice_usd_per_ph_day"], *days]),
    ):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(lines)
    return folder


def settings_of(folder: Path, database: Path, position: str = "planned") -> Settings:
    return read_settings(
        {},
        {
            "history": folder,
            "database_url": f"sqlite:///{database}",
            "start": (FIRST + timedelta(days=START_DAY)).isoformat(),
            "tick_minutes": 60,
            "optimizer": "rules",
            "day_ahead_position": position,
        },
    )


def run(settings: Settings, *parts: int) -> int:
    """Advance by some ticks, closed and opened anew between them; returns the cash."""
    cash_micro_usd = 0
    for ticks in parts:
        store, engine = open_run(settings)
        simulate(engine, store, ticks)
        store.close()
        cash_micro_usd = engine.world.cash_micro_usd
    return cash_micro_usd


def exported(database: Path, table: str, folder: Path) -> list[dict[str, str]]:
    reading = ReadModel.open(f"sqlite:///{database}")
    write_export(reading, table, "csv", folder / f"{table}.csv")  # type: ignore[arg-type]
    reading.close()
    with (folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Bought:
    """A history with two prices, and a run that bought day-ahead on it."""

    folder: Path
    database: Path
    cash_micro_usd: int


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Bought:
    folder = made_folder(tmp_path_factory.mktemp("bought") / "history")
    database = folder.parent / "mara.db"
    return Bought(folder, database, run(settings_of(folder, database), TICKS))


def test_a_run_that_stops_in_mid_day_keeps_its_position_and_ends_with_the_same_ledger(
    bought: Bought, tmp_path: Path
) -> None:
    whole, parts = bought.database, tmp_path / "parts.db"
    assert run(settings_of(bought.folder, parts), STOP, TICKS - STOP) == bought.cash_micro_usd
    positions = exported(parts, "positions", tmp_path)
    assert positions == exported(whole, "positions", tmp_path)
    ticks = {int(row["tick"]) for row in positions}
    assert 24 <= min(ticks) < STOP <= max(ticks)  # the first orders are for the second day
    reading = ReadModel.open(f"sqlite:///{parts}")
    assert [replayed(reading, reading.run().run_id, t).differs for t in (9, STOP - 1, STOP, TICKS - 1)] == [()] * 4
    reading.close()
    assert maintenance.check(f"sqlite:///{parts}").findings == ()


def test_a_position_adds_its_gain_to_what_the_run_earns_and_nothing_else(bought: Bought, tmp_path: Path) -> None:
    without = tmp_path / "without.db"
    more = bought.cash_micro_usd - run(settings_of(bought.folder, without, "none"), TICKS)
    legs, as_ever = (
        {(row["tick"], row["kind"], row["tier"]): int(row["amount"]) for row in exported(database, "ledger", tmp_path)}
        for database in (bought.database, without)
    )
    gains = {leg: amount for leg, amount in legs.items() if leg[1] == "day_ahead"}
    assert sum(gains.values()) == more != 0
    assert {leg: amount for leg, amount in legs.items() if leg not in gains and leg[1] != "cash"} == {
        leg: amount for leg, amount in as_ever.items() if leg[1] != "cash"
    }


def test_a_backtest_tells_what_the_run_would_have_earned_without(bought: Bought) -> None:
    start = (FIRST + timedelta(days=START_DAY)).isoformat()
    order = ("backtest", "--history", str(bought.folder), "--optimizer", "rules", "--from", start, "--json")
    told, plain = (ran(*order, "--day-ahead", which).report for which in ("planned", "none"))
    assert plain["day_ahead"] is None
    assert told["day_ahead"]["position_mwh"] > 0.0
    assert told["day_ahead"]["profit_without_usd"] == plain["profit_usd"]
    gain_usd = told["profit_usd"] - plain["profit_usd"]
    assert told["day_ahead"]["gain_usd"] == pytest.approx(gain_usd, abs=1e-4)
    assert plain["cost_usd"]["energy"] - told["cost_usd"]["energy"] == pytest.approx(gain_usd, abs=1e-4)


def test_positions_are_refused_where_there_are_not_two_prices(tmp_path: Path) -> None:
    folder = made_folder(tmp_path / "history", with_auction=False)
    with pytest.raises(ConfigError, match=r"history has no site with both: give such a history, or set"):
        open_run(settings_of(folder, tmp_path / "mara.db"))
    with pytest.raises(ConfigError, match="a synthetic world has one price"):
        open_run(settings_of(folder, tmp_path / "mara.db").model_copy(update={"history": None}))
    assert not (tmp_path / "mara.db").exists()


def test_an_unknown_policy_of_positions_is_refused_by_the_name_of_its_option() -> None:
    with pytest.raises(ConfigError, match=r"^--day-ahead should be 'none' or 'planned'; came 'all'"):
        read_settings({}, {"day_ahead_position": "all"})
