"""Which prices are published a day ahead, and until when they are known at a given hour."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final

from mara.core.fleet import Site
from mara.core.timegrid import zone
from mara.core.units import SECONDS_PER_HOUR

DAY_AHEAD_WORDS: Final = frozenset({"day ahead", "dayahead", "dam", "pld", "jepx"})
"""A price zone with one of these words, in any letters and joined in any way, is auctioned the day before."""
REAL_TIME_WORDS: Final = frozenset({"real time", "realtime", "rtm", "rtd", "rt", "dispatch", "intraday", "balancing"})
"""Likewise, one whose price is known when its hour is there. A zone without either counts as one of these."""
SITES_SHOWN: Final = 3
PUBLICATION_LOCAL_HOUR: Final = 13
"""From this local hour on, the next local day's prices are known.

The European auction publishes at 12:45 to 13:00 CET, ERCOT's and CAISO's at 13:00 to 13:30 local time.
"""


def is_day_ahead(price_zone: str) -> bool:
    """Whether the prices of this zone are published a day ahead."""
    return bool(_words_of(price_zone) & DAY_AHEAD_WORDS)


def market_note(sites: Iterable[Site]) -> str:
    """One line on the sites whose price zone says of neither market that it is theirs; empty where all do."""
    silent = [site for site in sites if not _words_of(site.price_zone) & (DAY_AHEAD_WORDS | REAL_TIME_WORDS)]
    if not silent:
        return ""
    shown = ", ".join(f"{site.id} {site.price_zone!r}" for site in silent[:SITES_SHOWN])
    more = f" and {len(silent) - SITES_SHOWN:,} more" if len(silent) > SITES_SHOWN else ""
    return (
        f"the price zone says of no market that is known, so that prices count as real-time: {shown}{more}; "
        "write day-ahead (or DAM, PLD, JEPX) where they are published the day before, else real-time"
    )


def _words_of(price_zone: str) -> set[str]:
    """The words of a zone's name in small letters, and each two that follow each other."""
    words = re.split(r"[^a-z0-9]+", price_zone.casefold())
    return {*words, *(f"{one} {next_one}" for one, next_one in pairwise(words))}


@lru_cache(maxsize=65_536)
def published_until_hour(hour: int, timezone: str) -> int:
    """The first hour whose day-ahead price is still unknown in the hour `hour`, both counted from 1970 UTC.

    That is local midnight after today, or after tomorrow once the auction has been published.
    """
    local = datetime.fromtimestamp(hour * SECONDS_PER_HOUR, UTC).astimezone(zone(timezone))
    days = 2 if local.hour >= PUBLICATION_LOCAL_HOUR else 1
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(days=days)
    return int(midnight.timestamp()) // SECONDS_PER_HOUR
