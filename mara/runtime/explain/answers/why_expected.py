"""Answers about prices to come, from the forecast behind the plan in force."""

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
    hour_ends_s = starts_s - starts_s % SECONDS_PER_HOUR + SECONDS_PER_HOUR
    rows = np.flatnonzero((hour_ends_s > first_s) & (starts_s < (end_s if end_s is not None else np.inf)))
    if not rows.size:
        last = f"{forecast.at[-1]:%H:%M} UTC on {forecast.at[-1].day} {forecast.at[-1]:%b %Y}"
        return unstored(
            question, f"The forecast in force reaches to the hour of {last}: beyond it no price is expected."
        )
    prices = np.array(forecast.energy_price_usd_per_mwh)[rows]
    sites = question.sites or _extreme_sites(question, prices)
    facts, made = Facts(), history.when(forecast.made_tick)
    end = grid.tick_at(forecast.at[int(rows[-1])]) + grid.ticks_per_hour
    span = span_text(history, max(grid.tick_at(forecast.at[int(rows[0])]), history.last_tick + 1), end)
    lines = [f"By the forecast of the plan in force, made at {made}, for {span}:"]
    for site in sites[:MOST_SITES_TOLD]:
        name = history.name(site)
        prices_text = _prices_text(facts, name, prices[:, site], span)
        lines.append(f"{name} {prices_text}; {_source(facts, forecast, rows, site, name)}.")
    return told(question, history, lines, facts, min(forecast.made_tick, history.last_tick), sites[0])


def _prices_text(facts: Facts, name: str, prices: np.ndarray, span: str) -> str:
    """Tell the mean, least and highest of a site's expected prices."""
    mean, low, high = (
        facts.told(f"{kind}_usd_per_mwh", f"{kind.capitalize()} expected price at {name}, {span}", float(value))
        for kind, value in (("mean", prices.mean()), ("least", prices.min()), ("highest", prices.max()))
    )
    return f"{mean} on average, {low} to {high} by the hour"


def _source(facts: Facts, forecast: ForecastSnapshot, rows: np.ndarray, site: int, name: str) -> str:
    """Say how many of the hours are published, and that the others are guessed."""
    if not forecast.published_hours:
        return "guessed from the last day, as nothing is known of publications"
    published = int((rows < forecast.published_hours[site]).sum())
    if published == len(rows):
        return "these prices are published already"
    if not published:
        return "guessed from the last known day, as they are not published yet"
    hours = facts.told("published_count", f"Hours published at {name}", published)
    every = facts.told("hours_count", f"Hours asked about at {name}", len(rows))
    return f"published for {hours} of {every} hours, guessed from the last known day for the others"


def _extreme_sites(question: Question, prices: np.ndarray) -> tuple[int, ...]:
    """Order all sites by mean price: cheapest first if asked for, else dearest first."""
    mean = prices.mean(axis=0)
    is_least = asks_for_least(question.nameless, Figure.PRICE)
    return tuple(int(site) for site in np.argsort(mean if is_least else -mean, kind="stable"))
