"""Doubts about a question: unknown names, impossible times, kinds not looked up.

The operator is told of them instead of being given an answer to another question.
"""

import re
from collections.abc import Iterable
from typing import Final

from mara.core.contract import TIER_KEYS
from mara.core.fleet import Fleet
from mara.runtime.explain.ordinary_words import ORDINARY_WORDS
from mara.runtime.explain.question import Question, Topic, is_topic, plain_of
from mara.runtime.explain.tick_range import MONTHS, PARTS_OF_DAY_H, WEEKDAYS, impossible_time
from mara.spelling import meant_by

MOST_SITES_NAMED: Final = 12
NOT_LOOKED_UP: Final = (
    (
        r"\bwho(?:m|se)?\b",
        "Who did or ordered something is not looked up here: orders stand with their author in the audit log.",
    ),
    (r"\bhow many\b", "How many is not counted here: the tables of the dashboard and the API have every row."),
    (
        r"\b(?:will|going to|gonna)\b|\bwhat if\b|\bshould\b",
        "What will, would or should be is not answered here: only what is stored.",
    ),
)
"""Patterns of questions that are understood and not answered, each with its reply."""


def doubt_of(question: Question, fleet: Fleet, customers: Iterable[str]) -> str:
    """Say in a sentence or two why a question cannot be answered; empty if it can."""
    plain = plain_of(question.text)
    for words, said in NOT_LOOKED_UP:
        if re.search(words, plain):
            return said
    time = impossible_time(plain)
    if time:
        return (
            f"There is no such time as “{time}”: clock times go from 00:00 to 23:59, dates are those of the calendar."
        )
    unknown = _unknown_names(question, fleet, customers)
    if unknown:
        named = " and ".join(f"“{name}”" for name in unknown)
        return f"Nothing here is called {named}. {_what_there_is(fleet)}"
    most = 2 if question.topic is Topic.MOVED else 1
    if len(question.sites) > most:
        names = [fleet.sites[site].name for site in question.sites]
        return f"One site at a time can be asked about: ask for {', then for '.join(names)}."
    return ""


def _what_there_is(fleet: Fleet) -> str:
    """List the sites by name, and the other subjects that a question can name."""
    names = [site.name for site in fleet.sites[:MOST_SITES_NAMED]]
    more = fleet.site_count - len(names)
    listed = ", ".join(names) + (f" and {more} more" if more else "")
    return f"The sites are {listed}. Name a site, a customer or a tier, what happened, and when."


def _unknown_names(question: Question, fleet: Fleet, customers: Iterable[str]) -> list[str]:
    """Find words that are used like a name but name nothing in this run.

    Capitalized words within a sentence count as well. At most two are returned.
    """
    text = re.sub(r"\S*\d\S*", f" {_KNOWN} ", " ".join(question.text.split()).replace("’", "'"))
    for name in sorted(_names_of(fleet, customers), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", _KNOWN, text, flags=re.IGNORECASE)
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?|[.?!_]", text)
    is_named = bool(question.sites or question.customers or question.contract_id)
    is_shouted = text.replace(_KNOWN, "").isupper()
    found: list[str] = []
    for place, word in enumerate(words):
        before = [plain_of(w) for w in words[:place]]
        name = word.removesuffix("'s")
        plain = plain_of(name)
        if _is_ordinary(plain, question):
            continue
        begins = not before or before[-1] in _ENDS
        if (name[0].isupper() and not is_shouted and not begins) or _stands_for_a_name(before, question, is_named):
            found.append(name)
    return list(dict.fromkeys(found))[:2]


def _stands_for_a_name(before: list[str], question: Question, is_named: bool) -> bool:
    """True if the words before a word show that it names a site or customer."""
    words = [word for word in before if word not in _ARTICLES]
    last = words[-1] if words else ""
    if question.topic is Topic.MOVED and last in ("from", "to"):
        return True
    return not is_named and (last in _PLACES or (last in _VERBS and len(words) <= 2))


def _is_ordinary(word: str, question: Question) -> bool:
    """True for a common English word, and for one that was taken for a known name."""
    if len(word) < 3 or word in ORDINARY_WORDS or word in TIER_KEYS or is_topic(word):
        return True
    if word in WEEKDAYS or any(word.startswith(month) for month in MONTHS) or word in " ".join(PARTS_OF_DAY_H):
        return True
    return meant_by(word, question.taken_as) is not None


def _names_of(fleet: Fleet, customers: Iterable[str]) -> set[str]:
    """Names that a question may use, and the single words of these names."""
    names = {name for site in fleet.sites for name in (site.id, site.name, site.country)} | set(customers)
    return names | {word for name in names for word in re.findall(r"[^\W\d_]{3,}", name)}


_KNOWN: Final = "_"
_ENDS: Final = frozenset(".?!")
_ARTICLES: Final = frozenset({"the", "a", "an", "our", "my", "your", "any", "all", "some", "this", "that"})
_PLACES: Final = frozenset({"at", "in", "near", "from", "to", "of"})
_VERBS: Final = frozenset({"is", "isn't", "are", "was", "wasn't", "were", "did", "didn't", "does", "has", "had"})
