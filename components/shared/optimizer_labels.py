"""Names of the optimizers as people call them."""

from typing import Final

from mara.optimizer_names import LABELS

STATUS: Final = {"optimal": "proved optimal", "feasible": "feasible", "fallback": "fallback"}


def maker_of(optimizer: str, status: str = "") -> str:
    """`Linear program`; of a plan that stands in for another one `Rules, fallback`."""
    name = LABELS.get(optimizer, optimizer or "–")
    return f"{name}, fallback" if status == "fallback" else name
