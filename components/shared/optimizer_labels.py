"""Labels of the optimizers for the screens."""

from typing import Final

from mara.optimizer_names import LABELS

STATUS: Final = {"optimal": "proved optimal", "feasible": "feasible", "fallback": "fallback"}


def maker_of(optimizer: str, status: str = "") -> str:
    """Name a plan's maker: `Linear program`, or `Rules, fallback` for a substitute."""
    name = LABELS.get(optimizer, optimizer or "–")
    return f"{name}, fallback" if status == "fallback" else name
