"""Nearest known name to one that may be misspelt."""

from collections.abc import Iterable
from typing import Final

ALIKE_SHARE: Final = 0.6
"""Least share of common letters at which a known name is worth offering."""
MISSPELT_SHARE: Final = 0.75
"""Least share of right letters of a name: one mistake in four letters."""


def nearest(name: str, known: Iterable[str], *, least_share: float = ALIKE_SHARE) -> str | None:
    """Find the known name that shares most letters, in order, with an unknown one.

    Meant for what was written as a name: a setting, a field, a file. Words left out count little. With `least_share` 0
    the nearest is returned however far it is. Of names equally near it is the last in the alphabet, whatever the order
    of `known`, which may be a set.
    """
    from rapidfuzz import fuzz, process  # settings import this module, and most commands misspell nothing

    found = process.extractOne(name, _ordered(known), scorer=fuzz.ratio, score_cutoff=100.0 * least_share)
    return found[0] if found is not None else None


def meant_by(word: str, known: Iterable[str], *, least_share: float = MISSPELT_SHARE) -> str | None:
    """Find the known name that a word of a sentence is a misspelling of, if any.

    Counts letters that are missing, added, wrong, or swapped with their neighbour (optimal string alignment distance),
    relative to the longer of the two. Stricter than `nearest`, because most words of a sentence are no names.
    """
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    found = process.extractOne(word, _ordered(known), scorer=OSA.normalized_similarity, score_cutoff=least_share)
    return found[0] if found is not None else None


def _ordered(known: Iterable[str]) -> list[str]:
    """Sort names backwards.

    Of equally good ones the first is found, and a set has no order of its own.
    """
    return sorted(known, reverse=True)
