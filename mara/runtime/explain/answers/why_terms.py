"""Answers about charges, supply, batteries and grid products: sums and calls."""

from mara.core.contract import some_of
from mara.core.event_details import ProductCalled
from mara.core.explanation import Explanation, Facts
from mara.core.finance import Line
from mara.core.ledger_words import line_label
from mara.core.power_terms import PowerTerms, ReserveProduct
from mara.runtime.explain.answers.telling import many, span_of, span_text, told, unstored
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory
from mara.runtime.explain.topics import PRODUCT_LINES, lines_of
from mara.store.read.decisions import ANY_SITE

NO_TERMS = (
    "The fleet of this run has no charges, contracted supply, batteries or grid products: only the price of power, "
    "and hedges."
)


def terms_told(question: Question, history: RunHistory) -> Explanation:
    """Tell the money of the terms that a question names, and its products' calls."""
    terms = history.config.fleet.power
    if terms is None:
        return unstored(question, NO_TERMS)
    first, end = span_of(question, history)
    site = question.sites[0] if question.sites else ANY_SITE
    facts, lines = Facts(), list[str]()
    for p in question.products:
        lines += [_product_told(terms.products[p], history, site), _calls(facts, history, terms, p, (first, end), site)]
    named = lines_of(question.nameless) or PRODUCT_LINES
    lines.append(_money(facts, history, named, (first, end), site))
    if set(named) & set(PRODUCT_LINES) and len(terms.products) > 1:
        lines.append("The ledger has these sums for all products together.")
    return told(question, history, lines, facts, max(first, end - 1), site)


def _product_told(product: ReserveProduct, history: RunHistory, site: int) -> str:
    """Tell what a product asks for, and where it may be sold."""
    sold = "is sold at " + some_of([history.name(s) for s in product.sites])
    if site != ANY_SITE:
        sold = f"is {'' if site in product.sites else 'not '}sold at {history.name(site)}"
    return (
        f"The grid product {product.id} pays for power that is gone in {product.response_s:g} s and stays away for "
        f"{product.duration_minutes} minutes when called; it {sold}."
    )


def _calls(facts: Facts, history: RunHistory, terms: PowerTerms, p: int, span_ticks: tuple[int, int], site: int) -> str:
    """Count the calls of a product, and tell the newest."""
    product, span = terms.products[p].id, span_text(history, *span_ticks)
    found = [
        event
        for event in history.decisions.each_event(("called",), *span_ticks, site)
        if isinstance(event.details, ProductCalled) and event.details.product == product
    ]
    count = facts.told("events_count", f"Calls of {product}, {span}", len(found))
    newest = f"; the newest, at {history.when(found[0].tick)}: {found[0].text}" if found else "."
    return f"{count} {many(len(found), 'call of it was', 'calls of it were')} reported from {span}{newest}"


def _money(facts: Facts, history: RunHistory, named: tuple[Line, ...], span_ticks: tuple[int, int], site: int) -> str:
    """Tell the sums of ledger lines, costs negative."""
    money_usd, span = history.decisions.money_usd(*span_ticks, site), span_text(history, *span_ticks)
    whose = f"at {history.name(site)}" if site != ANY_SITE else "of the fleet"
    parts = []
    for line in named:
        words = line_label(line.name.lower())
        parts.append(f"{words} {facts.told('line_usd', f'{words} {whose}, {span}', float(money_usd[line]))}")
    return f"In the ledger {whose} from {span}, costs negative: {'; '.join(parts)}."
