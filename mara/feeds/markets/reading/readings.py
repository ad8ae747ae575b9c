"""The rows of one file as UTC half-open intervals of series."""

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
        also: other names of the point.
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
    """The points, keys and editions that are read of a file.

    Attributes:
        points: any of the names of the points; none for all points.
        keys: values asked for, by the name of the key; `currency` among them.
        as_of_s: editions published later are not read [UTC seconds].
    """

    points: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    as_of_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """Rows of one file; rows without any value are not among them.

    Attributes:
        keys: the series; `series` are places in it (N,).
        begin_s, end_s: of each interval, UTC, half-open (N,); both the stamp where a row alone does not tell its step.
        values: by field (N,), NaN where the row has none.
        lines: of each row in the file, from 1 (N,).
        vintage: a later edition has a larger one (N,).
        absent: rows that had a stamp and no value.
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
