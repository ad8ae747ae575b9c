"""Optimizers in order of preference, of which the first usable plan is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mara.core.arrays import Ints
from mara.core.contract import TIER_COUNT, UNPLACED
from mara.core.fleet import MINER_COUNT, RACK_KIND_COUNT
from mara.core.plan import Plan, PlanStep, PowerStep, Problem
from mara.errors import PlanError, PlanRejected
from mara.optimizers.base import Optimizer


@dataclass(frozen=True, slots=True)
class WithFallback:
    """Optimizers that are tried in turn.

    An unusable plan counts as a failure; the reason is kept in the note of the plan taken.
    """

    optimizers: tuple[Optimizer, ...]

    @property
    def name(self) -> str:
        return self.optimizers[0].name

    def plan(self, problem: Problem) -> Plan:
        """Return the first usable plan.

        A fallback says in its note why the better ones failed.

        Raises:
            PlanError: every optimizer failed; the message is the last one's.
        """
        reasons: list[str] = []
        for optimizer in self.optimizers:
            try:
                plan = optimizer.plan(problem)
                check(plan, problem)
            except PlanError as error:
                reasons.append(f"{optimizer.name}: {error}")
                continue
            return replace(plan, status="fallback", note="; ".join(reasons)) if reasons else plan
        raise PlanRejected("no usable plan: " + "; ".join(reasons))


def check(plan: Plan, problem: Problem) -> None:
    """Refuse a malformed plan before it reaches dispatch.

    Raises:
        PlanRejected: an array has a wrong shape, NaN, infinity or a negative power, or a step has no length.
    """
    sites = problem.config.fleet.site_count
    regions = len(problem.observation.demand_tokens_per_h)
    shapes = {
        "miners_mw": (sites, MINER_COUNT),
        "merchant_mw": (regions, sites, RACK_KIND_COUNT),
        "contracts_mw": (sites, TIER_COUNT),
        "reserve_mw": (sites,),
    }
    if not plan.steps or len(plan.steps) != len(plan.step_ticks):
        raise PlanRejected(
            f"a plan needs one length for each step, got {len(plan.steps)} steps and {len(plan.step_ticks)} lengths"
        )
    are_sound = _are_sound(plan.steps, shapes)
    for step in plan.steps:
        if not are_sound:
            _check_step(step, shapes)
        if step.power is not None:
            products = 0 if problem.config.fleet.power is None else len(problem.config.fleet.power.products)
            of_sites = dict.fromkeys(("charge_mw", "discharge_mw", "draw_limit_mw"), (sites,))
            _check_step(step.power, of_sites | {"award_mw": (products, sites)})
        _check_sites(step.contract_site, sites, len(problem.world.book.contracts))
        _check_broken(step.broken_contract, len(problem.world.book.contracts))


def _are_sound(steps: Sequence[PlanStep], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Say whether all steps are well formed, by one look at all their numbers."""
    arrays = [(getattr(step, name), shape) for step in steps for name, shape in shapes.items()]
    if any(array.shape != shape for array, shape in arrays):
        return False
    powers_mw = np.concatenate([array.ravel() for array, _ in arrays])
    return bool(_is_power(powers_mw.min(initial=0.0), powers_mw.max(initial=0.0)))


def _is_power(least_mw: float, most_mw: float) -> bool:
    # NaN fails both comparisons, infinity the second.
    return least_mw >= -_ROUNDING_MW and most_mw < np.inf


def _check_step(step: PlanStep | PowerStep, shapes: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in shapes.items():
        array = getattr(step, name)
        if array.shape != shape:
            raise PlanRejected(f"{name} must have shape {shape}, got {array.shape}")
        least, most = array.min(initial=0.0), array.max(initial=0.0)
        if not _is_power(least, most):
            raise PlanRejected(f"{name} must be finite and not negative, got {least} to {most} MW")


def _check_sites(contract_site: Ints, sites: int, contracts: int) -> None:
    if not len(contract_site):
        return
    if contract_site.shape != (contracts,) or contract_site.dtype != np.int64:
        raise PlanRejected(
            f"contract_site must be {contracts} whole numbers, got {contract_site.dtype} {contract_site.shape}"
        )
    least, most = int(contract_site.min()), int(contract_site.max())
    if least < UNPLACED or most >= sites:
        raise PlanRejected(f"contract_site must name sites below {sites} or be {UNPLACED}, got {least} to {most}")


def _check_broken(broken: Ints, contracts: int) -> None:
    if broken.ndim != 1 or broken.dtype != np.int64:
        raise PlanRejected(f"broken_contract must be a list of whole numbers, got {broken.dtype} {broken.shape}")
    if len(broken) and not 0 <= broken.min() <= broken.max() < contracts:
        raise PlanRejected(f"broken_contract must name columns below {contracts}, got {broken.min()} to {broken.max()}")


_ROUNDING_MW = 1e-9
