"""What a UTC day has brought so far: sums that go on from tick to tick, so that its last tick can tell of the whole."""

from dataclasses import dataclass
from typing import Final

NOT_BEGUN: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Sums since `first_tick`: the day's first, that of the run, or that from which on days are counted.

    Attributes:
        cash_micro_usd, refused_count: of the world when the day began.
        booked_count, ended_count, moved_count: contracts that came, that went, and moves between sites.
        rested_count, rest_ticks: rests that are over, and their ticks together.
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
