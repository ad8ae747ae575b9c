"""Tables of the Forecast page: prices to come by site, and live sources."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from components.shared import format as text
from components.shared.live import LiveTable, TableColumn
from components.shared.theme import panel, scroll
from components.shared.view_model import Channel, Row, cell
from mara.core.live_source import SourceSnapshot
from mara.core.snapshot import ForecastSnapshot, Snapshot

SPANS_H: Final = ((0, 1), (1, 3), (3, 6), (6, 12), (12, 24))
"""Hours from now on whose mean prices are shown."""
MOST_SITES: Final = 100
PRICE_COLUMNS: Final = (
    TableColumn(key="site", label="Site"),
    TableColumn(
        key="now",
        label="Now",
        look="number",
        unit="USD/MWh",
        hint="± a stale source: guessed prices are planned dearer by it.",
    ),
    *(
        TableColumn(
            key=f"h{end}",
            label=f"{begin} to {end} h",
            look="number desk" if end in {3, 6} else "number",
            unit="USD/MWh",
            hint="Mean price; ~ where some is a guess.",
        )
        for begin, end in SPANS_H
    ),
    TableColumn(key="low", label="Cheapest", look="number desk", unit="USD/MWh"),
    TableColumn(key="high", label="Dearest", look="number desk", unit="USD/MWh"),
    TableColumn(key="published", label="Published to", look="number", unit="UTC"),
)
SOURCE_COLUMNS: Final = (
    TableColumn(key="source", label="Source"),
    TableColumn(key="provider", label="Asked", look="desk"),
    TableColumn(key="newest", label="Newest value", look="number"),
    TableColumn(key="age", label="Age", look="number desk"),
    TableColumn(key="state", label="State", look="grow"),
)
EVENTS: Final = "events_count"
NO_FORECAST: Final = "No forecast yet: it comes with the next plan."
NOBODY_ASKED: Final = "This world is not live: nobody is asked. MARA_FEED=live asks the sources of a SPEC."


def price_table(first: Channel) -> None:
    """Draw the table that `price_channel` states."""
    how = (
        "As the plan in force expects them. Published prices are known; ~ marks means with guesses in them. "
        "Times are in UTC, unless the preferences say otherwise."
    )
    title = "Prices of the next 24 hours, USD/MWh"
    with panel(title, "", how), scroll("Prices of the next 24 hours by site"):
        LiveTable(
            "prices", columns=PRICE_COLUMNS, caption="Prices of the next 24 hours", empty=NO_FORECAST, first=first
        )


def source_table(first: Channel) -> None:
    """Draw the table that `source_channel` states."""
    how = "What each live source told last, and how old that is. A stale one leaves its last value standing."
    with panel("Live sources", "", how), scroll("Live sources and their age"):
        LiveTable("sources", columns=SOURCE_COLUMNS, caption="Live sources", empty=NOBODY_ASKED, first=first)


def price_channel(snapshot: Snapshot, forecast: ForecastSnapshot | None) -> Channel:
    """Return a row for each site in the fleet's order; empty without a forecast."""
    if forecast is None:
        return {}
    places = range(min(len(snapshot.sites), MOST_SITES))
    return {snapshot.sites[place].id: _site_row(place, snapshot, forecast) for place in places}


def source_channel(sources: Sequence[SourceSnapshot]) -> Channel:
    """Return a row for each live source, the stale ones first."""
    return {source.name: _source_row(rank, source) for rank, source in enumerate(reversed(sources))}


def _site_row(place: int, snapshot: Snapshot, forecast: ForecastSnapshot) -> Row:
    site = snapshot.sites[place]
    known = forecast.published_count[place] if forecast.published_count else 0
    until = forecast.at[known] if 0 < known < len(forecast.at) else None
    rows = [(at, prices[place]) for at, prices in zip(forecast.at, forecast.energy_price_usd_per_mwh, strict=True)]
    ahead = [(at, price) for at, price in rows if at >= snapshot.at]
    risk = forecast.risk_usd_per_mwh[place] if forecast.risk_usd_per_mwh else 0.0
    now = cell(text.number(site.energy_price_usd_per_mwh, 1), note=f"± {text.number(risk, 1)}" if risk > 0.0 else "")
    row: Row = {"rank": -place, "site": site.name, "now": now}
    for begin, end in SPANS_H:
        from_at, to_at = snapshot.at + timedelta(hours=begin), snapshot.at + timedelta(hours=end)
        prices = [price for at, price in ahead if from_at <= at < to_at]
        is_guess = known <= 1 or (until is not None and to_at > until)
        mean = text.number(sum(prices) / len(prices), 1) if prices else text.NOTHING
        row[f"h{end}"] = f"~{mean}" if is_guess and prices else mean
    if ahead:
        low, high = min(ahead, key=lambda one: one[1]), max(ahead, key=lambda one: one[1])
        row["low"] = f"{text.number(low[1], 1)} at {text.utc_time(low[0])}"
        row["high"] = f"{text.number(high[1], 1)} at {text.utc_time(high[0])}"
    row["published"] = "now" if known <= 1 else "24 h" if until is None else text.utc_time(until)
    return row


def _source_row(rank: int, source: SourceSnapshot) -> Row:
    name, number = next(iter(source.values.items()), ("", 0.0))
    unit, factor = _UNITS.get(name, ("", 1.0))
    shown = text.number(number) if name == EVENTS else text.significant(number / factor)
    minutes = source.age_minutes
    return {
        "rank": rank + 1_000 * (source.is_stale or bool(source.reason)),
        "source": source.name.replace("_", "-"),
        "provider": source.provider,
        "newest": f"{shown} {unit}".strip() if name else text.NOTHING,
        "age": text.NOTHING if minutes is None else text.duration(minutes) if minutes >= 1.0 else "present",
        "state": _state_of(source),
    }


def _state_of(source: SourceSnapshot) -> str:
    """Say whether a source is fresh, or since when it told nothing and why."""
    if not source.is_stale:
        return source.reason or "fresh"
    since = f", nothing after {text.utc_moment(source.known_until)}" if source.known_until else ""
    because = f": {source.reason}" if source.reason else ""
    return f"stale{since}{because}"


_UNITS: Final = {
    "price_usd_per_mwh": ("USD/MWh", 1.0),
    "day_ahead_usd_per_mwh": ("USD/MWh", 1.0),
    "carbon_g_per_kwh": ("g/kWh", 1.0),
    "dry_bulb_c": ("°C", 1.0),
    "hashprice_usd_per_ph_day": ("USD/PH/day", 1.0),
    "network_hashes_per_s": ("EH/s", 1e18),
    "btc_usd": ("USD", 1.0),
    EVENTS: ("events", 1.0),
}
"""Unit of each column on the page, and its size in the column's own."""
