"""Records of series in the order of time, with the file and line of each row."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mara.core.arrays import Bools, Floats, Ints
from mara.errors import FeedInvalid
from mara.feeds.markets.declaration import Layout
from mara.feeds.markets.reading.clocks import utc_text
from mara.feeds.markets.reading.readings import SeriesKey
from mara.feeds.markets.reading.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A period without values between two intervals, and the row that follows."""

    from_s: int
    to_s: int
    row: int

    @property
    def text(self) -> str:
        """Begin and end of the gap, for messages and reports."""
        return f"{utc_text(self.from_s)} to {utc_text(self.to_s)}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketSeries:
    """One series in the order of time, from one or several files.

    Attributes:
        begin_s, end_s: half-open interval of each row, in UTC seconds (N,).
        values: values by field (N,).
        sources: the files read.
        file, lines: index of each row's file in `sources`, and its line there (N,).
        repeats: count of equal rows that were left out.
        revisions: count of rows that a later edition replaced.
        absent: count of rows with a stamp and no value, over all series read together.
        filled: gaps that were filled.
    """

    key: SeriesKey
    layout: Layout
    begin_s: Ints
    end_s: Ints
    values: Mapping[str, Floats]
    sources: tuple[Source, ...]
    file: Ints
    lines: Ints
    repeats: int = 0
    revisions: int = 0
    absent: int = 0
    filled: tuple[Gap, ...] = ()

    @property
    def day_zone(self) -> str:
        """Time zone whose local days are checked and named in messages."""
        return self.layout.day_zones[0] if self.layout.day_zones else self.layout.clock.zone

    def refusal(self, row: int, text: str) -> FeedInvalid:
        """Make an error that names a row's file and line."""
        return self.sources[int(self.file[row])].refusal(f"{text} [{self.key.name}]", int(self.lines[row]))

    def taken(self, rows: Ints | Bools) -> "MarketSeries":
        """Return a copy with only the chosen rows, given as indices or as a mask (N,)."""
        return replace(
            self,
            begin_s=self.begin_s[rows],
            end_s=self.end_s[rows],
            values={name: column[rows] for name, column in self.values.items()},
            file=self.file[rows],
            lines=self.lines[rows],
        )
