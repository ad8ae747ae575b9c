"""Parser of an operator's question: topic, sites, customers, tier and time."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

from mara.core.contract import Tier
from mara.core.fleet import Fleet
from mara.core.timegrid import TimeGrid, zone
from mara.core.units import HOURS_PER_DAY
from mara.runtime.explain.ordinary_words import ORDINARY_WORDS
from mara.runtime.explain.tick_range import WEEKDAYS, TickRange, says_local, tick_range_of
from mara.runtime.explain.topics import Figure, Topic, is_topic, metric_of, topic_of
from mara.spelling import meant_by

MOST_CHARACTERS: Final = 300
SHORTEST_NAME: Final = 3
SHORTEST_WORD_OF_A_CUSTOMER: Final = 5
SHORTEST_GUESSED: Final = 4
"""Shortest word that is compared with known words as possibly misspelled."""
MENDED_TO: Final = (
    *("curtailed", "stopped", "outage", "moved", "refused", "rejected", "declined", "credit", "profit", "revenue"),
    *("earned", "optimizer", "expensive", "running", "yesterday", "afternoon", "tonight", *WEEKDAYS),
)
"""Words of topics and times that a misspelled word may be corrected to."""
MISSPELT_WORD_SHARE: Final = 0.8
"""Least similarity to one of `MENDED_TO`: below it are words of another meaning.

An example is `declared`, which is not `declined`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A parsed question: its topic, and what it names.

    `sites` are in the order named; `taken_as` are the names and words that misspelled ones were corrected to;
    `is_local` is True when its times are in the time zone of the first site. `nameless` is the plain text without
    names, `beside` the second of two periods that are compared. `products` are numbers of grid products.
    """

    text: str
    nameless: str
    topic: Topic | None
    metric: Figure | None
    sites: tuple[int, ...]
    customers: tuple[str, ...]
    contract_id: str
    tier: Tier | None
    tick_range: TickRange
    beside: TickRange | None
    is_local: bool
    taken_as: tuple[str, ...]
    products: tuple[int, ...] = ()


def question_of(text: str, fleet: Fleet, grid: TimeGrid, last_tick: int, customers: Iterable[str]) -> Question:
    """Parse a question as far as possible; its times are relative to the last tick."""
    plain = plain_of(text[:MOST_CHARACTERS])
    site_names = _site_names(fleet)
    customer_names = _customer_names(customers)
    product_names = _product_names(fleet, plain)
    mended, taken_as = _mended(plain, [*site_names, *customer_names, *product_names])
    sites = _sites_in(mended, site_names)
    is_local = says_local(mended) and bool(sites)
    local: tzinfo = zone(fleet.sites[sites[0]].timezone) if is_local else UTC
    nameless = _without(mended, [*site_names, *customer_names, *product_names])
    products = tuple(dict.fromkeys(p for name, p in product_names.items() if _is_in(name, mended)))
    tick_range, beside = _ranges_of(nameless, grid, last_tick, local)
    return Question(
        text=text,
        nameless=nameless,
        topic=_topic_beside_products(topic_of(nameless)) if products else topic_of(nameless),
        metric=metric_of(nameless),
        sites=sites,
        customers=tuple(dict.fromkeys(c for name, c in customer_names.items() if _is_in(name, mended))),
        contract_id=_contract_in(text[:MOST_CHARACTERS], plain),
        tier=next((tier for tier in Tier if _is_in(tier.name.lower(), mended)), None),
        tick_range=tick_range,
        beside=beside,
        is_local=is_local,
        taken_as=taken_as,
        products=products,
    )


def plain_of(text: str) -> str:
    """Convert a text to lower case without accents, and with single spaces."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join(bare.casefold().replace("’", "'").split())


def _site_names(fleet: Fleet) -> dict[str, int]:
    """Map each name of a site to its index: id, name, country, and words of its name.

    Names and words that two sites share are left out.
    """
    names: list[tuple[str, int]] = []
    for s, site in enumerate(fleet.sites):
        whole = {plain_of(site.id), plain_of(site.name), plain_of(site.country)}
        words = {word for word in re.findall(r"[^\W\d_]+", plain_of(site.name)) if len(word) > SHORTEST_NAME}
        names += [(name, s) for name in whole | words - _COMMON if len(name) >= SHORTEST_NAME]
    shared = Counter(name for name, _ in names)
    return {name: s for name, s in names if shared[name] == 1}


def _product_names(fleet: Fleet, plain: str) -> dict[str, int]:
    """Map the names of grid products, as written or spoken, to their numbers.

    One that is a word of other questions, such as capacity, has to stand beside the word product.
    """
    names: dict[str, int] = {}
    for p, product in enumerate(fleet.power.products if fleet.power is not None else ()):
        for name in (product.id, product.id.replace("_", " "), product.id.replace("_", "-")):
            if not _is_understood(name) or re.search(rf"\bproduct {name}\b|\b{name} product\b", plain):
                names[name] = p
    return names


