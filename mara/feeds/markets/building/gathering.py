"""Reader of the files that a SPEC names, each read once for all sites."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mara.errors import ConfigError, FeedInvalid
from mara.feeds.markets.building.own_layout import own_layout
from mara.feeds.markets.building.spec import SourceTable
from mara.feeds.markets.declaration import CSV_LAYOUT, Key, Layout, Quantity
from mara.feeds.markets.reading.door import read_rows
from mara.feeds.markets.reading.faces import opened_in, recognised
from mara.feeds.markets.reading.readings import Readings, Wanted
from mara.feeds.markets.reading.rows import MarketSeries
from mara.feeds.markets.reading.selection import CURRENCY_KEY, is_same_point
from mara.feeds.markets.reading.series import series_of
from mara.feeds.markets.reading.sources import sources_of
from mara.feeds.markets.registry import LAYOUTS, layouts_of
from mara.spelling import nearest

OnFile = Callable[[str], None]
MOST_NAMED = 8
"""Most series that a message lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One source of a SPEC, with the quantities that it has to give.

    Attributes:
        where: place in the SPEC, for messages.
        quantities: quantities that its files may hold.
        field: field without which rows do not count, where a file may hold several; else empty.
    """

    where: str
    table: SourceTable
    quantities: tuple[Quantity, ...]
    field: str = ""


@dataclass(slots=True, kw_only=True)
class Reader:
    """Reads the files of a SPEC, and caches their series for further sites.

    Attributes:
        folder: folder of the SPEC, to which file names are relative.
        wanted_points: market points wanted by any source, for each group of sources with the same files.
    """

    folder: Path
    on_file: OnFile
    _groups: dict[tuple[object, ...], tuple[MarketSeries, ...]] = field(default_factory=dict)
    _points: dict[tuple[object, ...], set[str]] = field(default_factory=dict)

    def expect(self, request: Request) -> None:
        """Register a source, so that its point is read with the others of its files."""
        self._points.setdefault(self._group_of(request), set()).add(request.table.point)

    def paths_of(self, request: Request) -> tuple[Path, ...]:
        """The files of a source.

        Raises:
            FeedInvalid: no file matches a pattern.
        """
        found: dict[Path, None] = {}
        for pattern in request.table.files or ():
            there = sorted(self.folder.glob(pattern)) if not Path(pattern).is_absolute() else _absolute(pattern)
            if not there:
                raise FeedInvalid(
                    f"{self.folder / pattern} should be the files of {request.where}, fits none: correct the name"
                )
            found.update(dict.fromkeys(there))
        return tuple(found)

    def series_of(self, request: Request) -> MarketSeries:
        """Read the one series that a source names.

        Raises:
            FeedInvalid: a file cannot be read, or no series or several fit.
            ConfigError: the layout or a key is unknown.
        """
        series = self.all_series_of(request)
        if not series:
            raise FeedInvalid(
                f"{request.where}: the files should have rows of {request.table.point or 'a series'}, have "
                f"{self._points_in(request) or 'none'}: correct the point, or add files"
            )
        return _with_field(chosen(series, request), request)

    def _points_in(self, request: Request) -> str:
        """Name the points of the first file, those first that are spelled most alike."""
        anyone = replace(request, table=request.table.model_copy(update={"point": ""}))
        readings = self._readings(self.paths_of(request)[0], anyone, ("all points",))
        points = sorted({reading.keys[place].point for reading in readings for place in np.unique(reading.series)})
        near = nearest(request.table.point, points)
        first = [near] if near is not None else []
        listed = [*first, *(point for point in points if point not in first)]
        return ", ".join(listed[:MOST_NAMED]) + (
            f" and {len(listed) - MOST_NAMED:,} more" if len(listed) > MOST_NAMED else ""
        )

    def all_series_of(self, request: Request) -> tuple[MarketSeries, ...]:
        """Read all series that any source wants from the files of this one."""
        group = self._group_of(request)
        if group not in self._groups:
            readings = [reading for path in self.paths_of(request) for reading in self._readings(path, request, group)]
            self._groups[group] = series_of(readings)
        return self._groups[group]

    def _readings(self, path: Path, request: Request, group: tuple[object, ...]) -> list[Readings]:
        self.on_file(path.name)
        table = request.table
        points = self._points.get(group, {table.point})
        readings = []
        for source in sources_of(path):
            if table.layout == CSV_LAYOUT:
                assert table.csv is not None
                layout, sheet = opened_in(
                    source, [own_layout(table.csv, request.quantities[0], request.where, request.field)]
                )
            elif table.layout is not None:
                layout, sheet = opened_in(source, layouts_of(table.layout))
            else:
                layout, sheet = recognised(source, LAYOUTS, request.quantities)
            _refuse_other(layout, request, source.name)
            as_of_s = int(table.as_of.timestamp()) if table.as_of is not None else None
            wanted = Wanted(
                points=() if "" in points else tuple(sorted(points)), keys=picking(layout, table), as_of_s=as_of_s
            )
            readings.append(read_rows(sheet, layout, wanted))
        return readings

    def _group_of(self, request: Request) -> tuple[object, ...]:
        table = request.table
        picks = tuple(sorted(table.key.items()))
        csv = repr((table.csv, request.field)) if table.csv is not None else ""
        return (tuple(table.files or ()), table.layout, csv, table.as_of, picks, request.quantities)


def chosen(series: Sequence[MarketSeries], request: Request) -> MarketSeries:
    """Choose the series that the SPEC or the layout's defaults name.

    Raises:
        FeedInvalid: no series fits, or several do; the message lists them.
    """
    table = request.table
    if not series:
        raise FeedInvalid(
            f"{request.where}: the files should have rows of {table.point or 'a series'}, have none: ask again later, "
            "or correct the point"
        )
    of_point = [one for one in series if not table.point or _has_point(one, table.point)]
    fitting = [one for one in of_point if _has_keys(one, table.key)]
    if len(fitting) > 1:
        fitting = _by_default(fitting, table) or fitting
    if len(fitting) == 1:
        return fitting[0]
    listed = "; ".join(sorted({one.key.name for one in (fitting or series)})[:MOST_NAMED])
    if not fitting:
        raise FeedInvalid(f"{request.where}: the files should have {table.point!r}, have {listed}: correct the point")
    raise FeedInvalid(
        f"{request.where}: one series should fit, these do: {listed}: name the point and its {_apart(fitting)}"
    )


def _with_field(series: MarketSeries, request: Request) -> MarketSeries:
    """The rows that have the field of a request, if it names one."""
    if not request.field:
        return series
    column = series.values.get(request.field)
    if column is None or np.isnan(column).all():
        raise FeedInvalid(
            f"{request.where}: the files should have {request.field}, {series.layout.name} of {series.key.name} has "
            "none of it: name other files"
        )
    return series.taken(~np.isnan(column))


def _by_default(fitting: Sequence[MarketSeries], table: SourceTable) -> list[MarketSeries]:
    """The series with the default value of every key that the SPEC does not give."""
    kept = list(fitting)
    for key in fitting[0].layout.keys:
        if key.default and key.name not in table.key:
            kept = [one for one in kept if dict(one.key.parts).get(key.name) in key.default] or kept
    currency = fitting[0].layout.currency
    if len(kept) > 1 and currency and CURRENCY_KEY not in table.key:
        kept = [one for one in kept if one.key.currency == currency] or kept
    return kept


def _apart(fitting: Sequence[MarketSeries]) -> str:
    """The keys in which the series differ, as text for messages."""
    parts = [dict(one.key.parts) for one in fitting]
    apart = [name for name in parts[0] if len({part.get(name) for part in parts}) > 1]
    if len({one.key.currency for one in fitting}) > 1:
        apart.append(CURRENCY_KEY)
    return " and ".join(apart) or "keys"


def _has_point(one: MarketSeries, point: str) -> bool:
    aliases = {alias.casefold(): name for alias, name in one.layout.aliases}
    asked = aliases.get(point.strip().casefold(), point)
    return is_same_point(one.key.point, asked) or any(is_same_point(name, asked) for name in one.key.also)


def _has_keys(one: MarketSeries, asked: dict[str, str]) -> bool:
    parts = dict(one.key.parts)
    for key in one.layout.keys:
        if key.is_identity and key.name in asked and parts.get(key.name) != _meant(key, asked[key.name]):
            return False
    return asked.get(CURRENCY_KEY, one.key.currency).upper() == one.key.currency


def _meant(key: Key, text: str) -> str:
    return next((group[0] for group in key.same if text in group), text)


def picking(layout: Layout, table: SourceTable) -> dict[str, str]:
    """The keys that a source of the SPEC gives.

    Raises:
        ConfigError: the layout has no such key.
    """
    known = {key.name for key in layout.keys} | {CURRENCY_KEY}
    unknown = sorted(table.key.keys() - known)
    if unknown:
        raise ConfigError(
            f"{unknown[0]!r} should be a field of a source or a key of the layout {layout.id} "
            f"({', '.join(sorted(known))}), is none: correct it"
        )
    return table.key


def _refuse_other(layout: Layout, request: Request, name: str) -> None:
    if layout.quantity not in request.quantities:
        raise FeedInvalid(
            f"{name} should hold {' or '.join(request.quantities)} for {request.where}, is {layout.name} with "
            f"{layout.quantity}: name other files"
        )


def _absolute(pattern: str) -> list[Path]:
    path = Path(pattern)
    return sorted(path.parent.glob(path.name))
