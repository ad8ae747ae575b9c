"""What an advisor was told, as a flat ledger: each answer of a tool is an entry of facts, their units last."""

from collections.abc import Mapping
from typing import Final

SIGNIFICANT_DIGITS: Final = 4
"""Of a fact as the advisor reads it; the ledger keeps all of them."""
MAX_FACTS: Final = 20_000


class FactLedger:
    """Grows by one entry with every answer, ``E0``, ``E1`` …; facts go by ``E1.key``."""

    def __init__(self) -> None:
        self.facts: dict[str, float] = {}
        self._count = 0

    def add(self, found: Mapping[str, float]) -> dict[str, float]:
        """Keep an entry; returns it as the advisor may read it, by full name."""
        entry = f"E{self._count}"
        self._count += 1
        assert len(self.facts) + len(found) <= MAX_FACTS, "the turns of a conversation are limited"
        self.facts |= {f"{entry}.{key}": float(value) for key, value in found.items()}
        return {f"{entry}.{key}": _short(value) for key, value in found.items()}


def _short(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
