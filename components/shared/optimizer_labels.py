"""Labels of the optimizers and of the gaps of their plans, for the screens."""

from typing import Final

from components.shared import format as text
from mara.core.plan import known_gap_share
from mara.optimizer_names import LABELS

STATUS: Final = {"optimal": "proved optimal", "feasible": "feasible", "fallback": "fallback"}
SMALL_GAP_SHARE: Final = 1e-4
"""Gap below which the precision of a proof says no more."""


def maker_of(optimizer: str, status: str = "") -> str:
    """Name a plan's maker: `Linear program`, or `Rules, fallback` for a substitute."""
    name = LABELS.get(optimizer, optimizer or "–")
    return f"{name}, fallback" if status == "fallback" else name


def gap_share(objective_usd: float | None, bound_usd: float | None) -> float | None:
    """Return the gap of an objective to its bound over the bound; None without both."""
    share = known_gap_share(objective_usd, bound_usd)
    return None if share is None else max(share, 0.0)


def gap_text(share: float | None) -> str:
    """Format a gap: `0.012 %`; one below the proof's precision is given as a limit."""
    if share is None:
        return text.NOTHING
    return text.percent(share, 2) if share >= SMALL_GAP_SHARE else "< 0.01 %"
