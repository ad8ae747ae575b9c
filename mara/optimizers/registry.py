"""The registry of optimizers, with a builder for each.

Optimizers are built to run within the ticks of a simulation, or beside those of a live run.

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
    """An optimizer that works in a thread, and the rolling horizon of its plans.

    `cancel` stops a solve under way.
    """

    optimizer: Optimizer
    horizon: RollingHorizon
    cancel: Callable[[], None]


def optimizer_of(name: str, *, budgets: BudgetPolicy = SPENDS, deadline_s: float = PATIENT_S) -> Optimizer:
    """Build an optimizer for runs that wait for each plan, with rules behind it.

    `deadline_s` limits each solve [s].

    Raises:
        ConfigError: there is no such optimizer.
    """
    refuse_unknown_optimizer(name)
    return BUILDERS[name](budgets, deadline_s)


def refuse_unknown_optimizer(name: str) -> None:
    """Refuse a name that is no optimizer's.

    Raises:
        ConfigError: there is no such optimizer.
    """
    if name not in BUILDERS:
        raise ConfigError(f"the optimizer must be one of {', '.join(KEYS)}, got {name!r}: choose one of these")


def companions_of(
    name: str, *, budgets: BudgetPolicy = SPENDS, deadline_s: float = PATIENT_S
) -> dict[str, Optimizer | None]:
    """Build the optimizers of the worlds beside a live run, by name.

    None stands for one that would make the same plans as the live run.

    Raises:
        ConfigError: there is no optimizer of that name.
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

    The plan that it made last stays in force.
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
"""Builders of the optimizers by name.

`claude` builds the linear program; a live run adds the advice.
"""
