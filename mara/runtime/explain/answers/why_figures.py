"""Answers of numbers: a metric of sites or the fleet, extremes, and comparisons."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.explanation import Explanation, Facts
from mara.core.finance import Line
from mara.core.units import HOURS_PER_DAY
from mara.runtime.explain.answers.telling import span_of, span_text, told, too_many_rows, unstored
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory
from mara.runtime.explain.topics import TIME_WORDS, Figure, asks_for_least
from mara.store.read.decisions import ANY_SITE
from mara.store.read.site_sums import SiteSums, site_sums

MOST_RANKED: Final = 3
COMPARED: Final = (Figure.PRICE, Figure.PROFIT, Figure.POWER, Figure.PUE, Figure.CARBON, Figure.AVAILABILITY)
"""Metrics of a comparison that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRule:
    """Computation of a metric: for each site, and for the whole fleet.

    `name` is that of the facts, its unit last; `label` begins a sentence. A value without meaning is NaN.
    """

    name: str
    label: str
    by_site: Callable[[SiteSums], Floats]
    of_fleet: Callable[[SiteSums], float]


def metric_told(question: Question, history: RunHistory) -> Explanation:
    """Tell a metric of the named sites, or of the fleet, in the time asked about."""
    if question.metric is Figure.HASHPRICE:
        return hashprice_told(question, history)
    first, end = span_of(question, history)
    found = _sums(question, history, first, end)
    if isinstance(found, Explanation):
        return found
    metric = question.metric if question.metric is not None else Figure.POWER
    facts, span, sites = Facts(), span_text(history, first, end), question.sites or (FLEET,)
    rules = [RULES[metric], *(RULES[more] for more in _TOLD_WITH.get(metric, ()))]
    lines = [
        f"{_where(history, site)}, from {span}: {_values_text(facts, history, rules, found, site, span)}."
        for site in sites
    ]
    if metric is Figure.CARBON:
        cost_usd = [
            -float(history.decisions.money_usd(first, end, s if s >= 0 else ANY_SITE)[Line.CARBON]) for s in sites
        ]
        shown = [
            facts.told("carbon_cost_usd", f"Cost of carbon, {_where(history, s)}, {span}", usd)
            for s, usd in zip(sites, cost_usd, strict=True)
        ]
        lines.append(f"Carbon cost {' and '.join(shown)} in that time.")
    lines += _missing(facts, found, first, end)
    return told(question, history, lines, facts, end - 1, sites[0])


def ranked(question: Question, history: RunHistory) -> Explanation:
    """Tell at which sites a metric was highest or lowest."""
    first, end = span_of(question, history)
    found = _sums(question, history, first, end)
    if isinstance(found, Explanation):
        return found
    if re.search(rf"\b(?:{TIME_WORDS})\b", question.nameless):
        return dearest_time(question, history)
    metric = question.metric if question.metric is not None else Figure.PROFIT
    is_least = asks_for_least(question.nameless, metric)
    rule, facts, span = (
        RULES[_INTENSITY if metric is Figure.CARBON and is_least else metric],
        Facts(),
        span_text(history, first, end),
    )
    values = rule.by_site(found)
    order = [
        int(site) for site in np.argsort(values if is_least else -values, kind="stable") if np.isfinite(values[site])
    ]
    if not order:
        return unstored(question, f"There is no {rule.label} from {span}: nothing ran.")
    texts = [_value_told(facts, history, rule, found, site, span) for site in order[:MOST_RANKED]]
    extreme = "lowest" if is_least else "highest"
    lines = [f"{history.name(order[0])} had the {extreme} {rule.label} from {span}: {texts[0]}."]
    if len(order) > 1:
        rest = zip(order[1:MOST_RANKED], texts[1:], strict=True)
        lines.append(f"Then came {', '.join(f'{history.name(site)} with {text}' for site, text in rest)}.")
    lines += _missing(facts, found, first, end)
    return told(question, history, lines, facts, end - 1, order[0])


def compared(question: Question, history: RunHistory) -> Explanation:
    """Compare sites, or two periods, by the metric asked for or by the usual ones."""
    metrics = (question.metric,) if question.metric in RULES else COMPARED
    if question.beside is not None:
        return _periods_compared(question, history, metrics)
    first, end = span_of(question, history)
    found = _sums(question, history, first, end)
    if isinstance(found, Explanation):
        return found
    sites, facts, span = (
        question.sites or tuple(range(history.config.fleet.site_count)),
        Facts(),
        span_text(history, first, end),
    )
    lines = [f"From {span}:"]
    for rule in (RULES[metric] for metric in metrics):
        values = [float(rule.by_site(found)[site]) for site in sites]
        known = [(site, value) for site, value in zip(sites, values, strict=True) if np.isfinite(value)]
        texts = [f"{history.name(s)} {_value_told(facts, history, rule, found, s, span)}" for s, _ in known]
        lines.append(f"{_titled(rule.label)}: {', '.join(texts)}{_gap(facts, history, rule, known, span)}.")
    lines += _missing(facts, found, first, end)
    return told(question, history, lines, facts, end - 1, sites[0])