def _topic_beside_products(topic: Topic | None) -> Topic:
    """Choose the kind of a question that names a grid product."""
    kept = (Topic.ORDERED, Topic.AGAINST_RULES, Topic.EXPECTED, Topic.REFUSED, Topic.OFF, Topic.MOVED, Topic.HAPPENED)
    return topic if topic in kept else Topic.TERMS


def _customer_names(customers: Iterable[str]) -> dict[str, str]:
    """Map each customer's name, and words that no other name has, to the customer."""
    names: list[tuple[str, str]] = []
    for customer in customers:
        whole = plain_of(customer)
        words = {word for word in re.findall(r"[^\W\d_]+", whole) if len(word) >= SHORTEST_WORD_OF_A_CUSTOMER}
        names += [(name, customer) for name in words - _COMMON | {whole} if len(name) >= SHORTEST_NAME]
    shared = Counter(name for name, _ in names)
    return {name: customer for name, customer in names if shared[name] == 1}


def _sites_in(text: str, names: Mapping[str, int]) -> tuple[int, ...]:
    """Find the sites that a text names, in the order of the text."""
    found = [(match.start(), s) for name, s in names.items() for match in re.finditer(_whole(name), text)]
    return tuple(dict.fromkeys(s for _, s in sorted(found)))


def _mended(text: str, names: list[str]) -> tuple[str, tuple[str, ...]]:
    """Correct words that are almost a name or a word of a question.

    Returns the text, and the words that misspelled ones were corrected to.
    """
    known = {word for name in names for word in name.split()} | set(names)
    single = [name for name in names if " " not in name]
    taken = []
    for word in re.findall(r"[^\W\d_]+", text):
        if len(word) < SHORTEST_GUESSED or word in known or _is_understood(word):
            continue
        meant = meant_by(word, single) or meant_by(word, MENDED_TO, least_share=MISSPELT_WORD_SHARE)
        if meant:
            text = re.sub(_whole(word), meant, text)
            taken.append(meant)
    return text, tuple(taken)


def _ranges_of(text: str, grid: TimeGrid, last_tick: int, local: tzinfo) -> tuple[TickRange, TickRange | None]:
    """Parse the time asked about, and a second one that it is compared with.

    The day before, after another time, is that of the first.
    """
    whole = tick_range_of(text, grid, last_tick, local)
    halves = _BETWEEN_PERIODS.split(text, maxsplit=1)
    if len(halves) < 2 or not _COMPARES.search(text):
        return whole, None
    first = tick_range_of(halves[0], grid, last_tick, local)
    day = grid.ticks_of_hours(HOURS_PER_DAY)
    if first.is_stated and _DAY_BEFORE.search(halves[1]):
        return first, first.earlier(day)
    second = tick_range_of(halves[1], grid, last_tick, local)
    if first.is_stated and second.is_stated and first != second:
        return first, second
    return whole, None


def _is_understood(word: str) -> bool:
    """True if a word is known and needs no correction, however near it is to a name."""
    return word in _COMMON or word in ORDINARY_WORDS or word in MENDED_TO or is_topic(word)


def _contract_in(text: str, plain: str) -> str:
    """Find a contract id, by its shape or after the word contract."""
    shaped = _CONTRACT_ID.search(plain)
    if shaped:
        return shaped[0]
    named = _NAMED_CONTRACT.search(text)
    return named[1] if named and any(sign.isdigit() for sign in named[1]) else ""


def _without(text: str, names: Iterable[str]) -> str:
    """Remove names from a text, so that their words say nothing about topic or time.

    A customer called Night Run, for example, asks about neither the night nor running.
    """
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(_whole(name), " ", text)
    return " ".join(text.split())


def _is_in(name: str, text: str) -> bool:
    return re.search(_whole(name), text) is not None


def _whole(name: str) -> str:
    return rf"(?<!\w){re.escape(name)}(?!\w)"


_BETWEEN_PERIODS: Final = re.compile(r"\b(?:than|with|versus|vs\.?|against|and|to|from)\b")
_COMPARES: Final = re.compile(r"\b(?:compar\w*|than|versus|vs|difference|differ\w*)\b")
_DAY_BEFORE: Final = re.compile(r"\bthe day before\b(?! yesterday)|\bthe previous day\b")
_CONTRACT_ID: Final = re.compile(r"(?<![\w-])c(?:\d+-\d+-\d+|-[0-9a-f]{1,64})(?![\w-])")
_NAMED_CONTRACT: Final = re.compile(r"\bcontract (\S+?)(?:'s)?[?.,!;:]*(?:\s|$)", re.IGNORECASE)
_COMMON: Final = frozenset(
    {"site", "sites", "data", "center", "centre", "power", "price", "yesterday", "today", "premium", "standard"}
    | {"flexible", "spot", "morning", "evening", "night", "local", "hours", "minutes", "there", "their", "miners"}
    | {"north", "south", "east", "west", "render", "search", "games"}
)
"""Words of names, or near them, that mean something else in a question."""
