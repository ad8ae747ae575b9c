"""Doubts about a question: unknown names, impossible times, kinds not looked up.

Said plainly, so that no answer stands beside the point.
"""

import re
from collections.abc import Iterable
from typing import Final

from mara.core.contract import TIER_KEYS
from mara.core.fleet import Fleet
from mara.runtime.explain.question import Question, Topic, is_topic, plain_of
from mara.runtime.explain.tick_range import MONTHS, PARTS_OF_DAY_H, WEEKDAYS, impossible_time

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
"""Kinds of questions that are understood and not answered, and the reply."""


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
    """List the sites by name, and what else can be named."""
    names = [site.name for site in fleet.sites[:MOST_SITES_NAMED]]
    more = fleet.site_count - len(names)
    listed = ", ".join(names) + (f" and {more} more" if more else "")
    return f"The sites are {listed}. Name a site, a customer or a tier, what happened, and when."


def _unknown_names(question: Question, fleet: Fleet, customers: Iterable[str]) -> list[str]:
    """Find words that stand where a name stands and name nothing of this run.

    Words that are written like a name count as well.
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
    """Say whether the word after these is where a question names its subject or place."""
    words = [word for word in before if word not in _ARTICLES]
    last = words[-1] if words else ""
    if question.topic is Topic.MOVED and last in ("from", "to"):
        return True
    return not is_named and (last in _PLACES or (last in _VERBS and len(words) <= 2))


def _is_ordinary(word: str, question: Question) -> bool:
    """Say whether a plain word is one of the language, or was taken for a known name."""
    if len(word) < 3 or word in _ORDINARY or word in TIER_KEYS or is_topic(word):
        return True
    if word in WEEKDAYS or any(word.startswith(month) for month in MONTHS) or word in " ".join(PARTS_OF_DAY_H):
        return True
    return bool(question.taken_as) and any(word[:2] == taken[:2] for taken in question.taken_as)


def _names_of(fleet: Fleet, customers: Iterable[str]) -> set[str]:
    """Names that a question may use, and the words of them."""
    names = {name for site in fleet.sites for name in (site.id, site.name, site.country)} | set(customers)
    return names | {word for name in names for word in re.findall(r"[^\W\d_]{3,}", name)}


_KNOWN: Final = "_"
_ENDS: Final = frozenset(".?!")
_ARTICLES: Final = frozenset({"the", "a", "an", "our", "my", "your", "any", "all", "some", "this", "that"})
_PLACES: Final = frozenset({"at", "in", "near", "from", "to", "of"})
_VERBS: Final = frozenset({"is", "isn't", "are", "was", "wasn't", "were", "did", "didn't", "does", "has", "had"})
_ORDINARY: Final = frozenset(
    re.findall(
        r"\S+",
        """
    why what when where how which whether because please tell explain show say said give and but for not nor
    with without the its their his her our your this that these those there here then than them they you about
    around since until till before after during between over under above below near from into onto out again
    ever never always only also still just even just so very too much many more most less least few several
    some any all every each both either anything everything something nothing anyone everyone everybody
    somebody nobody others other another one two three was were is are isn't aren't wasn't weren't did didn't
    does doesn't has have had hasn't been being be can could may might must would shall do make made makes
    making get got gets getting go goes going gone come came comes take took taken put set keep kept let
    happen happened happens happening turn turned turning change changed changes went leave left stay stayed
    stand stands stood work works worked working serve serving use used uses using need needs want wants give
    gave pay pays paid owe owed owes sell sold sells buy bought draw draws drew full empty high higher highest
    low lower lowest large larger largest small smaller big bigger biggest good bad better worse best worst
    dear dearer dearest new old late early long short heavy heavily slow fast hot warm cold cool true false
    own same such next last first second past present previous now today yesterday tomorrow currently recently
    lately once twice hour hours minute minutes day days week weeks month months year years time times tick
    ticks midnight midday noon moment while ago daily hourly local utc gmt mara claude operator customer
    customers client clients contract contracts request requests booking bookings booked quote quotes order
    orders ordered offer site sites place places location locations region regions country fleet hall halls
    data center centers centre centres datacenter building grid grids connection power energy electricity load
    loads workload workloads work mining miner miners hydro air immersion cooled cooling cool rack racks gpu
    gpus asic asics inference token tokens merchant machine machines server servers hardware weather wind sun
    solar rain heat wave temperature humidity carbon emission emissions renewable renewables hash hashprice
    hashrate bitcoin btc network pue efficiency capacity reserve room space budget budgets error errors
    promise promises promised target targets sla slas level levels service services availability window
    windows maintenance exclusion excluded alarm alarms alert alerts event events plan plans planned planning
    optimum gain gains saving savings saved penalty penalties fee fees bill share percent usd dollar dollars
    mwh kwh megawatt megawatts force detail total general reason reasons cause caused causes answer question
    fact favour order addition peak base average mean negative positive zero evening morning afternoon night
    nights tonight weekend end beginning begin began start system program software hello hey thanks thank
        """,
    )
)
"""Words that name nothing in a question about a run."""
