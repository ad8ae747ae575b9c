"""The optimizers by name, each ready for its use: step by step for simulations, beside the ticks for live runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mara.errors import ConfigError
from mara.optimizers.base import Optimizer
from mara.optimizers.fallback import WithFallback
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rolling_horizon import RollingHorizon
from mara.optimizers.rolling_lp import RollingLp
from mara.optimizers.rules.rules import Rules
from mara.optimizers.rules.static import Static

OPTIMIZERS: Final = ("static", "static-breakeven", "rules", "lp", "claude")
"""`claude` is the linear program, and advice where a live run can ask for it."""

PATIENT_S: Final = 600.0
"""Of a solve in a run that waits for each plan."""
_BASELINES: Final = ("static-breakeven", "static")
"""They never leave anybody unserved by choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundOptimizer:
    """An optimizer that works in a thread, who keeps its plans, and how it is given up."""

    optimizer: Optimizer
    keeper: RollingHorizon
    cancel: Callable[[], None]


def optimizer_of(name: str, *, spends_budgets: bool = True, deadline_s: float = PATIENT_S) -> Optimizer:
    """The optimizer of that name for runs that wait for each plan, with rules behind it; `deadline_s` is the solver's.

    Raises:
        ConfigError: no such optimizer.
    """
    refuse_unknown_optimizer(name)
    rules = Rules(spends_budgets=spends_budgets)
    if name in ("lp", "claude"):
        return RollingLp.of(Lp(warm=True, deadline_s=deadline_s, spends_budgets=spends_budgets), rules)
    if name == "rules":
        return rules
    return WithFallback((Static(breakeven=name == "static-breakeven"), rules))


def refuse_unknown_optimizer(name: str) -> None:
    """Look whether there is an optimizer of that name.

    Raises:
        ConfigError: no such optimizer.
    """
    if name not in OPTIMIZERS:
        raise ConfigError(f"the optimizer must be one of {', '.join(OPTIMIZERS)}, got {name!r}: choose one of these")


def companions_of(
    name: str, *, spends_budgets: bool = True, deadline_s: float = PATIENT_S
) -> dict[str, Optimizer | None]:
    """Who plans the worlds beside a live run, by name; None where that would be just as the live run plans."""
    has_budgets = spends_budgets and name not in _BASELINES
    frugal = optimizer_of(name, spends_budgets=False, deadline_s=deadline_s) if has_budgets else None
    return {
        "rules-no-budgets": optimizer_of("rules", spends_budgets=False) if name != "rules" or spends_budgets else None,
        "rules": None if name == "rules" and spends_budgets else optimizer_of("rules"),
        **{baseline: None if name == baseline else optimizer_of(baseline) for baseline in _BASELINES},
        "no-budgets": frugal,
    }


def asked_of(optimizer: Optimizer, *, spends_budgets: bool = True) -> BackgroundOptimizer:
    """The same optimizer for live runs, which do not wait for every plan; what it planned so far stays in force."""
    if isinstance(optimizer, RollingLp):
        return BackgroundOptimizer(
            optimizer=WithFallback((optimizer.lp,)), keeper=optimizer.keeper, cancel=optimizer.lp.cancel
        )
    keeper = RollingHorizon(Rules(spends_budgets=spends_budgets), spends_budgets)
    return BackgroundOptimizer(optimizer=optimizer, keeper=keeper, cancel=lambda: None)
