"""Answers about the gain against the rules, kept by the run or computed again."""

from dataclasses import dataclass
from typing import Final

from mara.core.explanation import Explanation, Facts
from mara.core.outlook import unchanging
from mara.core.plan import Problem
from mara.core.sla import owed_micro_usd
from mara.core.step import advance, observed, simulated
from mara.core.units import HOURS_PER_DAY, MICRO_USD_PER_USD
from mara.core.world import World
from mara.feeds.synthetic.feed import SyntheticFeed
from mara.optimizers.rules.rules import Rules
from mara.runtime.counterfactuals import stored_gain
from mara.runtime.explain.answers.telling import span_of, span_text, told, unstored
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory
from mara.store.read.decisions import ANY_SITE
from mara.store.write.rules_in_force import rules_of

MOST_SITE_TICKS: Final = 12_000
"""Sites times ticks that are computed again for one answer; some seconds of work."""
HORIZON_HOURS: Final = 24
"""Hours of the forecasts that the rules see, as by default in a run."""
HOW_KEPT: Final = "It is the profit of the run less that of the same run under the rules, with the credits owed so far."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """Profit of some ticks as they were and under the rules [micro-USD].

    Both begin from the same state. Credits owed are subtracted, those of open windows as if they closed at the end.
    `foresight` says which forecast the rules saw.
    """

    live_micro_usd: int
    rules_micro_usd: int
    foresight: str


def against_rules(question: Question, history: RunHistory) -> Explanation:
    """Tell the gain over the rules: kept for today and in all, else computed again.

    A past day or time is computed again from the stored inputs.
    """
    if question.sites or question.customers:
        return unstored(
            question, "The rules run the whole fleet: only its profit is compared with theirs, not that of a part."
        )
    asked, today = question.tick_range, history.grid.first_tick_of_day(history.last_tick)
    is_past = asked.is_stated and not (asked.first_tick in (0, today) and asked.end_tick > history.last_tick)
    kept = stored_gain(history.decisions.read_model.parts(), history.decisions.read_model.world(), history.config.grid)
    if kept is not None and not is_past:
        facts, since = Facts(), history.when(kept.since_tick)
        total = _gain_told(facts, f"since {since}", kept.total_usd)
        lines = [f"Since {since} the run {total} measured against the rules."]
        if kept.today_usd is not None:
            lines.append(f"Today, since {history.when(today)}, it {_gain_told(facts, 'today', kept.today_usd)}.")
        return told(question, history, [*lines, HOW_KEPT], facts, history.last_tick, ANY_SITE)
    first, end = span_of(question, history)
    return _computed_again(question, history, first, end)


def _computed_again(question: Question, history: RunHistory, first: int, end: int) -> Explanation:
    span = span_text(history, first, end)
    before, _ = history.decisions.read_model.world_before(first)
    if (end - before) * history.config.fleet.site_count > MOST_SITE_TICKS:
        days = MOST_SITE_TICKS // (history.config.fleet.site_count * history.grid.ticks_of_hours(HOURS_PER_DAY))
        most = f"at most {days} days" if days >= 1 else "a few hours"
        return unstored(question, f"The rules are computed again for {most} of this fleet: ask for less than {span}.")
    found = rerun(history, first, end)
    if isinstance(found, str):
        return unstored(question, found)
    facts = Facts()
    live = facts.told("profit_usd", f"Profit less credits owed, {span}", found.live_micro_usd / MICRO_USD_PER_USD)
    rules = facts.told(
        "rules_profit_usd", f"The same under the rules, {span}", found.rules_micro_usd / MICRO_USD_PER_USD
    )
    gain = _gain_told(facts, span, (found.live_micro_usd - found.rules_micro_usd) / MICRO_USD_PER_USD)
    lines = [
        f"From {span} the run {gain} measured against the rules: it made {live} less credits owed, they {rules}.",
        f"Computed again from the stored inputs, with the same state at the start; the rules saw {found.foresight}.",
    ]
    return told(question, history, lines, facts, end - 1, ANY_SITE)


def _gain_told(facts: Facts, span: str, gain_usd: float) -> str:
    if gain_usd == 0.0:
        return f"made exactly as much ({facts.told('gain_usd', f'Gained against the rules, {span}', 0.0)} apart)"
    word = "lost" if gain_usd < 0.0 else "gained"
    return f"{word} {facts.told('gain_usd', f'{word.capitalize()} against the rules, {span}', abs(gain_usd))}"


def rerun(history: RunHistory, first: int, end: int) -> Rerun | str:
    """Compute ticks ``[first, end)`` again, also under the rules; or say why not."""
    reading, config, rules = history.decisions.read_model, history.config, Rules()
    if not all(rules_of(tick, reading.rules()).are_ours for tick in (first, end - 1)):
        return "Another version of the rules of a tick made that time: it cannot be computed again by this one."
    run = reading.run()
    feed = SyntheticFeed(config, run.seed) if run.feed == SyntheticFeed.name else None
    start, live = reading.world_before(first)
    other, begun = live, 0
    for tick in range(start, end):
        stored = reading.stored_tick(tick)
        if stored.observation is None:
            return f"The inputs of {history.when(tick)} are past their retention: the rules cannot be computed again."
        if tick == first:
            other, begun = live, _worth_micro_usd(live)
        live = advance(live, stored.observation, stored.plan_step, config, stored.commands).world
        if tick >= first:
            seen = observed(stored.observation, other, config.fleet)
            forecast = unchanging(seen, HORIZON_HOURS) if feed is None else feed.forecast(tick, HORIZON_HOURS)
            plan = rules.plan(Problem(config=config, world=other, observation=seen, forecast=forecast))
            other = advance(other, simulated(stored.observation), plan.step_at(tick), config, stored.commands).world
    return Rerun(
        live_micro_usd=_worth_micro_usd(live) - begun,
        rules_micro_usd=_worth_micro_usd(other) - begun,
        foresight="the forecasts of that time" if feed is not None else "each tick's prices without a forecast",
    )


def _worth_micro_usd(world: World) -> int:
    return world.cash_micro_usd - owed_micro_usd(world)
