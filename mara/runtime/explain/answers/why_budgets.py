"""Answers about error budgets: the contracts nearest to breaking their promise."""

from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.contract import Tier, budgets_of
from mara.core.event_text import contract_name
from mara.core.explanation import Explanation, Facts
from mara.core.sla import burn_rates
from mara.core.world import World
from mara.runtime.explain.answers.telling import told, unstored
from mara.runtime.explain.question import Question
from mara.runtime.explain.run_history import RunHistory
from mara.store.read.decisions import ANY_SITE

MOST_TOLD: Final = 3


def budgets_told(question: Question, history: RunHistory) -> Explanation:
    """Tell the live contracts with least of their error budget left, as of now.

    Ordered by the bad ticks that they may still have; of equal ones by the share of the budget used.
    """
    if question.tick_range.is_stated and question.tick_range.end_tick <= history.last_tick:
        why = "Budgets of all contracts are told as of now: for a time in the past, ask why one customer was off."
        return unstored(question, why)
    world: World = history.decisions.read_model.world()
    budgets, bad = budgets_of(world.book, world.accounts), world.accounts.bad_ticks
    rows = [row for row in range(len(world.book.contracts)) if _is_meant(question, world, row)]
    when, facts = history.when(history.last_tick), Facts()
    if not rows:
        whom = " and ".join(question.customers) or question.contract_id or "this fleet"
        lines = [f"No contract of {whom} with a promise is live at {when}; Spot promises nothing."]
        return told(question, history, lines, facts, history.last_tick, ANY_SITE)
    left = np.asarray(budgets) - np.asarray(bad)
    used = np.asarray(bad) / np.maximum(np.asarray(budgets), 1)
    rows.sort(key=lambda row: (int(left[row]), -float(used[row]), world.book.contracts[row].id))
    broken = sum(int(left[row]) < 0 for row in rows)
    count = facts.told("contracts_count", f"Contracts with a promise, {when}", len(rows))
    lines = [f"Of {count} contracts with a promise these have least of their budget left at {when}:"]
    burns = burn_rates(world)
    for row in rows[:MOST_TOLD]:
        contract = world.book.contracts[row]
        name = f"{contract_name(contract.customer, contract.power_mw, contract.tier)} ({contract.id})"
        had = facts.told("used_ticks", f"Bad ticks of {contract.id}, {when}", int(bad[row]))
        budget = facts.told("budget_ticks", f"Bad ticks that its window tolerates, {contract.id}", int(budgets[row]))
        burn = facts.told(
            "burn_count", f"Burn rate of {contract.id} (1 spends it by the window's end)", float(burns[row])
        )
        lines.append(f"{name}: {had} bad of {budget} tolerated, burn rate {burn}.")
    if broken:
        lines.append(f"{facts.told('broken_count', f'Promises broken, {when}', broken)} of them are broken already.")
    first = world.accounts.site[rows[0]]
    answer = told(question, history, lines, facts, history.last_tick, int(first))
    return replace(answer, contract_id=world.book.contracts[rows[0]].id)


def _is_meant(question: Question, world: World, row: int) -> bool:
    """True for a promised contract of the customer, tier and id that a question names."""
    contract = world.book.contracts[row]
    return (
        contract.tier is not Tier.SPOT
        and question.tier in (None, contract.tier)
        and (not question.customers or contract.customer in question.customers)
        and question.contract_id in ("", contract.id)
        and (not question.sites or int(world.accounts.site[row]) in question.sites)
    )