def hashprice_told(question: Question, history: RunHistory) -> Explanation:
    """Tell the hashprice as it was observed in the tick asked about."""
    tick = min(question.tick_range.end_tick - 1, history.last_tick)
    context, facts = history.context(tick), Facts()
    if context is None:
        return unstored(question, f"The observations of {history.when(tick)} are past their retention.")
    when = history.when(tick)
    price = facts.told("hashprice_usd_per_ph_day", f"Hashprice, {when}", context.observation.hashprice_usd_per_ph_day)
    lines = [f"The hashprice was {price} at {when}. It is observed, and counted with as it stands: not foretold."]
    return told(question, history, lines, facts, tick, -1)


def _periods_compared(question: Question, history: RunHistory, metrics: tuple[Figure | None, ...]) -> Explanation:
    """Compare two periods at one site, or over the fleet."""
    assert question.beside is not None
    spans = [span_of(question, history), span_of(question, history, question.beside)]
    sums: list[SiteSums] = []
    for first, end in spans:
        found = _sums(question, history, first, end)
        if isinstance(found, Explanation):
            return found
        sums.append(found)
    facts, texts = Facts(), [span_text(history, first, end) for first, end in spans]
    site = question.sites[0] if question.sites else FLEET
    whose = history.name(site) if site >= 0 else "The fleet"
    lines = [f"{whose}, first from {texts[0]}, then from {texts[1]}:"]
    for metric in metrics:
        rule = RULES[metric]
        values = [_value_of(rule, found, site) for found in sums]
        shown = [_value_told(facts, history, rule, found, site, text) for found, text in zip(sums, texts, strict=True)]
        gap = facts.told(rule.name, f"{_titled(rule.label)}, first less second", values[0] - values[1])
        lines.append(f"{_titled(rule.label)}: {shown[0]}, then {shown[1]}; the first less the second is {gap}.")
    for found, (first, end) in zip(sums, spans, strict=True):
        lines += _missing(facts, found, first, end)
    return told(question, history, lines, facts, spans[0][1] - 1, site)


def _sums(question: Question, history: RunHistory, first: int, end: int) -> SiteSums | Explanation:
    """Sum a range, or say why it cannot be summed."""
    if end <= first:
        return unstored(question, "No tick of that time is stored.")
    refused = too_many_rows(question, history, first, end)
    if refused is not None:
        return refused
    found = site_sums(history.decisions.read_model, first, end)
    if found is None:
        return unstored(question, f"The rows from {span_text(history, first, end)} are past their retention.")
    return found


def _values_text(
    facts: Facts, history: RunHistory, rules: list[FigureRule], found: SiteSums, site: int, span: str
) -> str:
    """List the values of metrics at a site or of the fleet."""
    parts = []
    for rule in rules:
        is_known = np.isfinite(_value_of(rule, found, site))
        shown = _value_told(facts, history, rule, found, site, span) if is_known else "without a value"
        parts.append(f"{rule.label} {shown}")
    return ", ".join(parts)


def _titled(label: str) -> str:
    return f"{label[0].upper()}{label[1:]}"


def _where(history: RunHistory, site: int) -> str:
    return history.name(site) if site >= 0 else "The fleet"


def _value_of(rule: FigureRule, found: SiteSums, site: int) -> float:
    """Compute a metric of a site or of the fleet."""
    return rule.of_fleet(found) if site == FLEET else float(rule.by_site(found)[site])


def _value_told(facts: Facts, history: RunHistory, rule: FigureRule, found: SiteSums, site: int, span: str) -> str:
    """Add a metric of a site or of the fleet to the facts; return its text."""
    return facts.told(
        rule.name, f"{_titled(rule.label)}, {_where(history, site)}, {span}", _value_of(rule, found, site)
    )


def _gap(facts: Facts, history: RunHistory, rule: FigureRule, known: list[tuple[int, float]], span: str) -> str:
    """Tell by how much the greater of two values is above the other."""
    if len(known) != 2:
        return ""
    (one, low), (other, high) = sorted(known, key=lambda pair: pair[1])
    if low == high:
        return ": the same"
    label = f"{_titled(rule.label)}, {history.name(other)} less {history.name(one)}, {span}"
    text = facts.told(rule.name, label, high - low)
    return f": {text} more at {history.name(other)}" if text.split()[0] != "0" else f": {text} apart"


