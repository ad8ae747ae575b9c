"""A history folder of one site with two prices, and runs on it that buy day-ahead."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from mara.assembly.runs import open_run
from mara.runtime.tick.engine import simulate
from mara.settings import Settings, read_settings
from tests.store.databases import url_of

FIRST = datetime(2024, 5, 1, 5, tzinfo=UTC)
"""Midnight in Dallas."""
DAYS = 17
START_DAY = 14


def made_folder(folder: Path, *, with_auction: bool = True, steps_an_hour: int = 1) -> Path:
    """Write a history of one site with a day-ahead and a real-time price.

    Real time is 8 USD/MWh and three quarters of the auction's price, and a little noise. In finer steps the hour's
    price varies around its mean; the auction's price is that of the hour.
    """
    folder.mkdir()
    draw = np.random.default_rng(5)
    ahead = np.round(35.0 + 15.0 * np.sin(np.arange(24 * DAYS) * np.pi / 12) + draw.normal(0.0, 6.0, 24 * DAYS), 2)
    price = np.round(8.0 + 0.75 * ahead + draw.normal(0.0, 3.0, 24 * DAYS), 2)
    if steps_an_hour > 1:
        ahead, price = (np.repeat(column, steps_an_hour) for column in (ahead, price))
        price = np.round(price + draw.normal(0.0, 9.0, len(price)), 2)
    step = timedelta(hours=1) / steps_an_hour
    names = ["timestamp_utc", "site_id", "price_usd_per_mwh", "carbon_g_per_kwh", "renewable_share", "dry_bulb_c"]
    names += ["wet_bulb_c", *(["day_ahead_usd_per_mwh"] if with_auction else [])]
    rows: list[list[Any]] = [
        [f"{FIRST + n * step:%Y-%m-%dT%H:%M:%SZ}", "dal", price[n], 0, 0.3, 20, 12][: len(names) - with_auction]
        + ([ahead[n]] if with_auction else [])
        for n in range(len(price))
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


def settings_of(folder: Path, database: Path, position: str = "planned", tick_minutes: int = 60) -> Settings:
    return read_settings(
        {},
        {
            "history": folder,
            "database_url": url_of(database),
            "start": (FIRST + timedelta(days=START_DAY)).isoformat(),
            "tick_minutes": tick_minutes,
            "optimizer": "rules",
            "day_ahead_position": position,
        },
    )


def run(settings: Settings, *parts: int) -> int:
    """Advance by each number of ticks, the database reopened between; return the cash."""
    cash_micro_usd = 0
    for ticks in parts:
        store, engine = open_run(settings)
        simulate(engine, store, ticks)
        store.close()
        cash_micro_usd = engine.world.cash_micro_usd
    return cash_micro_usd
