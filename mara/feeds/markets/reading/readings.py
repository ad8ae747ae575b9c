"""Records of one file's rows: half-open UTC intervals of series."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mara.core.arrays import Floats, Ints
from mara.feeds.markets.declaration import Layout
from mara.feeds.markets.reading.sources import Source


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """Identity of a series: its market point, further keys and currency.

    Attributes:
        parts: names and values of the layout's further keys, such as (`sequence`, `1`).
        also: further names of the point.
    """

    point: str
    parts: tuple[tuple[str, str], ...] = ()
    currency: str = ""
    also: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """Describe the series for messages: point, further keys and currency."""
        said = [self.point or "(the only series)", *(f"{name} {value}" for name, value in self.parts), self.currency]
        return ", ".join(filter(None, said))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Selection of the points, keys and editions to read from a file.

    Attributes:
        points: wanted points by any of their names; empty for all points.
        keys: wanted values by name of the key, `currency` among them.
        as_of_s: time after which published editions are ignored [UTC seconds].
    """

    points: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    as_of_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """Rows of one file that have a value.

    Attributes:
        keys: identities of the series.
        series: index of each row's series in `keys` (N,).
        begin_s, end_s: half-open interval of each row, in UTC seconds (N,); both are the stamp where a row alone does
            not tell its step.
        values: values by field (N,), NaN where the row has none.
        lines: line of each row in the file, from 1 (N,).
        vintage: order of the editions, larger for later ones (N,).
        absent: count of rows with a stamp and no value.
    """

    layout: Layout
    source: Source
    keys: tuple[SeriesKey, ...]
    series: Ints
    begin_s: Ints
    end_s: Ints
    values: Mapping[str, Floats]
    lines: Ints
    vintage: Ints
    absent: int = 0
