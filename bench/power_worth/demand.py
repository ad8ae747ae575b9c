"""Demand of ERCOT's system in 2024: its day-ahead forecast, and a drawn course around it."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_HOUR
from mara.errors import FeedInvalid

FILE: Final = "demand_forecast_and_temperature.csv"
DAY_ERROR_SD_SHARE: Final = 0.02
HOUR_ERROR_SD_SHARE: Final = 0.005
"""Error of a day-ahead forecast: of a day as a whole, and of each hour beside it. Chosen."""
MOST_MISSING_HOURS: Final = 1
"""Longest gap of the published forecast that is bridged by a straight line: 2024 has one hour without a value."""


def demand_by_hour(folder: Path, start: datetime, hours: int) -> Floats:
    """Read the day-ahead forecast of the system's demand, by hour from `start` on [MW].

    Raises:
        FeedInvalid: an hour is missing for longer than is bridged.
    """
    known: dict[int, float] = {}
    with (folder / FILE).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["interval_start_utc"]).astimezone(UTC)
            if row["da_demand_forecast_mw"]:
                known[int((at - start).total_seconds()) // SECONDS_PER_HOUR] = float(row["da_demand_forecast_mw"])
    found = np.array(sorted(hour for hour in known if 0 <= hour < hours))
    gaps = np.diff(np.concatenate([[-1], found, [hours]])) - 1
    if gaps.max() > MOST_MISSING_HOURS:
        raise FeedInvalid(
            f"{FILE} should have every hour from {start:%Y-%m-%d %H:%M} UTC on, has none for {gaps.max()} in a row: "
            "is it another year's?"
        )
    return np.interp(np.arange(hours), found, [known[int(hour)] for hour in found])


def drawn_demand_mw(forecast_mw: Floats, seed: int) -> Floats:
    """Draw a course of demand around its forecast: each day is off as a whole, and each hour a little."""
    draw, count = np.random.default_rng(seed), len(forecast_mw)
    days = -(-count // HOURS_PER_DAY)
    of_day = np.repeat(draw.normal(0.0, DAY_ERROR_SD_SHARE, days), HOURS_PER_DAY)[:count]
    return np.asarray(forecast_mw * (1.0 + of_day + draw.normal(0.0, HOUR_ERROR_SD_SHARE, count)))
