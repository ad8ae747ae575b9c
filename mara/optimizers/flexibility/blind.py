"""A planner that ignores an instrument, to measure what planning with it is worth.

What it ignores is settled all the same: charges are paid. Batteries and products that no plan uses lie idle, so that
for them it is the worth of having them.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from mara.core.arrays import sealed
from mara.core.plan import Plan, PlanStep, Problem
from mara.core.power_terms import PowerTerms
from mara.core.world import RunConfig
from mara.errors import ConfigError
from mara.optimizers.base import Optimizer

ADDER: Final = "adder"
DEMAND: Final = "demand"
COINCIDENT_PEAK: Final = "coincident_peak"
BATTERY: Final = "battery"
PRODUCTS: Final = "products"
INSTRUMENTS: Final = (ADDER, DEMAND, COINCIDENT_PEAK, BATTERY, PRODUCTS)


@dataclass(frozen=True, slots=True)
class Blind:
    """An optimizer that plans as if a fleet had no such instrument."""

    optimizer: Optimizer
    instrument: str

    @property
    def name(self) -> str:
        return self.optimizer.name

    def plan(self, problem: Problem) -> Plan:
        """Plan without the instrument.

        Raises:
            PlanError: the optimizer failed.
        """
        plan = self.optimizer.plan(replace(problem, config=_without(problem.config, self.instrument)))
        if self.instrument != PRODUCTS:
            return plan
        return replace(plan, steps=tuple(_sells_nothing(step) for step in plan.steps))


def refuse_unknown_instrument(name: str, terms: PowerTerms | None) -> None:
    """Refuse an instrument that there is none of.

    Raises:
        ConfigError: the name is none of `INSTRUMENTS`, or the fleet has no such instrument.
    """
    if name not in INSTRUMENTS:
        raise ConfigError(f"--without should be one of {', '.join(INSTRUMENTS)}, came {name!r}: choose one of these")
    if terms is None or not getattr(terms, _FIELDS[name]):
        raise ConfigError(f"--without {name} needs a fleet with {name}, this one has none: leave it out")


@lru_cache(maxsize=8)
def _without(config: RunConfig, instrument: str) -> RunConfig:
    terms = config.fleet.power
    if terms is None:
        return config
    if instrument == PRODUCTS:
        # The arrays of the run stay as long as its products; at no price and no call nothing is pledged for gain.
        idle = tuple(replace(p, sites=(), expected_deployment_share=0.0) for p in terms.products)
        return replace(config, fleet=replace(config.fleet, power=replace(terms, products=idle)))
    gone: dict[str, Any] = {_FIELDS[instrument]: ()}
    return replace(config, fleet=replace(config.fleet, power=replace(terms, **gone)))


def _sells_nothing(step: PlanStep) -> PlanStep:
    if step.power is None:
        return step
    return replace(step, power=replace(step.power, award_mw=sealed(np.zeros_like(step.power.award_mw))))


_FIELDS: Final = {
    ADDER: "adders",
    DEMAND: "demand",
    COINCIDENT_PEAK: "peaks",
    BATTERY: "batteries",
    PRODUCTS: "products",
}
