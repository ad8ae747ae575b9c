"""History of the key figures over the last day, for charts and changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from components.shared.view_model import Channel, Row
from mara.core.snapshot import SeriesPoint, Snapshot
from mara.core.units import SECONDS_PER_DAY

MOST_POINTS: Final = 600  # of a trace on screen
BUCKET_S: Final = 900
"""Time [s] between points of a small chart; each is the newest value in its span."""
MOST_BUCKETS: Final = SECONDS_PER_DAY // BUCKET_S + 1
FIGURES: Final = ("profit", "revenue", "power", "cooling", "renewable", "contracts")
"""Keys of the values in `KeyFigureHistory.figures`."""
DECIMALS: Final = {"profit": 0, "revenue": 0, "power": 1, "cooling": 4, "renewable": 4, "contracts": 4}
"""Decimals to which values are rounded, so that small changes are not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigureHistory:
    """Points of the key figures by epoch seconds, the oldest first.

    `money` holds revenue and profit, `figures` a value for each of FIGURES that was recorded.
    """

    money: Channel = field(default_factory=dict)
    figures: Channel = field(default_factory=dict)

    def after(self, snapshot: Snapshot) -> "KeyFigureHistory":
        """Return this history with the newest snapshot as the last point."""
        return KeyFigureHistory(
            money=_newest(self.money | money_channel([snapshot]), MOST_POINTS),
            figures=_last_day(self.figures | {_bucket_of(snapshot.at): figures_of(snapshot)}),
        )

    def before(
        self, series: Sequence[SeriesPoint], courses: Mapping[str, Iterable[tuple[datetime, float]]] | None = None
    ) -> "KeyFigureHistory":
        """Return this history preceded by stored money and stored other FIGURES.

        Points that this history has already are kept.
        """
        stored: Channel = {}
        money: dict[str, Iterable[tuple[datetime, float]]] = {
            "profit": [(point.at, point.profit_usd_per_h) for point in series],
            "revenue": [(point.at, point.revenue_usd_per_h) for point in series],
        }
        for figure, course in {**money, **(courses or {})}.items():
            for at, value in course:
                values = stored.setdefault(_bucket_of(at), {})
                assert isinstance(values, dict)
                values[figure] = round(value, DECIMALS[figure])
        return KeyFigureHistory(
            money=_newest(money_channel(series) | self.money, MOST_POINTS),
            figures=_last_day(stored | self.figures),
        )


def money_channel(series: Iterable[SeriesPoint | Snapshot]) -> Channel:
    """Return points of revenue and profit by epoch seconds, the newest snapshot's too."""
    return {
        str(int(point.at.timestamp())): {
            "revenue": round(point.revenue_usd_per_h),
            "profit": round(point.profit_usd_per_h),
        }
        for point in series
    }


def figures_of(snapshot: Snapshot) -> Row:
    """Return the rounded key figures; "contracts" only where one has a target."""
    kept, live = contracts_on_target(snapshot)
    values = {
        "profit": snapshot.profit_usd_per_h,
        "revenue": snapshot.revenue_usd_per_h,
        "power": snapshot.site_power_mw,
        "cooling": snapshot.cooling_efficiency_share,
        "renewable": snapshot.renewable_share,
        **({"contracts": kept / live} if live else {}),
    }
    return {figure: round(value, DECIMALS[figure]) for figure, value in values.items()}


def contracts_on_target(snapshot: Snapshot) -> tuple[int, int]:
    """Return how many live contracts meet their target, and how many have one.

    Spot is promised nothing.
    """
    tiers = [tier for tier in snapshot.tiers if tier.target_share > 0.0]
    return sum(tier.on_target_count or 0 for tier in tiers), sum(tier.contracts_count for tier in tiers)


def _bucket_of(at: datetime) -> str:
    epoch_s = int(at.timestamp())
    return str(epoch_s - epoch_s % BUCKET_S)


def _newest(points: Channel, most: int) -> Channel:
    return dict(list(points.items())[-most:])


def _last_day(points: Channel) -> Channel:
    """Return the points of the last day in order of time."""
    if not points:
        return points
    newest_s = max(int(at) for at in points)
    return {at: points[at] for at in sorted(points, key=int) if int(at) >= newest_s - SECONDS_PER_DAY}
