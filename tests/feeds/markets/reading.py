"""Readers for tests: the layout is found by the header, all files read together."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mara.feeds.markets.reading.door import read_rows
from mara.feeds.markets.reading.faces import recognised_each
from mara.feeds.markets.reading.readings import Readings, Wanted
from mara.feeds.markets.reading.rows import MarketSeries
from mara.feeds.markets.reading.series import Fill, Window, series_of, whole
from mara.feeds.markets.reading.sources import sources_of
from mara.feeds.markets.registry import LAYOUTS
from tests.feeds.markets.cases import Case
from tests.feeds.markets.writers_europe import Files


def readings_of(paths: Iterable[Path]) -> list[Readings]:
    found = []
    for path in paths:
        for source in sources_of(path):
            found += [read_rows(sheet, layout, Wanted()) for layout, sheet in recognised_each(source, LAYOUTS)]
    return found


def written(folder: Path, files: Files) -> list[Path]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def of_case(series: Iterable[MarketSeries], case: Case) -> MarketSeries:
    """Read the one series of a case."""
    found = [one for one in series if _fits(one, case.point, case.parts, case.currency)]
    assert len(found) == 1, [one.key for one in found]
    return found[0]


def read_whole(paths: Iterable[Path], case: Case, fill: Fill = Fill.NONE) -> MarketSeries:
    """Read the series of a case, in which every local day must be complete."""
    readings = [reading for reading in readings_of(paths) if reading.layout.id == case.layout]
    return whole(of_case(series_of(readings), case), Window(), fill)


def _fits(one: MarketSeries, point: str, parts: Mapping[str, str], currency: str | None) -> bool:
    own = dict(one.key.parts)
    return (
        one.key.point == point
        and all(own.get(name) == value for name, value in parts.items())
        and currency in {None, one.key.currency}
    )
