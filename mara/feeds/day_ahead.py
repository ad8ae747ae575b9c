"""Which prices are published a day ahead, and until when they are known at a given hour."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from mara.core.timegrid import zone
from mara.core.units import SECONDS_PER_HOUR

DAY_AHEAD_MARKS: Final = ("day-ahead", "DAM", "PLD", "JEPX")
"""A price zone whose name contains one of these is auctioned the day before; every other is real-time."""
PUBLICATION_LOCAL_HOUR: Final = 13
"""From this local hour on, the next local day's prices are known.

The European auction publishes at 12:45 to 13:00 CET, ERCOT's and CAISO's at 13:00 to 13:30 local time.
"""


def is_day_ahead(price_zone: str) -> bool:
    """Whether the prices of this zone are published a day ahead."""
    return any(mark in price_zone for mark in DAY_AHEAD_MARKS)


@lru_cache(maxsize=65_536)
def published_until_hour(hour: int, timezone: str) -> int:
    """The first hour whose day-ahead price is still unknown in the hour `hour`, both counted from 1970 UTC.

    That is local midnight after today, or after tomorrow once the auction has been published.
    """
    local = datetime.fromtimestamp(hour * SECONDS_PER_HOUR, UTC).astimezone(zone(timezone))
    days = 2 if local.hour >= PUBLICATION_LOCAL_HOUR else 1
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(days=days)
    return int(midnight.timestamp()) // SECONDS_PER_HOUR
