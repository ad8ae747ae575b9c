"""Answer what-if questions: the best plan of a tick as it is and as changed.

Both are solved by the linear program, the second from the basis of the first, so that a question without a change has
no difference. Large fleets are solved in blocks, each plan with a bound on its profit. Only records are made: the
run, its world and its optimizer stay as they are (decision 0208).
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, TIER_KEYS, UNPLACED, Tier
from mara.core.fleet import Fleet, site_index
from mara.core.plan import DualPrices, PlanStep, Problem
from mara.core.what_if import (
    MovedContract,
    SiteCase,
    SiteWhatIf,
    TierCase,
    TierWhatIf,
    WhatIf,
    WhatIfRequest,
)
from mara.optimizers.flexibility.simple_rules import with_peak_price
from mara.optimizers.lp.case import LpCase, check
from mara.optimizers.lp.columns import columns_of
from mara.optimizers.lp.decomposition.master import Optimum, optimum_from, solve_split
from mara.optimizers.lp.horizon import case_of, plan_steps, step_lengths
from mara.optimizers.lp.instruments.reading import with_power
from mara.optimizers.lp.model import model_of
from mara.optimizers.lp.solve import Basis
from mara.optimizers.lp.staged.one_way import solve_one_way
from mara.optimizers.quoting.pricing import EXACT_SITES, ContractDemand, fitting, with_demand
from mara.optimizers.scheduling.contract_scheduler import ContractScheduler


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SolvedCase:
    """The best plan of a case with its prices.

    Attributes:
        dt_h: length of each step (H,).
        steps: their targets; the first in whole contracts.
        bound_usd: profit that no plan of the case can exceed.
        rested_mwh, unserved_mwh: by promised tier (3,).
        basis: from which a similar case is solved; None where it was solved in blocks.
    """

    problem: Problem
    dt_h: Floats
    rate_usd_per_mwh: Floats
    profit_usd: float
    bound_usd: float
    steps: tuple[PlanStep, ...]
    shadow: DualPrices
    rested_mwh: Floats
    unserved_mwh: Floats
    basis: Basis | None


def solved_now(
    problem: Problem, waiting: tuple[ContractDemand, ...], deadline_s: float, basis: Basis | None = None
) -> SolvedCase:
    """Solve the best plan of a tick as it is, with the bookings that wait.

    Args:
        basis: of an earlier tick, to start from; None for a cold start.

    Raises:
        PlanError: the program cannot be solved, or not in time.
    """
    lengths = step_lengths(problem)
    return _solved(problem, _with_all(case_of(problem, lengths), problem, waiting), basis, deadline_s)


def solved_changed(
    now: SolvedCase, asked: WhatIfRequest, demands: tuple[ContractDemand, ...], deadline_s: float
) -> SolvedCase:
    """Solve the best plan of the same tick with the changes that are asked about.

    Args:
        demands: bookings that wait, and the contract that is asked about.

    Raises:
        CommandError: no site has a name that is asked about.
        PlanError: the program cannot be solved, or not in time.
    """
    problem = changed_problem(now.problem, asked)
    lengths = step_lengths(problem)
    up = np.ones(problem.config.fleet.site_count)
    up[_sites_off(asked, problem.config.fleet)] = 0.0
    case = _with_all(case_of(problem, lengths, up_share=sealed(up)), problem, demands)
    # New prices leave a basis feasible, not optimal; new limits leave it optimal, not feasible.
    has_new_limits = bool(asked.off_site_ids) or asked.contract is not None
    return _solved(problem, case, now.basis, deadline_s, by_dual=has_new_limits)


def changed_problem(problem: Problem, asked: WhatIfRequest) -> Problem:
    """Change prices and machines of a tick and its forecast as asked.

    Raises:
        CommandError: no site has a name that is asked about.
    """
    fleet, seen, ahead = problem.config.fleet, problem.observation, problem.forecast
    where = slice(None) if not asked.price_site_id else site_index(fleet.sites, asked.price_site_id)
    hashprice = 1.0 + asked.hashprice_change_share
    up = seen.availability_share.copy()
    up[_sites_off(asked, fleet)] = 0.0
    return replace(
        problem,
        observation=replace(
            seen,
            energy_price_usd_per_mwh=_dearer(seen.energy_price_usd_per_mwh, where, asked),
            availability_share=sealed(up),
            hashprice_usd_per_ph_day=seen.hashprice_usd_per_ph_day * hashprice,
            token_price_usd_per_mtok=seen.token_price_usd_per_mtok * (1.0 + asked.token_price_change_share),
        ),
        forecast=replace(
            ahead,
            energy_price_usd_per_mwh=_dearer(ahead.energy_price_usd_per_mwh, where, asked),
            hashprice_usd_per_ph_day=sealed(ahead.hashprice_usd_per_ph_day * hashprice),
        ),
        outlook=None,
    )


class MadePlan(Protocol):
    """A plan as it is remembered: its maker, its tick, and the profit it expected."""

    @property
    def optimizer(self) -> str: ...
    @property
    def made_tick(self) -> int: ...
    @property
    def objective_usd(self) -> float | None: ...


def compared(now: SolvedCase, changed: SolvedCase, in_force: MadePlan | None) -> WhatIf:
    """Put two plans of a tick beside each other, and tell of the one in force."""
    problem = now.problem
    fleet, grid = problem.config.fleet, problem.config.grid
    sites = [_sites_of(case) for case in (now, changed)]
    tiers = [_tiers_of(case) for case in (now, changed)]
    return WhatIf(
        tick=problem.tick,
        at=grid.at(problem.tick),
        horizon_h=float(now.dt_h.sum()),
        profit_now_usd=now.profit_usd,
        profit_changed_usd=changed.profit_usd,
        bound_now_usd=now.bound_usd,
        bound_changed_usd=changed.bound_usd,
        in_force_optimizer=in_force.optimizer if in_force is not None else "",
        in_force_tick=in_force.made_tick if in_force is not None else None,
        in_force_usd=in_force.objective_usd if in_force is not None else None,
        sites=tuple(
            SiteWhatIf(site_id=site.id, name=site.name, now=before, changed=after)
            for site, before, after in zip(fleet.sites, *sites, strict=True)
        ),
        tiers=tuple(
            TierWhatIf(tier=key, now=before, changed=after)
            for key, before, after in zip(TIER_KEYS, *tiers, strict=True)
        ),
        moves=_moves(now, changed),
    )


def _dearer(price_usd_per_mwh: Floats, where: slice | int, asked: WhatIfRequest) -> Floats:
    """Add to prices (..., S) of one or all sites; a share is one of their size."""
    changed = price_usd_per_mwh.copy()
    there = changed[..., where]
    changed[..., where] = there + asked.price_change_share * np.abs(there) + asked.price_change_usd_per_mwh
    return sealed(changed)


def _sites_off(asked: WhatIfRequest, fleet: Fleet) -> Ints:
    return np.array([site_index(fleet.sites, named) for named in asked.off_site_ids], dtype=np.int64)


def _with_all(case: LpCase, problem: Problem, demands: tuple[ContractDemand, ...]) -> LpCase:
    for demand in demands:
        case = with_demand(case, step_lengths(problem), problem.tick, demand)
    return case


def _solved(
    problem: Problem, case: LpCase, basis: Basis | None, deadline_s: float, *, by_dual: bool = True
) -> SolvedCase:
    check(case)
    optimum, basis = _optimum(case, basis, deadline_s, by_dual=by_dual)
    primal_mw = optimum.primal_mw
    columns = columns_of(case)
    table = primal_mw[: case.steps * columns.width].reshape(case.steps, columns.width)
    first, *later = with_power(plan_steps(primal_mw, columns, case.steps), primal_mw, columns, case)
    return SolvedCase(
        problem=problem,
        dt_h=case.dt_h,
        rate_usd_per_mwh=case.rate_usd_per_mwh,
        profit_usd=optimum.certificate.objective_usd,
        bound_usd=optimum.certificate.bound_usd,
        steps=(ContractScheduler(with_peak_price(problem)).from_megawatts(first), *later),
        shadow=optimum.shadow,
        rested_mwh=case.dt_h @ table[:, columns.shed],
        unserved_mwh=case.dt_h @ (table[:, columns.breached] + _broken_mw(table, columns.broken)),
        basis=basis,
    )


def _optimum(case: LpCase, basis: Basis | None, deadline_s: float, *, by_dual: bool) -> tuple[Optimum, Basis | None]:
    """Solve a case exactly, or in blocks where the fleet is too large for that."""
    if case.sites > EXACT_SITES:
        return solve_split(case, deadline_s=deadline_s), None
    model = model_of(case)
    solution = solve_one_way(model, case, basis=fitting(basis, model), by_dual=by_dual, deadline_s=deadline_s)
    return optimum_from(solution, model, case), solution.basis


def _broken_mw(table_mw: Floats, broken: Ints) -> Floats:
    """Return the power of promises that are broken because that pays (H, 3) [MW]."""
    return table_mw[:, broken] if len(broken) else np.zeros((len(table_mw), PROMISED_TIER_COUNT))


def _mean(values: Floats, dt_h: Floats) -> Floats:
    """Average values by step (H, ...) over the horizon."""
    return np.asarray(np.tensordot(dt_h, values, axes=1) / dt_h.sum())


def _sites_of(case: SolvedCase) -> list[SiteCase]:
    steps, dt_h = case.steps, case.dt_h
    batteries = [
        np.zeros_like(step.reserve_mw) if step.power is None else step.power.discharge_mw - step.power.charge_mw
        for step in steps
    ]
    means = [
        _mean(np.asarray(values), dt_h).tolist()
        for values in (
            [step.miners_mw.sum(axis=1) for step in steps],
            [step.merchant_mw.sum(axis=(0, 2)) for step in steps],
            [step.contracts_mw.sum(axis=1) for step in steps],
            batteries,
            case.shadow.site_power_usd_per_mwh,
            case.shadow.capacity_usd_per_mwh,
        )
    ]
    return [
        SiteCase(
            mining_mw=mining,
            inference_mw=inference,
            contracts_mw=contracts,
            battery_mw=battery,
            power_usd_per_mwh=power,
            racks_usd_per_mwh=racks,
        )
        for mining, inference, contracts, battery, power, racks in zip(*means, strict=True)
    ]


def _tiers_of(case: SolvedCase) -> list[TierCase]:
    served = np.tensordot(case.dt_h, np.array([step.contracts_mw.sum(axis=0) for step in case.steps]), axes=1)
    cost = _mean(case.shadow.demand_usd_per_mwh, case.dt_h) + case.rate_usd_per_mwh
    promised = np.arange(TIER_COUNT) < PROMISED_TIER_COUNT
    rested, unserved = np.zeros(TIER_COUNT), np.zeros(TIER_COUNT)
    rested[promised], unserved[promised] = case.rested_mwh, case.unserved_mwh
    return [
        TierCase(
            served_mwh=float(served[tier]),
            rested_mwh=float(rested[tier]),
            unserved_mwh=float(unserved[tier]),
            cost_usd_per_mwh=float(cost[tier]),
        )
        for tier in Tier
    ]


def _moves(now: SolvedCase, changed: SolvedCase) -> tuple[MovedContract, ...]:
    book, sites = now.problem.world.book, now.problem.config.fleet.site_ids
    before, after = now.steps[0].contract_site, changed.steps[0].contract_site
    return tuple(
        MovedContract(
            contract_id=book.contracts[c].id,
            customer=book.contracts[c].customer,
            tier=TIER_KEYS[book.contracts[c].tier],
            power_mw=book.contracts[c].power_mw,
            from_site_id="" if before[c] == UNPLACED else sites[before[c]],
            to_site_id="" if after[c] == UNPLACED else sites[after[c]],
        )
        for c in np.flatnonzero(before != after)
    )
