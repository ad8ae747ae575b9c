"""An import desk over a folder of its own, with a file of two months of prices."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mara.assembly.imports import builder
from mara.assembly.imports.desk import ImportDesk
from mara.assembly.imports.folder import ImportFolder
from tests.feeds.markets import writers_europe as eu
from tests.feeds.markets.rows import Row, rows_of

FIRST = date(2024, 3, 1)
DAYS = 40
PRICES = "Day-ahead_prices_202410.csv"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class SetClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def pass_days(self, days: int) -> None:
        self.at += timedelta(days=days)

    def monotonic_s(self) -> float:
        return self.at.timestamp()


def prices(days: int = DAYS) -> list[Row]:
    return rows_of("Europe/Berlin", FIRST, days, 60)


def price_bytes(days: int = DAYS) -> bytes:
    """A price file in the layout of SMARD: whole days, across a change of the clock."""
    return eu.smard_english(prices(days))[PRICES]


def desk_in(root: Path, clock: SetClock | None = None, most_bytes: int = 1_000_000) -> ImportDesk:
    root.mkdir(parents=True, exist_ok=True)
    return ImportDesk(ImportFolder(root=root, most_bytes=most_bytes), clock or SetClock())  # type: ignore[arg-type]


class InThisProcess:
    """Job of the import desk that runs in the test's process, with the same messages."""

    def __init__(self, _: str, target: Any, args: tuple[Any, ...], *, hear: Any, **__: Any) -> None:
        self._target, self._args, self._hear = target, args, hear

    def start(self) -> None:
        self._target(self, *self._args)

    def send(self, message: tuple[str, Any]) -> None:
        self._hear(self, *message)

    def close(self) -> None:
        """Do nothing, because nothing is open."""

    def end(self) -> None:
        """Do nothing, because the work has ended already."""


def build_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build histories in this process, before the call that orders them returns."""
    monkeypatch.setattr(builder, "SpawnedWork", InThisProcess)
    monkeypatch.setattr(builder, "step_back", lambda: None)


async def chunks(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for first in range(0, len(content), size):
        yield content[first : first + size]


def draft(**changes: object) -> dict[str, object]:
    """A filled-in form for the file of prices; the changes apply to its one site."""
    site = {
        "id": "berlin",
        "name": "Berlin",
        "country": "Germany",
        "lat": "52.5",
        "lon": "13.4",
        "timezone": "Europe/Berlin",
        "price": {"series": {"files": [PRICES], "layout": "smard", "point": "Germany/Luxembourg", "key": {}}},
        "day_ahead": None,
        "carbon": {"constant": 380, "beside": 0.45},
        "weather": {"constant": 14, "beside": 11},
        **changes,
    }
    return {"step_minutes": 60, "usd_per": {"EUR": 1.08}, "sites": [site], "bitcoin": {"constant": 50}}
