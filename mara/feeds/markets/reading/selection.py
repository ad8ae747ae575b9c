"""Selection of the wanted rows of a file, and assignment of rows to series."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mara.core.arrays import Ints
from mara.feeds.markets.declaration import Key, Layout
from mara.feeds.markets.reading.headers import CURRENCIES_BY_SIGN, Block, position_of
from mara.feeds.markets.reading.readings import SeriesKey, Wanted
from mara.feeds.markets.reading.sheets import Batch
from mara.feeds.markets.reading.texts import canonical

AREA_MARK = "|"
"""Separator between the kind of an area and its name, as in `BZN|DE-LU`."""
CURRENCY_KEY = "currency"


def is_same_point(name: str, asked: str) -> bool:
    """True if a point's name is the one asked for, with or without its kind of area."""
    one, other = name.strip().casefold(), asked.strip().casefold()
    if AREA_MARK not in other:
        one = one.rpartition(AREA_MARK)[2]
    return one == other


class Selection:
    """Decides once for each combination of key texts, and numbers the wanted series."""

    def __init__(self, names: Sequence[str], layout: Layout, wanted: Wanted) -> None:
        self._layout, self._wanted = layout, wanted
        aliases = {alias.casefold(): name for alias, name in layout.aliases}
        self._asked = [aliases.get(point.strip().casefold(), point) for point in wanted.points]
        self._points = [place for name in layout.point if (place := position_of(names, name)) is not None]
        found = ((key, position_of(names, key.column)) for key in layout.keys)
        self._keys: list[tuple[Key, int]] = [(key, place) for key, place in found if place is not None]
        currency = position_of(names, layout.currency_column) if layout.currency_column else None
        self._currency = [currency] if currency is not None else []
        self.places = [*self._points, *(place for _, place in self._keys), *self._currency]
        self._numbers: dict[SeriesKey, int] = {}
        self._judged: dict[tuple[str, ...], int] = {}

    @property
    def keys(self) -> tuple[SeriesKey, ...]:
        """The wanted series found so far, by number."""
        return tuple(self._numbers)

    def series_of(self, batch: Batch, block: Block | None) -> tuple[Ints, Ints]:
        """Number the series of the wanted rows of a batch; also return their indices (N,).

        Args:
            block: the column of values whose name contains the point or the currency; None where rows do.
        """
        combined, texts = _combinations([batch.columns[place] for place in self.places], len(batch.lines))
        named = (block.point, block.currency) if block is not None else ("", self._layout.currency)
        numbers = np.array([self._number_of((*named, *cells)) for cells in texts], np.int64)
        series = numbers[combined]
        keep = np.flatnonzero(series >= 0)
        return series[keep], keep

    def _number_of(self, cells: tuple[str, ...]) -> int:
        number = self._judged.get(cells)
        if number is None:
            key = self._key_of(cells)
            number = -1 if key is None else self._numbers.setdefault(key, len(self._numbers))
            self._judged[cells] = number
        return number

    def _key_of(self, cells: tuple[str, ...]) -> SeriesKey | None:
        """Identify the series of a combination of texts; None where it is not wanted."""
        said_point, said_currency, *rest = (cell.strip() for cell in cells)
        points = rest[: len(self._points)]
        values = rest[len(self._points) : len(self._points) + len(self._keys)]
        currency = (rest[-1].upper() if self._currency else "") or said_currency
        currency = CURRENCIES_BY_SIGN.get(currency, currency)
        names = [said_point, *points] if said_point else points
        if self._asked and names and not any(is_same_point(name, asked) for name in names for asked in self._asked):
            return None
        asked_currency = self._wanted.keys.get(CURRENCY_KEY, "")
        if asked_currency and currency and currency != asked_currency.upper():
            return None
        parts = []
        for (key, _), text in zip(self._keys, values, strict=True):
            value = canonical(text, key.same)
            asked = self._wanted.keys.get(key.name)
            if asked is not None and value != canonical(asked, key.same):
                return None
            if asked is None and not key.is_identity and key.default and value not in key.default:
                return None
            if key.is_identity:
                parts.append((key.name, value))
        return SeriesKey(point=names[0] if names else "", parts=tuple(parts), currency=currency, also=tuple(names[1:]))


def _combinations(columns: Sequence[Any], count: int) -> tuple[Ints, list[tuple[str, ...]]]:
    """Number the different combinations of texts in columns: by row, and their texts."""
    if not columns:
        return np.zeros(count, np.int64), [()]
    combined: Ints = np.zeros(count, np.int64)
    texts: list[tuple[str, ...]] = [()]
    for column in columns:
        encoded = column.dictionary_encode()
        words = [str(word) for word in encoded.dictionary.to_pylist()] or [""]
        wide = combined * len(words) + encoded.indices.to_numpy(zero_copy_only=False)
        found, combined = np.unique(wide, return_inverse=True)
        texts = [(*texts[number // len(words)], words[number % len(words)]) for number in found.tolist()]
    return combined, texts