def _missing(facts: Facts, found: SiteSums, first: int, end: int) -> list[str]:
    """Say how many ticks of a range are no longer stored."""
    if found.ticks_count >= end - first:
        return []
    kept = facts.told("kept_ticks", "Ticks whose rows are kept", found.ticks_count)
    asked = facts.told("asked_ticks", "Ticks asked about", end - first)
    return [f"Only {kept} of {asked} asked about are still stored."]


def _mean_of(name: str, label: str) -> FigureRule:
    """Make the rule of a figure whose value of the fleet is the mean over sites."""
    value = attrgetter(name)
    return FigureRule(name=name, label=label, by_site=value, of_fleet=lambda sums: float(np.mean(value(sums))))


def _sum_of(name: str, label: str) -> FigureRule:
    """Make the rule of a figure whose value of the fleet is the sum over sites."""
    value = attrgetter(name)
    return FigureRule(name=name, label=label, by_site=value, of_fleet=lambda sums: float(value(sums).sum()))


def _pue(sums: SiteSums) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sums.it_energy_mwh > 0.0, sums.site_energy_mwh / sums.it_energy_mwh, np.nan)


def _fleet_pue(sums: SiteSums) -> float:
    it_mwh = float(sums.it_energy_mwh.sum())
    return float(sums.site_energy_mwh.sum()) / it_mwh if it_mwh > 0.0 else float("nan")


def dearest_time(question: Question, history: RunHistory) -> Explanation:
    """Tell when power was dearest or cheapest, at the named sites or at any."""
    if question.metric is not Figure.PRICE:
        return unstored(
            question, "When a number was highest or lowest is told for the price of power only; where, for all of them."
        )
    first, end = span_of(question, history)
    if question.tick_range.is_point and not question.tick_range.is_stated:
        first = max(0, end - history.grid.ticks_of_hours(HOURS_PER_DAY))
    is_least = asks_for_least(question.nameless, Figure.PRICE)
    found = history.decisions.extreme_price(first, end, question.sites, is_least=is_least)
    if found is None:
        return unstored(question, f"The prices from {span_text(history, first, end)} are past their retention.")
    tick, site, price_usd_per_mwh = found
    facts, extreme = Facts(), "cheapest" if is_least else "dearest"
    price = facts.told(
        "energy_price_usd_per_mwh", f"Price at {history.name(site)}, {history.when(tick)}", price_usd_per_mwh
    )
    span = span_text(history, first, end)
    line = f"Power was {extreme} at {history.name(site)} at {history.when(tick)}, of {span}: {price}."
    return told(question, history, [line], facts, tick, site)


FLEET: Final = -1
"""Value of `site` for the whole fleet."""
_INTENSITY: Final = "carbon intensity"
_ENERGY: Final = "energy"
_TOLD_WITH: Final[dict[object, tuple[object, ...]]] = {Figure.CARBON: (_INTENSITY,), Figure.POWER: (_ENERGY,)}
RULES: Final[dict[object, FigureRule]] = {
    Figure.PRICE: _mean_of("energy_price_usd_per_mwh", "mean price of power"),
    Figure.PROFIT: _sum_of("profit_usd", "profit"),
    Figure.REVENUE: _sum_of("revenue_usd", "revenue"),
    Figure.COST: _sum_of("cost_usd", "costs"),
    Figure.POWER: FigureRule(
        name="mean_site_power_mw",
        label="mean power drawn",
        by_site=lambda sums: sums.site_energy_mwh / sums.hours,
        of_fleet=lambda sums: float(sums.site_energy_mwh.sum()) / sums.hours,
    ),
    _ENERGY: _sum_of("site_energy_mwh", "energy drawn"),
    Figure.PUE: FigureRule(name="mean_pue", label="PUE", by_site=_pue, of_fleet=_fleet_pue),
    Figure.CARBON: _sum_of("emissions_t", "carbon emitted"),
    _INTENSITY: _mean_of("carbon_intensity_g_per_kwh", "mean carbon intensity of the grid"),
    Figure.RENEWABLE: _mean_of("renewable_share", "mean renewable share of the grid"),
    Figure.TEMPERATURE: _mean_of("dry_bulb_c", "mean temperature outside"),
    Figure.AVAILABILITY: _mean_of("availability_share", "mean share of machines available"),
}
