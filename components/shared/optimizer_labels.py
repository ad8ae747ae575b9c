"""Names of the optimizers as people call them."""

from typing import Final

MAKERS: Final = {
    "static": "Static",
    "static-breakeven": "Static, break-even",
    "rules": "Rules",
    "lp": "Linear program",
    "claude": "Claude",
    "claude-adjusted": "Claude, adjusted",
}
STATUS: Final = {"optimal": "proved optimal", "feasible": "feasible", "fallback": "fallback"}


def maker_of(optimizer: str, status: str = "") -> str:
    """`Linear program`; of a plan that stands in for another one `Rules, fallback`."""
    name = MAKERS.get(optimizer, optimizer or "–")
    return f"{name}, fallback" if status == "fallback" else name
