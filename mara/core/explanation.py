"""Explanations as plain values: sentences, and the facts of all their numbers."""

from dataclasses import dataclass, field
from datetime import datetime

from mara.core.grounding import quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One number that was really the case.

    `ref` names it in its explanation, its unit last; `text` is the number as shown.
    """

    ref: str
    label: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An answer to an operator's question, from what is stored.

    Attributes:
        sentences: the answer; where nothing could be answered, what can be asked.
        facts: every number that the sentences name, and where it comes from.
        amounts: the facts' numbers, by `ref`, in the unit that it ends in.
        tick, at: the tick it speaks of; None where it speaks of none. `local_text` is its hour at the site.
        site_id, contract_id: what to look at next; empty for the whole fleet.
        can_ask: questions that would be answered.
        author: who put the sentences together.
    """

    question: str
    is_answered: bool
    sentences: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    amounts: dict[str, float] = field(default_factory=dict)
    tick: int | None = None
    at: datetime | None = None
    local_text: str = ""
    site_id: str = ""
    contract_id: str = ""
    can_ask: tuple[str, ...] = ()
    author: str = "stored decisions"


class Facts:
    """Collector of the facts of one explanation; no number is told without it."""

    def __init__(self) -> None:
        self.found: list[Fact] = []
        self.amounts: dict[str, float] = {}

    def told(self, name: str, label: str, value: float) -> str:
        """Remember a number as a fact and write it with its unit.

        `name` ends in the unit. A number told twice under one label is one fact.
        """
        known = next((fact for fact in self.found if fact.label == label and self.amounts[fact.ref] == value), None)
        if known is not None:
            return known.text
        ref = f"F{len(self.found) + 1}.{name}"
        self.found.append(Fact(ref=ref, label=label, text=quantity(ref, value)))
        self.amounts[ref] = value
        return self.found[-1].text
