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
class Understood:
    """The meaning that was taken from a question, as fields and as a sentence.

    Attributes:
        text: the sentence, shown before the answer.
        kind: kind of question, such as `off`, `money` or `compared`; empty where none was recognized.
        site_ids, customers, contract_id, tier: subjects that it names; empty for the whole fleet.
        metric: number that it asks for, such as `price`; empty for none in particular.
        comparison: `sites`, `periods` or `rules`; empty for none.
        first_tick, end_tick, starts_at, ends_at: time asked about, end exclusive, as ticks and in UTC.
        beside_first_tick, beside_end_tick: the second period of a comparison; None without one.
        zone: time zone in which the question's clock times were read.
        is_time_stated: False where the question names no time.
        taken_as: names and words that misspelled ones were corrected to.
    """

    text: str
    kind: str
    site_ids: tuple[str, ...]
    customers: tuple[str, ...]
    contract_id: str
    tier: str
    metric: str
    comparison: str
    first_tick: int
    end_tick: int
    starts_at: datetime
    ends_at: datetime
    beside_first_tick: int | None
    beside_end_tick: int | None
    zone: str
    is_time_stated: bool
    taken_as: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """An answer to an operator's question, from what is stored.

    Attributes:
        understood: the meaning that was taken from the question; None where it has none here.
        refusal: kind of reason for no answer: `off topic`, `unknown name`, `impossible time`, `out of reach`,
            `not stored` or `unclear`; empty for an answer.
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
    understood: Understood | None = None
    refusal: str = ""


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
