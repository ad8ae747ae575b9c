"""Why something is as it is, as plain values: sentences whose every number is one of the facts beside them."""

from dataclasses import dataclass, field
from datetime import datetime

from mara.core.grounding import quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One number that was really the case. `ref` names it in its explanation, its unit last; `text` is it as shown."""

    ref: str
    label: str
    value: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An answer to an operator's question, from what is stored.

    Attributes:
        sentences: the answer; where nothing could be answered, what can be asked.
        facts: every number that the sentences name, and where it comes from.
        tick, at: the tick it speaks of; None where it speaks of none. `local_text` is its hour at the site.
        site_id, contract_id: what to look at next; empty for the whole fleet.
        can_ask: questions that would be answered.
        author: who put the sentences together.
    """

    question: str
    is_answered: bool
    sentences: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    tick: int | None = None
    at: datetime | None = None
    local_text: str = ""
    site_id: str = ""
    contract_id: str = ""
    can_ask: tuple[str, ...] = ()
    author: str = "stored decisions"


@dataclass(slots=True)
class Facts:
    """Collects the facts of one explanation; what it gives back is the only way numbers get into a sentence."""

    found: list[Fact] = field(default_factory=list)

    def told(self, name: str, label: str, value: float) -> str:
        """The number with its unit, remembered as a fact; said twice it is one fact. `name` ends in its unit."""
        known = next((fact for fact in self.found if (fact.label, fact.value) == (label, value)), None)
        if known is not None:
            return known.text
        ref = f"F{len(self.found) + 1}.{name}"
        self.found.append(Fact(ref=ref, label=label, value=value, text=quantity(ref, value)))
        return self.found[-1].text
