"""Vocabulary of questions: words of their kinds, numbers and extremes."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from mara.core.finance import Line


class Topic(StrEnum):
    """Kinds of questions, in the order in which their words are looked for."""

    BUDGET = "budget"
    AGAINST_RULES = "against_rules"
    ORDERED = "ordered"
    EXPECTED = "expected"
    COUNTED = "counted"
    HAPPENED = "happened"
    COMPARED = "compared"
    RANKED = "ranked"
    MOVED = "moved"
    REFUSED = "refused"
    CREDIT = "credit"
    METRIC = "metric"
    MONEY = "money"
    PLAN = "plan"
    OFF = "off"
    RUNNING = "running"
    PRICE = "price"
    TERMS = "terms"


class Figure(StrEnum):
    """Numbers that a question may ask for, in the order in which words are looked for."""

    REVENUE = "revenue"
    PROFIT = "profit"
    HASHPRICE = "hashprice"
    PRICE = "price"
    CARBON = "carbon"
    COST = "cost"
    PUE = "pue"
    RENEWABLE = "renewable"
    TEMPERATURE = "temperature"
    AVAILABILITY = "availability"
    POWER = "power"


TERM_WORDS: Final[Mapping[Line, str]] = {
    Line.ADDER: r"adders?|charges? on energy",
    Line.DEMAND_CHARGE: r"(?:demand|peak|ratchet) charges?|billed peaks?|ratchets?",
    Line.COINCIDENT_PEAK: r"coincident[- ]peaks?|(?:transmission|capacity) (?:charges?|costs?|bills?)",
    Line.BATTERY_WEAR: r"batter(?:y|ies)",
    Line.EXPORT_REVENUE: r"batter(?:y|ies)|fe(?:e)?d(?:ing)?[- ]in(?:to the grid)?|exports?|exported|export revenue",
    Line.RESERVE_REVENUE: r"reserve revenue|(?:grid )?products?|awards?",
    Line.DEPLOYMENT_REVENUE: r"deployment revenue|(?:grid )?products?",
    Line.RESERVE_PENALTY: r"(?:reserve|product) penalt(?:y|ies)|claw(?:ed)?[- ]?backs?|(?:grid )?products?",
    Line.SUPPLY: r"contracted supply|supply contracts?|as[- ]produced",
    Line.CFD: r"cfds?|contracts? for difference|collars?",
    Line.TAKE_OR_PAY: r"take[- ]or[- ]pay",
}
"""Words for the ledger lines of the power terms."""
PRODUCT_LINES: Final = (Line.RESERVE_REVENUE, Line.DEPLOYMENT_REVENUE, Line.RESERVE_PENALTY)
WORDS: Final[Mapping[Topic, str]] = {
    Topic.BUDGET: r"closest|budgets?|at risk|in danger|endangered|about to break|near(est)? to break\w*",
    Topic.AGAINST_RULES: r"(against|than|versus|vs\.?|over|beat\w*|with|under|to) (the )?(simple |plain )?rules"
    r"|rules would|optimi[sz]er'?s? (gain|worth)|gained? by the optimi[sz]er",
    Topic.ORDERED: r"who(m|se)? (?:\w+ ){0,2}?(order|put|book|took|taken|take|cancel|exclud|announc|restor|switch|turn"
    r"|shut|decid|start|stop|curtail)\w*|by whom|ordered by|who (?:was|did) (?:it|that)",
    Topic.EXPECTED: r"forecast\w*|will|tomorrow|gonna|going to|next (?:\d+ )?(?:hours?|days?|week)",
    Topic.COUNTED: r"how many",
    Topic.HAPPENED: r"what (?:has |had )?(?:happened|went on|went wrong)|what was going on|what's new|what is new"
    r"|any(?:thing)? (?:new|happen\w*)",
    Topic.COMPARED: r"compar\w*|versus|vs|difference|differ\w*",
    Topic.RANKED: r"most|least|highest|lowest|biggest|largest|smallest|cheapest|dearest|best|worst|greenest|cleanest"
    r"|dirtiest|hottest|coldest|coolest|warmest|greatest|top",
    Topic.MOVED: r"mov(e|es|ed|ing)|migrat\w*|relocat\w*|shift\w*|placed|went to|go to",
    Topic.REFUSED: r"refus\w*|reject\w*|declin\w*|turned (down|away)",
    Topic.CREDIT: r"credit\w*|compensat\w*|miss(?:es|ed|ing)?|breach\w*",
    Topic.METRIC: r"pue|carbon|co2|emi(t|ts|tted|ssions?)|temperature|weather|how (hot|cold|warm)|hot|cold|warm"
    r"|renewables?|hashprice|draw|drew|drawn|consum\w*|megawatts?|mwh|how much (power|energy|electricity|load)"
    r"|power draw|uptime|availability|(power|energy|electricity) (did|do|does|was|were|is) \w+ ?(use|used|using|take)?",
    Topic.MONEY: r"profit\w*|loss|los(e|es|t|ing)|cost\w*|revenue|earn\w*|money|margin|income|paid|spen[dt]|made|make",
    Topic.PLAN: r"plan|optimi[sz]er|decision|fallback|linear program|claude|rules|scarce|full",
    Topic.OFF: r"curtail\w*|off|down|idle|stop\w*|shut\w*|paus\w*|rest(s|ed|ing)?|dark|outages?|fail\w*|not run\w*"
    r"|stranded|shed|unserved|bad|deploy\w*|peak warnings?",
    Topic.RUNNING: r"run(s|ning)?|on|resum\w*|start\w*|back|busy|served",
    Topic.PRICE: r"price\w*|power costs?|cost of power|expensive|dear|cheap\w*|negative",
    Topic.TERMS: "|".join(TERM_WORDS.values()),
}
OUTAGE_WORDS: Final = r"outages?|down|fail\w*|trip\w*|dark|blackout"
METRIC_WORDS: Final[Mapping[Figure, str]] = {
    Figure.REVENUE: r"revenue|income|turnover",
    Figure.PROFIT: r"profit\w*|earn\w*|money|margin|best|worst|los(?:s|e|es|t|ing)|made|make",
    Figure.HASHPRICE: r"hashprice|bitcoin|btc|hashrate",
    Figure.PRICE: r"price\w*|power costs?|cost of power|power be|expensive|cheap\w*|dear\w*|negative",
    Figure.CARBON: r"carbon|co2|emi(?:t|ts|tted|ssions?)|green\w*|clean\w*|dirt\w*",
    Figure.COST: r"costs?|costly|expenses?|spen[dt]|paid|(?:demand|peak|ratchet) charges?",
    Figure.PUE: r"pue|cooling|efficien\w*",
    Figure.RENEWABLE: r"renewables?",
    Figure.TEMPERATURE: r"temperature|weather|hot\w*|cold\w*|warm\w*|cool(?:est|er)",
    Figure.AVAILABILITY: r"available|availability|uptime|down",
    Figure.POWER: r"power|draw|drew|drawn|consum\w*|energy|electricity|megawatts?|mwh|load",
}
LOW_WORDS: Final = (
    r"least|lowest|smallest|cheapest|greenest|cleanest|coldest|coolest|(?:worst|least) (?:profit\w*|site|earn\w*)|worst"
)
"""Words that ask for the least of a number.

