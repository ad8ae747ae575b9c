"""Answers about orders: who ordered, booked or cancelled what, and the outcome."""

from typing import Final

from mara.core.explanation import Explanation, Facts
from mara.core.history import OrderRow
from mara.runtime.explain.answers.telling import told
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory
from mara.store.read.decisions import ANY_SITE
from mara.store.read.order_list import orders_about

MOST_TOLD: Final = 3
OUTCOMES: Final = {
    "waiting": "It waits for the next tick",
    "obeyed": "Obeyed in",
    "refused": "Refused in",
    "withdrawn": "Withdrawn in",
}
DEEDS: Final = {
    "book": "booked {about}",
    "cancel": "cancelled {about}",
    "outage": "ordered an outage of {about}",
    "restore": "ordered {about} back",
    "exclude": "excluded ticks of {about}",
    "retract": "took back an announcement about {about}",
    "gridnotice": "gave the warning {about}",
}
KINDS_OF_WORDS: Final = (
    ("book", ("book",)),
    ("cancel", ("cancel", "ended", "end ")),
    ("exclud", ("exclude",)),
    ("announc", ("exclude", "retract")),
    ("taken back", ("retract",)),
    ("took back", ("retract",)),
    ("restor", ("restore",)),
    (" back", ("restore",)),
    (" off", ("outage", "cancel")),
    ("down", ("outage",)),
    ("outage", ("outage",)),
)
"""Parts of a question, and the kinds of orders that they ask about."""


def who_ordered(question: Question, history: RunHistory) -> Explanation:
    """Tell who ordered what of a site or contract, else what caused it."""
    fleet = history.config.fleet
    abouts = {fleet.site_ids[site]: history.name(site) for site in question.sites}
    abouts |= {question.contract_id: question.contract_id} if question.contract_id else {}
    kinds = next((kinds for part, kinds in KINDS_OF_WORDS if part in f" {question.nameless} "), ())
    asked = question.tick_range
    first, end = (asked.first_tick, asked.end_tick) if asked.is_stated else (0, history.last_tick + 2)
    rows = orders_about(history.decisions.read_model, tuple(abouts), kinds, first, end, MOST_TOLD)
    if not rows:
        return _nobody(question, history, kinds, abouts)
    lines = [_line(row, abouts.get(row.about, row.about or "every contract"), history) for row in rows]
    newest = rows[0]
    tick = min(newest.tick if newest.tick is not None else newest.ordered_tick, history.last_tick)
    site = fleet.site_ids.index(newest.about) if newest.about in fleet.site_ids else ANY_SITE
    return told(question, history, lines, Facts(), tick, site)


def _line(row: OrderRow, about: str, history: RunHistory) -> str:
    """Tell one order with its author, time and outcome."""
    deed = DEEDS.get(row.kind, f"ordered {row.kind} of {{about}}").format(about=about)
    outcome = OUTCOMES[row.state] + (f" {history.when(row.tick)}" if row.tick is not None else "")
    reason = f": {row.reason}" if row.reason else ""
    return f"{row.by} {deed} at {history.when(row.ordered_tick)} (order {row.number}). {outcome}{reason}."


def _nobody(question: Question, history: RunHistory, kinds: tuple[str, ...], abouts: dict[str, str]) -> Explanation:
    """Say that nobody ordered it, and the event that is the cause instead."""
    whom = " or ".join(abouts.values()) or "anything"
    lines = [f"Nobody ordered that of {whom}: no such order is stored for that time."]
    site = question.sites[0] if question.sites else ANY_SITE
    asked = question.tick_range
    end = min(asked.end_tick, history.last_tick + 1) if asked.is_stated else history.last_tick + 1
    tick = max(end - 1, 0)
    contract = history.decisions.contract(question.contract_id) if question.contract_id else None
    if contract is not None:
        made = contract.contract
        tick = min(max(made.starts_tick - 1, 0), history.last_tick)
        lines.append(f"{made.customer} asked for it on the market, and it was accepted for {history.when(tick)}.")
    elif question.sites:
        first = max(0, asked.first_tick) if asked.is_stated else 0
        causes = ("outage",) if kinds == ("outage",) else ("outage", "curtailed")
        found = history.decisions.events(causes, first, end, site=site, limit=1)
        lines += [f"Reported at {history.when(event.tick)}: {event.text}" for event in found]
        tick = found[0].tick if found else tick
        cause = "an outage of the site itself" if found and found[0].kind == "outage" else "a decision of the plan"
        lines += [f"That was {cause}, not an order."] if found else []
    return told(question, history, lines, Facts(), tick, site)
