"""Doubts about a question: off topic, unknown names, impossible times, not stored.

The operator is told of them instead of being given an answer to another question.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mara.core.contract import TIER_KEYS, some_of
from mara.core.fleet import Fleet
from mara.runtime.explain.ordinary_words import ORDINARY_WORDS
from mara.runtime.explain.question import Question, plain_of
from mara.runtime.explain.tick_range import MONTHS, PARTS_OF_DAY_H, WEEKDAYS, impossible_time
from mara.runtime.explain.topics import Topic, is_topic
from mara.spelling import meant_by, nearest

MOST_SITES_NAMED: Final = 12
MOST_SITES_COMPARED: Final = 4
WANTED: Final = "Name a site, a customer or a tier, what happened, and when."
OFF_TOPIC: Final = (
    "That is no question about this run, and nothing else is answered here. Sites, contracts, prices, money, carbon, "
    f"plans, outages and orders can be asked about. {WANTED}"
)
NOT_STORED: Final = (
    (
        r"\b(?:bitcoin|btc|hashprice|hashrate)\b.*\b(?:will|going to|gonna|tomorrow|do next|forecast|predict\w*)\b"
        r"|\b(?:will|going to|forecast|predict\w*)\b.*\b(?:bitcoin|btc|hashprice|hashrate)\b",
        "What bitcoin will do is not foretold here: plans count with the hashprice as it stands. Ask what the "
        "hashprice was.",
    ),
    (
        r"\bwhat if\b|\bshould\b",
        "What would or should be is not answered here: only what is stored, and the prices that the plan in force "
        "expects.",
    ),
)
"""Patterns of questions that are understood and not answered, each with its reply."""
NOT_FORETOLD: Final = (
    "What will be is not answered here, except the price of power that the plan in force expects: only what is stored."
)
FOREIGN_ZONES: Final = re.compile(
    r"\d ?(?:[ap]\.?m\.? )?"
    r"(cet|cest|est|edt|cst|cdt|mst|mdt|pst|pdt|bst|ist|jst|sgt|aest|aedt|brt|msk|utc ?[+-] ?\d{1,2})\b"
)
"""Clock times with an abbreviated time zone.

Several of these mean different zones to different people.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A reason not to answer a question: its kind (see `Explanation`), and a sentence."""

    kind: str
    text: str


def refusal_of(question: Question, fleet: Fleet, customers: Iterable[str]) -> Doubt | None:
    """Find why a question cannot be answered as it is asked; None if it can."""
    plain, known = plain_of(question.text), _names_of(fleet, customers)
    for words, said in NOT_STORED:
        if re.search(words, plain):
            return Doubt(kind="not stored", text=said)
    time, zone = impossible_time(plain), FOREIGN_ZONES.search(plain)
    if time:
        text = (
            f"There is no such time as “{time}”: clock times go from 00:00 to 23:59, dates are those of the calendar."
        )
        return Doubt(kind="impossible time", text=text)
    if zone:
        named = zone[1].upper()
        text = f"Times are read in UTC, or in the local time of a site: “{named}” is not read. Ask in one of these."
        return Doubt(kind="impossible time", text=text)
    unknown = _unknown_names(question, known)
    if unknown:
        named = " and ".join(f"“{name}”" for name in unknown)
        meant = "".join(f" Did you mean {found}?" for found in _alike(unknown, fleet, customers))
        return Doubt(kind="unknown name", text=f"Nothing here is called {named}.{meant} {_what_there_is(fleet)}")
    if _is_off_topic(question, known):
        return Doubt(kind="off topic", text=OFF_TOPIC)
    if re.search(r"\b(?:will|going to|gonna)\b", plain) and question.topic is not Topic.EXPECTED:
        return Doubt(kind="not stored", text=NOT_FORETOLD)
    if len(question.sites) > MOST_SITES_COMPARED:
        text = f"At most {MOST_SITES_COMPARED} sites are compared at a time, {len(question.sites)} are named."
        return Doubt(kind="unclear", text=text)
    return None


def _is_off_topic(question: Question, known: set[str]) -> bool:
    """True for a question that is about nothing of the run.

    One that names a site or a customer may hold words that are not known, unless nothing else says what is asked.
    """
    strangers = _strangers(question, known)
    named = (question.sites, question.products, question.customers, question.contract_id)
    is_named = any(named) or question.tier is not None
    if is_named:
        return bool(strangers) and question.topic in (None, Topic.RUNNING, Topic.RANKED, Topic.TERMS)
    if question.topic is None and not question.tick_range.is_stated:
        return not (_OF_THE_RUN & set(re.findall(r"[^\W\d_]+", question.nameless))) or bool(strangers)
    return bool(strangers)


def _strangers(question: Question, known: set[str]) -> list[str]:
    """List the words of a question that are neither common nor of this run."""
    own = {plain_of(word) for name in known for word in re.findall(r"[^\W\d_]+", name)}
    words = re.findall(r"(?<![\w-])[^\W\d_]+(?![\w-])", re.sub(r"\S*\d\S*", " ", question.nameless).replace("'s", ""))
    return [word for word in words if word not in own and not _is_ordinary(word, question)]


def _alike(unknown: list[str], fleet: Fleet, customers: Iterable[str]) -> list[str]:
    """Find names of sites and customers that resemble unknown ones."""
    whole = [*(site.name for site in fleet.sites), *customers]
    names = {plain_of(word): name for name in whole for word in (name, *name.split()) if len(word) > 3}
    found = (nearest(plain_of(name), names, least_share=LEAST_ALIKE_SHARE) for name in unknown)
    return list(dict.fromkeys(names[name] for name in found if name is not None))


def _what_there_is(fleet: Fleet) -> str:
    """List the sites by name, and the other subjects that a question can name."""
    return f"The sites are {some_of([site.name for site in fleet.sites], MOST_SITES_NAMED)}. {WANTED}"


def _unknown_names(question: Question, known: set[str]) -> list[str]:
    """Find words that are used like a name but name nothing in this run.

    Capitalized words within a sentence count as well. At most two are returned.
    """
    text = re.sub(r"\S*\d\S*", f" {_KNOWN} ", " ".join(question.text.split()).replace("’", "'"))
    for name in sorted(known, key=len, reverse=True):
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
    names |= {product.id for product in fleet.power.products} if fleet.power is not None else set()
    return names | {word for name in names for word in re.findall(r"[^\W\d_]{3,}", name)}


LEAST_ALIKE_SHARE: Final = 0.6
"""Least share of common letters at which a name is suggested for an unknown one."""
_KNOWN: Final = "_"
_ENDS: Final = frozenset(".?!")
_ARTICLES: Final = frozenset({"the", "a", "an", "our", "my", "your", "any", "all", "some", "this", "that"})
_PLACES: Final = frozenset({"at", "in", "near", "from", "to", "of"})
_VERBS: Final = frozenset({"is", "isn't", "are", "was", "wasn't", "were", "did", "didn't", "does", "has", "had"})
_OF_THE_RUN: Final = frozenset(
    {"site", "sites", "fleet", "contract", "contracts", "customer", "customers", "tier", "tiers", "miner", "miners"}
    | {"rack", "racks", "price", "prices", "grid", "hall", "halls", "booking", "bookings", "request", "requests"}
)
"""Words for things of a run.

One of them is in every question that is about the run and names nothing.
"""
