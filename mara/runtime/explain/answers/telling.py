"""Parts that answers of all kinds share: the time span, its text, and the record."""

import re
from typing import Final

from mara.core.explanation import Explanation, Facts
from mara.core.units import HOURS_PER_DAY
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory, day_text
from mara.runtime.explain.tick_range import TickRange
from mara.runtime.explain.topics import OF_MONEY, OUTAGE_WORDS, Topic

_OF_NOW: Final = frozenset({Topic.METRIC, Topic.RANKED, Topic.COMPARED, Topic.PRICE})
MOST_ROWS: Final = 2_000_000
"""Rows of sites and ticks that one answer may sum."""


def span_of(question: Question, history: RunHistory, asked: TickRange | None = None) -> tuple[int, int]:
    """Range ``[first, end)`` of the ticks asked about, as far as they are stored.

    Where the question names no time, it is the last day; for a number in the present tense that is not money, it is
    the last tick, and for what happened at an outage the whole run.
    """
    asked, end = asked if asked is not None else question.tick_range, history.last_tick + 1
    if is_of_outages(question) and not asked.is_stated:
        return 0, end
    if not asked.is_point or asked.is_stated:
        return max(0, asked.first_tick), min(asked.end_tick, end)
    if question.topic in _OF_NOW and question.metric not in OF_MONEY:
        return history.last_tick, end
    return max(0, end - history.grid.ticks_of_hours(HOURS_PER_DAY)), end


def is_of_outages(question: Question) -> bool:
    """True for a question about what happened at an outage."""
    return question.topic is Topic.HAPPENED and re.search(rf"\b(?:{OUTAGE_WORDS})\b", question.nameless) is not None


def span_text(history: RunHistory, first: int, end: int) -> str:
    """Write a range of ticks as two UTC times with their dates, and the ticks."""
    start, stop = history.grid.at(max(first, 0)), history.grid.at(max(end, first))
    ticks = f"tick {first}" if end == first + 1 else f"ticks {first} to {end - 1}"
    return f"{start:%H:%M} UTC on {day_text(start)} to {stop:%H:%M} UTC on {day_text(stop)} ({ticks})"


def told(question: Question, history: RunHistory, lines: list[str], facts: Facts, tick: int, site: int) -> Explanation:
    """Make an answer about a tick, and about a site unless it is negative."""
    return Explanation(
        question=question.text,
        is_answered=True,
        sentences=tuple(lines),
        facts=tuple(facts.found),
        amounts=facts.amounts,
        tick=tick,
        at=history.grid.at(tick),
        site_id=history.config.fleet.site_ids[site] if site >= 0 else "",
    )


def unstored(question: Question, why: str) -> Explanation:
    """Say why what was asked cannot be read from this run."""
    return Explanation(question=question.text, is_answered=False, sentences=(why,), refusal="not stored")


def too_many_rows(question: Question, history: RunHistory, first: int, end: int) -> Explanation | None:
    """Refuse a range that would be slow to sum; None for one that is not."""
    count = history.config.fleet.site_count
    if (end - first) * count <= MOST_ROWS:
        return None
    most = MOST_ROWS // count
    return unstored(question, f"At most {most} ticks of this fleet are summed, {end - first} were asked: ask for less.")


def many(count: int, one: str, more: str) -> str:
    """Choose the word for one thing or for several."""
    return one if count == 1 else more
