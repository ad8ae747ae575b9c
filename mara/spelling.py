"""Search for the known name nearest to one that may be misspelt."""

from collections.abc import Iterable
from typing import Final

ALIKE_SHARE: Final = 0.6
"""Least share of common letters at which a known name is suggested."""
MISSPELT_SHARE: Final = 0.75
"""Least share of right letters at which a word counts as a misspelt name."""


def nearest(name: str, known: Iterable[str], *, least_share: float = ALIKE_SHARE) -> str | None:
    """Find the known name that shares most letters, in order, with an unknown one.

    Meant for words written as a name: a setting, a field, a file. Words left out count little. With `least_share` 0
    the nearest is returned however far it is. Of names equally near it is the last in the alphabet, whatever the order
    of `known`, which may be a set.
    """
    from rapidfuzz import (
        fuzz,
        process,
    )  # imported here, because settings import this module and most runs need no suggestion

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

    The first of equally near names is chosen, so a set needs a fixed order.
    """
    return sorted(known, reverse=True)
