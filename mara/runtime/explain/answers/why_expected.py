"""Answers about prices to come, from the forecast behind the plan in force."""

from datetime import UTC, datetime
from typing import Final

import numpy as np

from mara.core.explanation import Explanation, Facts
from mara.core.snapshot import ForecastSnapshot
from mara.core.units import SECONDS_PER_HOUR
from mara.runtime.explain.answers.telling import span_text, told, unstored
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory
from mara.runtime.explain.topics import Figure, asks_for_least

MOST_SITES_TOLD: Final = 4
NO_FORECAST: Final = (
    "No forecast is at hand: prices to come are told by a running server, and on the command line by the run's feed."
)
ONLY_PRICES: Final = (
    "Of the time to come only the expected price of power is told: everything else is not foretold here."
)


def prices_expected(question: Question, history: RunHistory, forecast: ForecastSnapshot | None) -> Explanation:
    """Tell the prices that the forecast in force expects, and which are published."""
    if question.metric is not Figure.PRICE:
        return unstored(question, ONLY_PRICES)
    if forecast is None:
        return unstored(question, NO_FORECAST)
    grid, asked = history.grid, question.tick_range
    is_ahead = asked.is_stated and asked.end_tick > history.last_tick + 1
    first_s = grid.epoch_s(max(asked.first_tick, history.last_tick + 1) if is_ahead else history.last_tick + 1)
    end_s = grid.epoch_s(asked.end_tick) if is_ahead else None
    starts_s = np.array([int(at.timestamp()) for at in forecast.at])
    last_s = int(starts_s[-1]) - int(starts_s[-1]) % SECONDS_PER_HOUR + SECONDS_PER_HOUR
    ends_s = np.append(starts_s[1:], max(last_s, int(starts_s[-1]) + 1))
    rows = np.flatnonzero((ends_s > first_s) & (starts_s < (end_s if end_s is not None else np.inf)))
    if not rows.size:
        last = f"{forecast.at[-1]:%H:%M} UTC on {forecast.at[-1].day} {forecast.at[-1]:%b %Y}"
        return unstored(
            question, f"The forecast in force reaches to the hour of {last}: beyond it no price is expected."
        )
    prices = np.array(forecast.energy_price_usd_per_mwh)[rows]
    hours = (ends_s - starts_s)[rows] / SECONDS_PER_HOUR
    sites = question.sites or _extreme_sites(question, prices, hours)
    facts, made = Facts(), history.when(forecast.made_tick)
    end = grid.tick_at(datetime.fromtimestamp(int(ends_s[rows[-1]]), UTC))
    span = span_text(history, max(grid.tick_at(forecast.at[int(rows[0])]), history.last_tick + 1), end)
    lines = [f"By the forecast of the plan in force, made at {made}, for {span}:"]
    for site in sites[:MOST_SITES_TOLD]:
        name = history.name(site)
        is_published = rows < forecast.published_count[site] if forecast.published_count else None
        prices_text = _prices_text(facts, name, prices[:, site], hours, span)
        lines.append(f"{name} {prices_text}; {_source(facts, name, is_published, hours)}.")
    if end_s is not None and end_s > int(ends_s[-1]):
        lines.append("The forecast reaches no further: no price is expected for the rest of the time asked about.")
    return told(question, history, lines, facts, min(forecast.made_tick, history.last_tick), sites[0])


def _prices_text(facts: Facts, name: str, prices: np.ndarray, hours: np.ndarray, span: str) -> str:
    """Tell the mean, least and highest of a site's expected prices."""
    mean, low, high = (
        facts.told(f"{kind}_usd_per_mwh", f"{kind.capitalize()} expected price at {name}, {span}", float(value))
        for kind, value in (
            ("mean", np.average(prices, weights=hours)),
            ("least", prices.min()),
            ("highest", prices.max()),
        )
    )
    return f"{mean} on average, {low} to {high} by the hour"


def _source(facts: Facts, name: str, is_published: np.ndarray | None, hours: np.ndarray) -> str:
    """Say how many of the hours are published, and that the others are guessed."""
    if is_published is None:
        return "guessed from the last day, as nothing is known of publications"
    if is_published.all():
        return "these prices are published already"
    if not is_published.any():
        return "guessed from the last known day, as they are not published yet"
    published = facts.told("published_count", f"Hours published at {name}", float(hours[is_published].sum()))
    every = facts.told("hours_count", f"Hours asked about at {name}", float(hours.sum()))
    return f"published for {published} of {every} hours, guessed from the last known day for the others"


def _extreme_sites(question: Question, prices: np.ndarray, hours: np.ndarray) -> tuple[int, ...]:
    """Order all sites by mean price: cheapest first if asked for, else dearest first."""
    mean = np.average(prices, axis=0, weights=hours)
    is_least = asks_for_least(question.nameless, Figure.PRICE)
    return tuple(int(site) for site in np.argsort(mean if is_least else -mean, kind="stable"))
