"""Day-ahead price zones, and the hour up to which their prices are published."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import numpy as np

from mara.core.arrays import Ints
from mara.core.fleet import Site
from mara.core.timegrid import zone
from mara.core.units import SECONDS_PER_HOUR

DAY_AHEAD_WORDS: Final = frozenset({"day ahead", "dayahead", "dam", "pld", "jepx"})
"""Words of a price zone whose prices are set by an auction on the day before.

Case and separators do not matter: ``Day-Ahead``, ``day_ahead`` and ``DAM`` all count.
"""
REAL_TIME_WORDS: Final = frozenset({"real time", "realtime", "rtm", "rtd", "rt", "dispatch", "intraday", "balancing"})
"""Words of a price zone whose price is known only once its hour has begun.

A zone with words of neither kind counts as real-time too.
"""
SITES_SHOWN: Final = 3
QUIET_BEFORE_END_H: Final = 14
"""Hours before the end of the known prices in which a new publication may come.

Between a publication and that moment nothing changes, so those hours need not be looked up one by one.
"""
PUBLICATION_LOCAL_HOUR: Final = 13
"""Local hour from which the prices of the next local day are known.

Europe's coupled auction publishes preliminary results at 12:45 CET, ERCOT's about 13:30 local time. Each site goes by
its own clock, also one that trades on an auction in another time zone.

Source: IBEX, 2021-05-26,
https://ibex.bg/2021/05/26/starting-with-17-june-2021-new-operational-timings-to-be-applied-for-daily-market-coupling-process/
"""

GATE_CLOSURE_LOCAL_HOUR: Final = 10
"""Local hour at which the auction of the next day closes in other markets.

These are the markets that `GATE_CLOSURES_LOCAL_HOUR` does not name.

Source: ERCOT Nodal Protocols 4.4.4 and 4.5.1, day-ahead bids until 10:00, https://www.ercot.com/mktrules/nprotocols
"""
GATE_CLOSURES_LOCAL_HOUR: Final[Mapping[str, int]] = MappingProxyType(
    {
        "ercot": 10,
        # 10:00 Pacific: CAISO BPM for Market Operations 2.3, http://content.caiso.com/training/Day-Ahead_Market_Overview
        "caiso": 10,
        # 11:00 Eastern, 10:00 in its Central part: PJM Manual 11, 2.3. From 2016-04 on it was 10:30 Eastern:
        # http://insidelines.pjm.com/tariff-changes-align-gas-and-electric-day-ahead-markets
        "pjm": 10,
        # 10:30 Eastern, 09:30 Central: https://help.misoenergy.org/knowledgebase/article/KA-01016/en-us
        "miso": 9,
        # 05:00 Eastern, 04:45 with fuel prices: NYISO tariff MST 4.2.1.1,
        # https://nyisoviewer.etariff.biz/viewerdoclibrary/Filing/Filing1427/1427FilingSections/MST%204.2%20FID1427%20clean_22645.htm
        "nyiso": 5,
        # 10:30 Eastern since 2020, 10:00 before: docket ER20-2521,
        # https://vdocument.in/2020-07-27-july-27-2020-via-etariff-filing-the-honorable-kimberly-d-bose.html
        "isone": 10,
        "iso ne": 10,
        # 09:30 Central since 2016: https://rtowww.com/24495-spp-moving-to-9-30-day-ahead-close
        "spp": 9,
    }
)
"""Local hours at which auctions close, by a word of the price zone, rounded down.

Each site goes by its own clock; the hour is right for the westernmost site of a market. Too early is in time.
"""


def gate_closure_local_hour(price_zone: str) -> int:
    """Find the local hour at which the day-ahead auction of a price zone closes."""
    words = _words_of(price_zone)
    return min(
        (hour for market, hour in GATE_CLOSURES_LOCAL_HOUR.items() if market in words), default=GATE_CLOSURE_LOCAL_HOUR
    )


def is_day_ahead(price_zone: str) -> bool:
    """Tell by a zone's name whether its prices are published a day ahead."""
    return bool(_words_of(price_zone) & DAY_AHEAD_WORDS)


def known_ahead(sites: Sequence[Site], price_known: Sequence[str]) -> tuple[bool, ...]:
    """Tell for each site if its prices are published a day ahead (S,).

    Args:
        price_known: `day_ahead` or `real_time` by site, as a history says it; empty where the price zones decide.
    """
    if price_known:
        return tuple(known == "day_ahead" for known in price_known)
    return tuple(is_day_ahead(site.price_zone) for site in sites)


def market_note(sites: Iterable[Site], price_known: Sequence[str] = ()) -> str:
    """Write one line about the sites whose price zone names no known market.

    Empty where every zone names a day-ahead or a real-time market, or the history says when prices are known.
    """
    if price_known:
        return ""
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
    """Split a zone's name into lower-case words and pairs of neighbouring words."""
    words = re.split(r"[^a-z0-9]+", price_zone.casefold())
    return {*words, *(f"{one} {next_one}" for one, next_one in pairwise(words))}


def published_until_hours(first: int, end: int, timezone: str) -> Ints:
    """Return `published_until_hour` of each of the hours ``[first, end)`` (N,)."""
    until = np.empty(end - first, dtype=np.int64)
    hour = first
    while hour < end:
        known = published_until_hour(hour, timezone)
        same_until = max(hour + 1, known - QUIET_BEFORE_END_H)
        until[hour - first : same_until - first] = known
        hour = same_until
    return until


@lru_cache(maxsize=65_536)
def published_until_hour(hour: int, timezone: str) -> int:
    """Return the first hour whose day-ahead price is still unknown at `hour`.

    Both are counted from 1970 UTC. The answer is the local midnight that ends today, or the one that ends tomorrow once
    the auction's result has been published.
    """
    local = datetime.fromtimestamp(hour * SECONDS_PER_HOUR, UTC).astimezone(zone(timezone))
    days = 2 if local.hour >= PUBLICATION_LOCAL_HOUR else 1
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(days=days)
    return int(midnight.timestamp()) // SECONDS_PER_HOUR
