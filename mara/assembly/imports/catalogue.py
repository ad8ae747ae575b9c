"""Histories that can be run: those that come with Mara, and those built here."""

import csv
import gzip
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mara.core.units import SECONDS_PER_MINUTE
from mara.feeds.day_ahead import is_day_ahead
from mara.feeds.files.history import SITES_FILE
from mara.feeds.files.history_provenance import PROVENANCE_FILE
from mara.feeds.files.shipped_histories import ShippedHistory, shipped_histories
from mara.feeds.markets.building.folder import FILE_OF, Format

TIME_FORMAT: Final = "%Y-%m-%dT%H:%MZ"
LICENCE_COLUMN: Final = "licence"
DAY_AHEAD_COLUMN: Final = "day_ahead_usd_per_mwh"
_TABLE_ROW: Final = re.compile(r"^\|(.*)\|\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCard:
    """The facts about a history by which one is chosen.

    Attributes:
        name: of its folder.
        run_as: value of the form's field `History`, which says nothing of places on the server.
        markets: market of each site.
        until: end of the period, exclusive.
        has_two_prices: some site has a day-ahead price beside its real-time one.
        licences: of its sources, without repeats.
    """

    name: str
    run_as: str
    title: str
    is_shipped: bool
    sites: tuple[str, ...]
    markets: tuple[str, ...]
    from_: datetime
    until: datetime
    step_minutes: int
    has_two_prices: bool
    licences: tuple[str, ...]


def shipped_cards() -> tuple[HistoryCard, ...]:
    """Describe the histories that come with Mara."""
    return tuple(_shipped_card(shipped) for shipped in shipped_histories())


def built_cards(folder: Path) -> tuple[HistoryCard, ...]:
    """Describe the histories in a folder; one that is half there is left out."""
    cards = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        with suppress(OSError, ValueError, KeyError, TypeError):
            cards.append(_built_card(path))
    return tuple(cards)


def _shipped_card(shipped: ShippedHistory) -> HistoryCard:
    sites, markets = _places(shipped.folder)
    from_, until, step_minutes = _period(shipped.folder)
    return HistoryCard(
        name=shipped.name,
        run_as=shipped.name,
        title=shipped.title,
        is_shipped=True,
        sites=sites,
        markets=markets,
        from_=from_,
        until=until,
        step_minutes=step_minutes,
        has_two_prices=DAY_AHEAD_COLUMN in _columns(shipped.folder) and bool(_real_time_sites(shipped.folder)),
        licences=_licences_in(shipped.licences),
    )


def _built_card(folder: Path) -> HistoryCard:
    told = json.loads((folder / PROVENANCE_FILE).read_text(encoding="utf-8"))
    sites, markets = _places(folder)
    return HistoryCard(
        name=folder.name,
        run_as=folder.name,
        title=", ".join(sites),
        is_shipped=False,
        sites=sites,
        markets=markets,
        from_=_time(told["from"]),
        until=_time(told["to"]),
        step_minutes=int(told["step_minutes"]),
        has_two_prices=not _real_time_sites(folder).isdisjoint(
            source["id"] for source in told["sites"] if "day_ahead" in source
        ),
        licences=_unique(_licences_of([*told["sites"], told["bitcoin"]])),
    )


def _places(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and markets of the sites."""
    with (folder / SITES_FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return tuple(row["name"] for row in rows), tuple(row["price_zone"] for row in rows)


def _real_time_sites(folder: Path) -> set[str]:
    """Ids of the sites whose price is not known a day ahead."""
    with (folder / SITES_FILE).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["site_id"]
        for row in rows
        if (row.get("price_known") or ("day_ahead" if is_day_ahead(row["price_zone"]) else "")) != "day_ahead"
    }


def _columns(folder: Path) -> list[str]:
    """Header of a history's rows."""
    with gzip.open(folder / FILE_OF[Format.CSV], "rt", encoding="utf-8") as file:
        return file.readline().strip().split(",")


def _period(folder: Path) -> tuple[datetime, datetime, int]:
    """Begin, end and step of a history, read from its stamps."""
    first = second = last = ""
    with gzip.open(folder / FILE_OF[Format.CSV], "rt", encoding="utf-8") as file:
        next(file)
        for line in file:
            last = line[: line.index(",")]
            first = first or last
            second = second or (last if last != first else "")
    begin, after, newest = (datetime.fromisoformat(text).astimezone(UTC) for text in (first, second, last))
    step: timedelta = after - begin
    return begin, newest + step, round(step.total_seconds() / SECONDS_PER_MINUTE)


def _licences_in(readme: str) -> tuple[str, ...]:
    """Licences of a README's table: the first words of each cell below `licence`."""
    rows = [[cell.strip() for cell in row.split("|")] for row in _TABLE_ROW.findall(readme)]
    header = next((row for row in rows if LICENCE_COLUMN in row), None)
    if header is None:
        return ()
    place = header.index(LICENCE_COLUMN)
    cells = [row[place] for row in rows[rows.index(header) + 1 :] if len(row) > place]
    return _unique(re.split(r"[:;]", cell)[0].strip() for cell in cells if cell.strip("- "))


def _licences_of(sources: Iterable[Any]) -> list[str]:
    found: list[str] = []
    for source in sources:
        if isinstance(source, dict):
            licence = source.get(LICENCE_COLUMN)
            found += [licence] if isinstance(licence, str) and licence else _licences_of(source.values())
    return found


def _time(text: str) -> datetime:
    return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
