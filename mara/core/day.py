"""Sums of the UTC day under way, carried on from tick to tick in the world."""

from dataclasses import dataclass, field
from typing import Final

from mara.core.arrays import LATER

NOT_BEGUN: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Sums since `first_tick`: the first of the day, of the run, or of counting days.

    Attributes:
        cash_micro_usd, refused_count, day_ahead_micro_usd: of the world when the day began, the last of its gains.
        booked_count, ended_count, moved_count: contracts that came, that went, and moves between sites.
        rested_count, rest_ticks: times scheduled off that are over, and their ticks together.
        hottest_c, dearest_usd_per_mwh: the highest of the day, looked at hourly, at `hottest_site` and `dearest_site`.
    """

    first_tick: int = NOT_BEGUN
    cash_micro_usd: int = 0
    refused_count: int = 0
    booked_count: int = 0
    ended_count: int = 0
    moved_count: int = 0
    rested_count: int = 0
    rest_ticks: int = 0
    hottest_c: float = -274.0
    hottest_site: int = 0
    dearest_usd_per_mwh: float = -1e9
    dearest_site: int = 0
    day_ahead_micro_usd: int = field(default=0, metadata=LATER)
