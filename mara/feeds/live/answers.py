"""Answers of providers read in their layouts, to the columns that the feed uses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.errors import FeedInvalid
from mara.feeds.live.journal import ToldValues
from mara.feeds.live.sources import QUANTITY_OF, LiveSource, Part
from mara.feeds.markets.building.bitcoin import LEAST_BELIEVABLE_USD_PER_PH_DAY
from mara.feeds.markets.building.columns import (
    BOUNDS,
    CARBON,
    DAY_AHEAD,
    DRY_BULB,
    PRICE,
    RENEWABLE,
    WET_BULB,
)
from mara.feeds.markets.building.gathering import Request, chosen, picking
from mara.feeds.markets.building.money import DOLLAR, Rates, refuse_unbelievable
from mara.feeds.markets.building.surroundings import wet_bulb_of
from mara.feeds.markets.declaration import Kind, Layout
from mara.feeds.markets.reading.clocks import wall_clock
from mara.feeds.markets.reading.documents import records_of
from mara.feeds.markets.reading.door import read_rows
from mara.feeds.markets.reading.faces import Sheet, opened_in
from mara.feeds.markets.reading.readings import Readings, Wanted
from mara.feeds.markets.reading.rows import MarketSeries
from mara.feeds.markets.reading.series import refuse_overlaps, series_of
from mara.feeds.markets.reading.sources import Source, sources_of

HASHPRICE: Final = "hashprice_usd_per_ph_day"
NETWORK: Final = "network_hashes_per_s"
BTC_USD: Final = "btc_usd"
FURTHEST_S: Final = 20 * 86_400
"""Most time between an answer and the days that it tells of."""


def read_answer(
    files: Mapping[str, bytes], sources: Iterable[LiveSource], at_s: float, rates: Rates
) -> dict[str, ToldValues | str]:
    """Read an answer's files for each source; a text says why there are no values.

    Args:
        files: content by file name.
        at_s: the present [UTC seconds]; values far from it are of the wrong day.
    """
    found: dict[str, ToldValues | str] = {}
    with TemporaryDirectory(prefix="mara-feed-") as folder:
        paths = [Path(folder) / name.replace("/", "_") for name in files]
        for path, content in zip(paths, files.values(), strict=True):
            path.write_bytes(content)
        for source in sources:
            try:
                found[source.name] = _values_of(source, _series_of(source, paths), at_s, rates)
            except FeedInvalid as error:
                found[source.name] = str(error).replace(f"{folder}/", "")
    return found


def _series_of(source: LiveSource, paths: Sequence[Path]) -> tuple[MarketSeries, ...]:
    table = source.table
    readings: list[Readings] = []
    for path in paths:
        for file in sources_of(path):
            layout, sheet = _opened(file, source.provider.layouts)
            points = (table.point,) if table.point else ()
            as_of_s = int(table.as_of.timestamp()) if table.as_of is not None else None
            wanted = Wanted(points=points, keys=picking(layout, table), as_of_s=as_of_s)
            readings.append(read_rows(sheet, layout, wanted))
    return series_of(readings)


def _opened(file: Source, layouts: Sequence[Layout]) -> tuple[Layout, Sheet]:
    """Open an answer in a layout of its provider.

    Raises:
        FeedInvalid: it is in none; for JSON the message says what is missing in it.
    """
    try:
        return opened_in(file, layouts)
    except FeedInvalid:
        if layouts[0].form.kind is Kind.JSON and file.head().lstrip()[:1] in {b"{", b"["}:
            records_of(file, layouts[0].form)
        raise


def _values_of(source: LiveSource, series: Sequence[MarketSeries], at_s: float, rates: Rates) -> ToldValues:
    if source.part is Part.FX:
        return _rates_told(series)
    # an answer about the one point that was asked for does not always repeat its name
    table = source.table if any(one.key.point for one in series) else source.table.model_copy(update={"point": ""})
    request = Request(where=source.name, table=table, quantities=(QUANTITY_OF[source.part],))
    one = chosen(series, request)
    refuse_overlaps(one)
    near = (one.end_s > at_s - FURTHEST_S) & (one.begin_s < at_s + FURTHEST_S)
    if source.part is not Part.HASHPRICE and not near.any():
        raise one.refusal(-1, "should tell of days around the present, does not: is it an old answer? ask again later")
    one = one if source.part is Part.HASHPRICE else one.taken(near)
    columns = _READERS[source.part](source, one, rates)
    _refuse_beyond(one, columns)
    return ToldValues(begin_s=one.begin_s, end_s=one.end_s, columns=columns)


def _refuse_beyond(series: MarketSeries, columns: Mapping[str, Floats]) -> None:
    for name, values in columns.items():
        low, high = BOUNDS.get(name, (-np.inf, np.inf))
        bad = np.flatnonzero((values < low) | (values > high))
        if bad.size:
            raise series.refusal(
                int(bad[0]), f"{name} should be {low:g} to {high:g}, is {values[bad[0]]:g}: is it in another unit?"
            )


def _prices(source: LiveSource, series: MarketSeries, rates: Rates) -> dict[str, Floats]:
    currency = series.key.currency
    refuse_unbelievable(series, currency, trusts_units=False)
    price = series.values["price"]
    if currency != DOLLAR:
        price = price * rates.usd_per(currency, wall_clock(source.timezone).days_of(series.begin_s))
    return {PRICE if source.part is Part.PRICE else DAY_AHEAD: price}


def _carbon(source: LiveSource, series: MarketSeries, rates: Rates) -> dict[str, Floats]:
    del source, rates
    return {name: series.values[name] for name in (CARBON, RENEWABLE) if name in series.values}


def _weather(source: LiveSource, series: MarketSeries, rates: Rates) -> dict[str, Floats]:
    del source, rates
    dry = series.values[DRY_BULB]
    wet = wet_bulb_of(dry, series.values)
    return {DRY_BULB: dry, **({WET_BULB: wet} if wet is not None else {})}


def _hashes(source: LiveSource, series: MarketSeries, rates: Rates) -> dict[str, Floats]:
    del source, rates
    if HASHPRICE not in series.values:
        return {NETWORK: series.values[NETWORK]}
    price = series.values[HASHPRICE]
    if float(price.max()) < LEAST_BELIEVABLE_USD_PER_PH_DAY:
        raise series.refusal(-1, f"the hashprice is at most {price.max():g}, which looks like USD/TH/day")
    return {HASHPRICE: price}


def _btc_usd(source: LiveSource, series: MarketSeries, rates: Rates) -> dict[str, Floats]:
    del source, rates
    if not (series.values[BTC_USD] > 0.0).all():
        raise series.refusal(-1, "the price of a bitcoin should be above 0, is not")
    return {BTC_USD: series.values[BTC_USD]}


def _rates_told(series: Sequence[MarketSeries]) -> ToldValues:
    """Rates of all currencies [units for one euro], a column for each."""
    begin_s = np.unique(np.concatenate([one.begin_s for one in series]))[-_RATES_KEPT:]
    columns = {}
    for one in series:
        kept = one.taken(one.begin_s >= begin_s[0])
        column = np.full(len(begin_s), np.nan)
        column[np.searchsorted(begin_s, kept.begin_s)] = kept.values["per_eur"]
        if not np.isnan(column).all():
            columns[one.key.point] = column
    return ToldValues(begin_s=begin_s, end_s=begin_s + 86_400, columns=columns)


_RATES_KEPT: Final = 30
"""Days of exchange rates that are kept of an answer with all years."""
Columns = Callable[[LiveSource, MarketSeries, Rates], dict[str, Floats]]
_READERS: Final[Mapping[Part, Columns]] = {
    Part.PRICE: _prices,
    Part.DAY_AHEAD: _prices,
    Part.CARBON: _carbon,
    Part.WEATHER: _weather,
    Part.HASHPRICE: _hashes,
    Part.BTC_USD: _btc_usd,
}


def rates_told(told: ToldValues | None, constant: Mapping[str, float]) -> Rates:
    """Make exchange rates to the US dollar of what their source told.

    Args:
        constant: US dollars per unit of each currency that has a fixed rate.
    """
    if told is None:
        return Rates(constant=dict(constant), days=np.zeros(0, np.int64), per_eur={})
    days = told.begin_s // 86_400
    return Rates(constant=dict(constant), days=days, per_eur=dict(told.columns), file="the exchange rates")
