"""Why something is as it is, as plain values: sentences whose every number is one of the facts beside them."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One number that was really the case. `ref` names it in its explanation, its unit last; `text` is it as shown."""

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
