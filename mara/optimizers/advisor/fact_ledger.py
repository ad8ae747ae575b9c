"""Ledger of the facts that a conversation was told.

Each answer of a tool adds an entry, ``E0``, ``E1`` and so on. A fact is referred to by entry and key, such as
``E1.moved_mw``; a key ends in the fact's unit.
"""

from collections.abc import Mapping
from typing import Final

SIGNIFICANT_DIGITS: Final = 4
"""Digits of a fact as the model reads it; the ledger keeps all of them. Chosen."""
MAX_FACTS: Final = 20_000
"""Most facts of a conversation; its limited turns never reach that many."""


class FactLedger:
    """Facts of one conversation by full reference.

    Attributes:
        facts: value of each fact, in the unit that its key ends in.
    """

    def __init__(self) -> None:
        self.facts: dict[str, float] = {}
        self._count = 0

    def add(self, found: Mapping[str, float]) -> dict[str, float]:
        """Add an entry of facts by key.

        Returns the facts by full reference, rounded as the model reads them.
        """
        entry = f"E{self._count}"
        self._count += 1
        assert len(self.facts) + len(found) <= MAX_FACTS, "the turns of a conversation are limited"
        self.facts |= {f"{entry}.{key}": float(value) for key, value in found.items()}
        return {f"{entry}.{key}": float(f"{value:.{SIGNIFICANT_DIGITS}g}") for key, value in found.items()}
