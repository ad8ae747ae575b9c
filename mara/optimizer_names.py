"""Names of the optimizers, for settings, commands, screens and the registry.

This module imports no optimizer, so settings and screens may both import it. `mara.optimizers.registry` builds each
optimizer by its key; the colours of charts are in the theme.
"""

from dataclasses import dataclass
from typing import Final

STATIC: Final = "static"
STATIC_BREAKEVEN: Final = "static-breakeven"
RULES: Final = "rules"
LP: Final = "lp"
CLAUDE: Final = "claude"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerName:
    """An optimizer as it is chosen and shown.

    Attributes:
        key: the name in settings, commands, files and JSON.
        label: the name on screens and in reports.
        is_baseline: never leaves a contract unserved by choice; gains are measured against it.
        is_policy: can be compared in backtests and studies.
        backtest_ratio: run time of its backtest over that of `static`, to an order of magnitude.
    """

    key: str
    label: str
    is_baseline: bool = False
    is_policy: bool = True
    backtest_ratio: float = 1.0


OPTIMIZER_NAMES: Final = (
    OptimizerName(key=STATIC, label="Static", is_baseline=True),
    OptimizerName(key=STATIC_BREAKEVEN, label="Static, break-even", is_baseline=True),
    OptimizerName(key=RULES, label="Rules", backtest_ratio=1.2),
    OptimizerName(key=LP, label="Linear program", backtest_ratio=60.0),
    OptimizerName(key=CLAUDE, label="Claude", is_policy=False, backtest_ratio=60.0),
)
KEYS: Final = tuple(optimizer.key for optimizer in OPTIMIZER_NAMES)
POLICIES: Final = tuple(optimizer.key for optimizer in OPTIMIZER_NAMES if optimizer.is_policy)
"""Optimizers that backtests and studies compare."""
BASELINES: Final = tuple(optimizer.key for optimizer in OPTIMIZER_NAMES if optimizer.is_baseline)
BACKTEST_RATIO: Final = {optimizer.key: optimizer.backtest_ratio for optimizer in OPTIMIZER_NAMES}
LABELS: Final = {
    **{optimizer.key: optimizer.label for optimizer in OPTIMIZER_NAMES},
    "claude-adjusted": "Claude, adjusted",
}
"""Label of each maker of plans.

``claude-adjusted`` is Claude's answer after it was moved to the nearest feasible allocation.
"""
