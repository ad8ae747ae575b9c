"""The facts of one answer: what is told here is the only way in which a number gets into a sentence."""

from dataclasses import dataclass, field

from mara.core.explanation import Fact
from mara.core.grounding import quantity


@dataclass(slots=True)
class Facts:
    """Collects the facts of one explanation."""

    found: list[Fact] = field(default_factory=list)
    amounts: dict[str, float] = field(default_factory=dict)

    def told(self, name: str, label: str, value: float) -> str:
        """The number with its unit, remembered as a fact; said twice it is one fact. `name` ends in its unit."""
        known = next((fact for fact in self.found if fact.label == label and self.amounts[fact.ref] == value), None)
        if known is not None:
            return known.text
        ref = f"F{len(self.found) + 1}.{name}"
        self.found.append(Fact(ref=ref, label=label, text=quantity(ref, value)))
        self.amounts[ref] = value
        return self.found[-1].text
