"""Imitated dashboard of ERCOT: quarter-hour prices up to now, in its JSON."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

ZONE: Final = ZoneInfo("America/Chicago")
QUARTER: Final = timedelta(minutes=15)
PUBLISHED_AFTER: Final = timedelta(minutes=1)
"""Time from the end of a quarter to its price."""
ADDED_USD_PER_MWH: Final = {
    "hbHubAvg": 0.0,
    "hbNorth": 0.5,
    "lzNorth": 1.0,
    "lzSouth": 2.0,
    "lzHouston": 4.0,
    "lzWest": -3.0,
}
"""Hubs and load zones, and how their prices differ."""
USUAL_USD_PER_MWH: Final = 30.0
DAILY_USD_PER_MWH: Final = 8.0
DEAR_USD_PER_MWH: Final = 180.0
"""Price on top in every second quarter, so that a plan soon switches."""
FOUND, UNKNOWN = 200, 404


class ImitatedDashboard:
    """An interface that tells the prices of this day, every second quarter a dear one."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.fault = ""
        self._now = now

    def answer(self, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, object]:
        """Tell the prices of the day's quarters that are over."""
        del headers
        if body is not None or not path.endswith("/systemWidePrices.json"):
            return UNKNOWN, {"error": "no such report"}
        now = self._now().astimezone(ZONE)
        over = int((now - PUBLISHED_AFTER).timestamp() // QUARTER.total_seconds())
        # Just after midnight the day has no quarter yet, and the last one of yesterday stands.
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        first = min(over - 1, int(midnight.timestamp() // QUARTER.total_seconds()))
        return FOUND, {"lastUpdated": stamp(now), "rtSppData": [row(quarter) for quarter in range(first, over)]}


def row(quarter: int) -> dict[str, object]:
    """Return the prices of a quarter, by its number since 1970."""
    end = datetime.fromtimestamp((quarter + 1) * QUARTER.total_seconds(), ZONE)
    price = price_usd_per_mwh(quarter)
    points = {point: round(price + added, 2) for point, added in ADDED_USD_PER_MWH.items()}
    return {"timestamp": stamp(end), "dstFlag": "N", **points}


def price_usd_per_mwh(quarter: int) -> float:
    """Return the price of a quarter, which a day's course and nothing else decides."""
    daily = DAILY_USD_PER_MWH * math.sin(2.0 * math.pi * (quarter % 96) / 96.0)
    return round(USUAL_USD_PER_MWH + daily + (DEAR_USD_PER_MWH if quarter % 2 else 0.0), 2)


def stamp(at: datetime) -> str:
    """Return an instant as the dashboard writes it."""
    return f"{at:%Y-%m-%d %H:%M:%S%z}"
