"""Time range of a page's charts, as its address states it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from components.shared.view_model import Channel
from mara.core.snapshot import Snapshot
from mara.core.units import SECONDS_PER_HOUR
from mara.errors import CommandError

MOST_POINTS: Final = 600  # of a trace on screen
LIVE_HOURS: Final = {"hour": 1, "day": 24, "week": 168, "month": 720}
"""Length of each range that ends now and goes on with it."""
ALIGNED_HOURS: Final = {"hour": 1, "day": 1, "week": 6, "month": 24}
"""Hours to which a reading's begin is rounded down, so that its buckets stay."""
DEFAULT: Final = "day"
MOST_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRange:
    """Time range of a page's charts: a live one, or one between two moments.

    Attributes:
        name: key of LIVE_HOURS; empty for an own range.
        bounds: begin and end of an own range, in UTC.
    """

    name: str = DEFAULT
    bounds: tuple[datetime, datetime] | None = None

    @property
    def hours(self) -> float:
        """Length of the range."""
        if self.bounds is None:
            return LIVE_HOURS[self.name]
        return (self.bounds[1] - self.bounds[0]) / timedelta(hours=1)

    def to_read(self, now: datetime) -> tuple[datetime, datetime | None]:
        """Return the begin and end of what is read from the archive; None is no bound."""
        if self.bounds is not None:
            return self.bounds
        step_s = ALIGNED_HOURS[self.name] * SECONDS_PER_HOUR
        begin_s = int(now.timestamp()) - LIVE_HOURS[self.name] * SECONDS_PER_HOUR
        return datetime.fromtimestamp(begin_s - begin_s % step_s, UTC), None

    def version(self, snapshot: Snapshot) -> Hashable:
        """Return the tick that a reading depends on; None once the range is past."""
        return snapshot.tick if self.bounds is None or self.bounds[1] > snapshot.at else "past"

    def course(self, read: Channel, seen: Channel, snapshot: Snapshot) -> Channel:
        """Join the points read from the archive with those seen since, within the range.

        Points seen before the last one read are dropped, because the archive's line is complete and the seen points may
        have gaps.
        """
        begin, end = self.bounds or (snapshot.at - timedelta(hours=self.hours), None)
        begin_s, end_s = begin.timestamp(), end.timestamp() if end is not None else float("inf")
        last_s = max(map(int, read), default=0)
        joined = read | {at: values for at, values in seen.items() if int(at) > last_s}
        ordered = sorted((at for at in joined if begin_s <= int(at) < end_s), key=int)
        return {at: joined[at] for at in ordered[-MOST_POINTS:]}


def range_of(query: Mapping[str, str]) -> ChartRange:
    """Read a range from the query of an address; none stated is the newest day.

    Raises:
        CommandError: the query states no range that there is.
    """
    name, from_, to = (query.get(key, "").strip() for key in ("range", "from", "to"))
    if name and (from_ or to):
        raise CommandError("either “range” or “from” and “to” were expected, both came: leave one of them out")
    if from_ or to:
        return _own_range(from_, to)
    if name and name not in LIVE_HOURS:
        said = name[:MOST_CHARACTERS]
        raise CommandError(f"a range of {', '.join(LIVE_HOURS)} was expected, “{said}” came: choose one of them")
    return ChartRange(name=name or DEFAULT)


def _own_range(from_: str, to: str) -> ChartRange:
    begin, end = _moment_of(from_, "from"), _moment_of(to, "to")
    if begin >= end:
        raise CommandError(f"“from” lies before “to”, but {from_} and {to} came: exchange them")
    return ChartRange(name="", bounds=(begin, end))


def _moment_of(text: str, field: str) -> datetime:
    """Read a time of UTC, with or without its zone."""
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        came = f"“{text[:MOST_CHARACTERS]}”" if text else "nothing"
        raise CommandError(f"“{field}” is a time such as 2025-07-01T14:00Z, {came} came: correct it") from None
