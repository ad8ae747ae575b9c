"""Claims whose numbers are references into a ledger of facts.

A fact is a number under a flat name such as ``E2.cost_usd_per_h``, its unit last. A claim never holds a digit: it holds
``{{E2.cost_usd_per_h}}``, and the value with its unit is printed here, so that what is shown was computed.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import Final, Literal, get_args

ClaimKind = Literal["climate_savings", "timezone_optimization", "cost", "sla", "other"]
Direction = Literal["lower", "higher", "none"]
CLAIM_KINDS: Final = get_args(ClaimKind)
MAX_TEXT_LENGTH: Final = 600
"""Most characters of a headline or a claim before it is filled in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A claim as its maker wrote it.

    Attributes:
        text: prose with ``{{ref}}`` where numbers belong.
        direction: whether the first of the same-unit facts is lower or higher than the second, or a change is a fall
            or a rise.
        refs: facts that the claim rests on, beside those in its text.
    """

    kind: ClaimKind
    text: str
    direction: Direction
    refs: tuple[str, ...]

    @property
    def all_refs(self) -> tuple[str, ...]:
        """References in the order in which they stand, each once."""
        return tuple(dict.fromkeys((*refs_in(self.text), *self.refs)))


def refs_in(text: str) -> tuple[str, ...]:
    """The references in a text."""
    return tuple(found.strip() for found in _REF.findall(text))


def faults_of(
    headline: str, drafts: Sequence[Draft], facts: Mapping[str, float], names: Mapping[str, str]
) -> tuple[str, ...]:
    """List the faults of an explanation, as sentences its maker can act on.

    Empty where it is grounded.

    Args:
        names: texts for the ids that a claim may use, such as ``s01``.
    """
    faults = [f"headline: {fault}" for fault in (*_prose_faults(headline, names), *_unknown(refs_in(headline), facts))]
    if not drafts:
        faults.append("claims: give at least one")
    for n, draft in enumerate(drafts):
        own = (*_prose_faults(draft.text, names), *_unknown(draft.all_refs, facts)) or _grounds_faults(draft, facts)
        faults += [f"claims[{n}]: {fault}" for fault in own]
    return tuple(faults)


def rendered(text: str, facts: Mapping[str, float], names: Mapping[str, str]) -> str:
    """Fill in a grounded text: values with units for references, names for ids."""
    parts: list[str] = []
    end = 0
    for found in _REF.finditer(text):
        parts += [_named(text[end : found.start()], names), quantity(found[1].strip(), facts[found[1].strip()])]
        end = found.end()
    return "".join((*parts, _named(text[end:], names)))


def quantity(ref: str, value: float) -> str:
    """Write a fact with its unit and three significant digits: `3 105 USD/h`."""
    unit = unit_of(ref)
    if unit == "share":
        return f"{_number(100.0 * value)} %"
    return f"{_number(value)} {_UNIT_TEXTS[unit]}".rstrip()


def unit_of(ref: str) -> str:
    """Unit that a fact's name ends in, empty where it has none."""
    return next((unit for unit in _UNITS if ref == unit or ref.endswith((f"_{unit}", f".{unit}"))), "")


def _prose_faults(text: str, names: Mapping[str, str]) -> list[str]:
    """Find numbers that are no references, and letters that no screen should show."""
    faults = []
    if not text.strip() or len(text) > MAX_TEXT_LENGTH:
        faults.append(f"write 1 to {MAX_TEXT_LENGTH} characters")
    prose = _REF.sub(" ", text)
    prose = _WORD.sub(lambda word: " " if word[0] in names else word[0], prose)
    if not prose.replace("\n", " ").isprintable():
        faults.append("leave out control characters")
    numeric = next((letter for letter in prose if unicodedata.numeric(letter, None) is not None or letter in "%‰"), "")
    word = _QUANTITY_WORDS.search(prose)
    if numeric or word:
        found = numeric or (word[0] if word else "")
        faults.append(f"{found!r} is a number: refer to a fact as {{{{E1.key}}}} instead")
    if "{" in prose or "}" in prose:
        faults.append("braces hold a reference, as in {{E1.key}}")
    return faults


def _unknown(refs: Sequence[str], facts: Mapping[str, float]) -> list[str]:
    return [f"there is no fact {ref!r}" for ref in refs if not isfinite(facts.get(ref, float("nan")))]


def _grounds_faults(draft: Draft, facts: Mapping[str, float]) -> list[str]:
    """List what is wrong with the facts of a claim whose references are all known."""
    refs = draft.all_refs
    if not refs:
        return ["refer to at least one fact"]
    faults = []
    wanted = _KIND_WORDS.get(draft.kind)
    if wanted is not None and not any(word in ref for ref in refs for word in wanted):
        faults.append(f"{draft.kind} must refer to a fact with {' or '.join(wanted)} in its name")
    if draft.direction != "none":
        step = _step_between(refs, facts)
        if step is None:
            faults.append("a direction needs two facts of one unit, or one that is a change")
        elif (step < 0.0) is not (draft.direction == "lower") or step == 0.0:
            faults.append(f"the facts do not say {draft.direction}")
    return faults


def _step_between(refs: Sequence[str], facts: Mapping[str, float]) -> float | None:
    """Difference of the first two facts of one unit, or a fact that is a change."""
    for n, ref in enumerate(refs):
        other = next((o for o in refs[n + 1 :] if unit_of(o) == unit_of(ref)), None)
        if "_change_" in ref:
            return facts[ref]
        if other is not None and "_change_" not in other:
            return facts[ref] - facts[other]
    return None


def _named(prose: str, names: Mapping[str, str]) -> str:
    return _WORD.sub(lambda word: names.get(word[0], word[0]), prose)


def _number(value: float) -> str:
    """Write a number with three significant digits, thousands apart, and a real minus."""
    before_point = floor(log10(abs(value))) + 1 if value else 1
    decimals = min(max(3 - max(before_point, 1), 0), 2)
    shown = f"{abs(round(value, decimals)):,.{decimals}f}"
    if decimals:
        shown = shown.rstrip("0").rstrip(".")
    sign = "\u2212" if round(value, decimals) < 0.0 else ""
    return sign + shown.replace(",", "\u202f")


_REF: Final = re.compile(r"\{\{([^{}]{1,120})\}\}")
_WORD: Final = re.compile(r"[A-Za-z0-9_-]+")
_QUANTITY_WORDS: Final = re.compile(
    r"\b(?:zero|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|"
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|millions?|billions?|trillions?|dozens?|"
    r"half|halves|halv(?:ed?|ing)|thirds?|quarters?|twice|thrice|doubl(?:es?|ed|ing)|tripl(?:es?|ed|ing)|"
    r"quadrupl(?:es?|ed|ing)|\w*fold|per\s?cent|percentages?)\b",
    re.IGNORECASE,
)
_KIND_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "climate_savings": ("carbon", "cooling", "climate", "pue"),
    "timezone_optimization": ("time_zone",),
}
_UNIT_TEXTS: Final[Mapping[str, str]] = {
    "usd_per_ph_day": "USD/PH/day",
    "usd_per_mwh": "USD/MWh",
    "usd_per_mw": "USD/MW",
    "usd_per_h": "USD/h",
    "g_per_kwh": "g CO2/kWh",
    "t_per_h": "t CO2/h",
    "mwh": "MWh",
    "mw": "MW",
    "usd": "USD",
    "share": "%",
    "ticks": "ticks",
    "count": "",
    "pue": "",
    "t": "t CO2",
    "c": "°C",
    "": "",
}
_UNITS: Final = tuple(unit for unit in _UNIT_TEXTS if unit)