The sense of `best` and `worst` depends on the number.
"""
LOW_IS_GOOD: Final = frozenset({Figure.PUE, Figure.CARBON, Figure.COST, Figure.PRICE})


SITES_WORDS: Final = r"sites?|where|halls?|locations?|places?"
TIME_WORDS: Final = r"when|(?:what|which) (?:time|hour|tick|day)"
OF_MONEY: Final = frozenset({Figure.PROFIT, Figure.REVENUE, Figure.COST})
"""Metrics that mean little in one tick: without a time they are of the last day."""


_OF_POWER: Final = re.compile(r"\b(?:power costs?|cost of power)\b")
_AMOUNT: Final = re.compile(
    rf"\b(?:{WORDS[Topic.MONEY]}|pays?|how much|high|low|big|large|small|amounts?|sums?|bill\w*|usd|dollars?|worth)\b"
)
"""Words for money, one of which a question about a power term has."""
_ARTICLE: Final = r"(?:(?:the|our|an?) )?"
_BARE_TERM: Final = re.compile(rf"what(?:'s| is| are| was| were| did| does| do) {_ARTICLE}(?:{WORDS[Topic.TERMS]})\b")
_PART_OF_TERM: Final = re.compile(
    r"\bdeployment(?= revenue\b)|(?<=\bcontract )for difference\b|(?<=\bcontracts )for difference\b"
    rf"|\bon(?= energy\b| {_ARTICLE}(?:{WORDS[Topic.TERMS]})\b)"
)
"""Words beside those of a power term that alone are of another topic."""


def topic_of(plain: str) -> Topic | None:
    """Find the kind of a plain question by its words.

    Power terms are meant only where no other kind is asked for than money, by a word for an amount or plainly.
    """
    topic = _first_topic(_PART_OF_TERM.sub(" ", plain))
    is_of_terms = topic in (None, Topic.MONEY) and lines_of(plain)
    if is_of_terms and not _OF_POWER.search(plain) and (_AMOUNT.search(plain) or _BARE_TERM.match(plain)):
        return Topic.TERMS
    return _first_topic(plain)


def _first_topic(plain: str) -> Topic | None:
    """Find the first kind but power terms that a plain question has words of.

    A why-question asks for no ranking or number, whatever it names.
    """
    is_why = plain.startswith(("why", "how come"))
    for topic, words in WORDS.items():
        if is_why and topic in (Topic.METRIC, Topic.RANKED, Topic.COUNTED, Topic.HAPPENED, Topic.BUDGET):
            continue
        if (topic is Topic.RANKED and not _is_ranking(plain)) or (topic is Topic.MONEY and _OF_POWER.search(plain)):
            continue
        if topic is Topic.TERMS or (topic is Topic.EXPECTED and metric_of(plain) is None):
            continue
        if re.search(rf"\b(?:{words})\b", plain):
            return topic
    return None


def lines_of(plain: str) -> tuple[Line, ...]:
    """Find the ledger lines of power terms that a plain question names."""
    return tuple(line for line, words in TERM_WORDS.items() if re.search(rf"\b(?:{words})\b", plain))


def _is_ranking(plain: str) -> bool:
    """True if a superlative asks for a site or a time by a number.

    The biggest cost is one of the ledger's lines, unless sites are asked for.
    """
    metric = metric_of(plain)
    asks = re.search(rf"\b(?:{SITES_WORDS}|{TIME_WORDS})\b", plain) is not None
    return metric is not None and (asks or metric not in (Figure.COST, Figure.REVENUE, Figure.CARBON))


def metric_of(plain: str) -> Figure | None:
    """Find the number that a plain question asks for."""
    return next((m for m, words in METRIC_WORDS.items() if re.search(rf"\b(?:{words})\b", plain)), None)


def asks_for_least(plain: str, metric: Figure) -> bool:
    """True if a question about an extreme asks for the lowest value."""
    if re.search(r"\bbest\b", plain):
        return metric in LOW_IS_GOOD
    if re.search(r"\bworst\b", plain):
        return metric not in LOW_IS_GOOD
    if metric is Figure.PROFIT and re.search(r"\blos(?:s|t|es?|ing)\b", plain):
        return True
    return re.search(rf"\b(?:{LOW_WORDS})\b", plain) is not None


def is_topic(word: str) -> bool:
    """True if a word alone names a topic or a metric."""
    return any(re.fullmatch(words, word) for words in (*WORDS.values(), *METRIC_WORDS.values()))
