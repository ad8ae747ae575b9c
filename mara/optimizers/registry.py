"""The registry of optimizers: what builds each.

Step by step for simulations, and beside the ticks for live runs.

Names and labels are in `mara.optimizer_names`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mara.errors import ConfigError
from mara.optimizer_names import BASELINES, CLAUDE, KEYS, LP, RULES, STATIC, STATIC_BREAKEVEN
from mara.optimizers.base import KEEPS, SPENDS, BudgetPolicy, Optimizer
from mara.optimizers.fallback import WithFallback
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.rolling_horizon import RollingHorizon
from mara.optimizers.rules.rules import Rules
from mara.optimizers.rules.static import Static

PATIENT_S: Final = 600.0
"""Time limit of a solve in a run that waits for each plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundOptimizer:
    """An optimizer that works in a thread, and the horizon that holds its plans.

    `cancel` gives it up.
    """

    optimizer: Optimizer
    horizon: RollingHorizon
    cancel: Callable[[], None]


def optimizer_of(name: str, *, budgets: BudgetPolicy = SPENDS, deadline_s: float = PATIENT_S) -> Optimizer:
    """Build an optimizer for runs that wait for each plan, with rules behind it.

    `deadline_s` is the solver's.

    Raises:
        ConfigError: no such optimizer.
    """
    refuse_unknown_optimizer(name)
    return BUILDERS[name](budgets, deadline_s)


def refuse_unknown_optimizer(name: str) -> None:
    """Look whether there is an optimizer of that name.

    Raises:
        ConfigError: no such optimizer.
    """
    if name not in BUILDERS:
        raise ConfigError(f"the optimizer must be one of {', '.join(KEYS)}, got {name!r}: choose one of these")


def companions_of(
    name: str, *, budgets: BudgetPolicy = SPENDS, deadline_s: float = PATIENT_S
) -> dict[str, Optimizer | None]:
    """Build the optimizers of the worlds beside a live run, by name.

    None where one would plan just as the live run.
    """
    has_budgets = budgets.spends and name not in BASELINES
    frugal = optimizer_of(name, budgets=KEEPS, deadline_s=deadline_s) if has_budgets else None
    return {
        "rules-no-budgets": optimizer_of(RULES, budgets=KEEPS) if name != RULES or budgets.spends else None,
        RULES: None if name == RULES and budgets.spends else optimizer_of(RULES),
        STATIC_BREAKEVEN: None if name == STATIC_BREAKEVEN else optimizer_of(STATIC_BREAKEVEN),
        STATIC: None if name == STATIC else optimizer_of(STATIC),
        "no-budgets": frugal,
    }


def in_background(optimizer: Optimizer, *, budgets: BudgetPolicy = SPENDS) -> BackgroundOptimizer:
    """Make an optimizer work beside the ticks of a live run.

    What it planned so far stays in force.
    """
    if isinstance(optimizer, RollingHorizon) and optimizer.lp is not None:
        lp = optimizer.lp
        return BackgroundOptimizer(optimizer=WithFallback((lp,)), horizon=optimizer, cancel=lp.cancel)
    return BackgroundOptimizer(
        optimizer=optimizer, horizon=RollingHorizon(Rules(budgets), budgets), cancel=lambda: None
    )


def _program(budgets: BudgetPolicy, deadline_s: float) -> Optimizer:
    return RollingHorizon(Rules(budgets), budgets, Lp(warm=True, deadline_s=deadline_s, budgets=budgets))


BUILDERS: Final[dict[str, Callable[[BudgetPolicy, float], Optimizer]]] = {
    STATIC: lambda budgets, _: WithFallback((Static(), Rules(budgets))),
    STATIC_BREAKEVEN: lambda budgets, _: WithFallback((Static(breakeven=True), Rules(budgets))),
    RULES: lambda budgets, _: Rules(budgets),
    LP: _program,
    CLAUDE: _program,
}
"""Builders of the optimizers.

`claude` is the linear program, and advice where a live run can ask for it.
"""
