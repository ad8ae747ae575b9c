"""Capacity for whole contracts: the site for a request, and what fits elsewhere.

Requests are given by size and tier, because the contract book does not hold them yet.
Model: docs/model.md#11-quotes
"""

from dataclasses import dataclass
from functools import partial
from math import floor
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.booking import COMMITTED_SHARE
from mara.core.contract import UNPLACED, Tier
from mara.core.fleet import Workload
from mara.core.plan import Problem
from mara.core.quote import Assignment
from mara.core.units import TOLERANCE_MW
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.rows import rack_room_mw
from mara.optimizers.quoting.pricing import ContractDemand, PricedSolution, life_mean
from mara.optimizers.scheduling.site_load import fits

SIZE_STEP_MW: Final = 0.1
"""Step of the sizes of alternatives [MW]. Chosen."""
MAX_SPLIT: Final = 10
"""Most contracts that one request is split into."""
SCARCE_USD_PER_MWH: Final = 0.5
"""Least value of racks that an explanation mentions as scarce. Chosen."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteCapacity:
    """Capacity of each site for whole contracts.

    Attributes:
        whole_mw: contract power that racks and grid of a site carry in every hour of the request (S,).
        free_mw: the part of it that no promised contract takes; contracts that are scheduled off or wait to be booked
            take theirs too (S,).
        promised: size [MW] and tier of the promised contracts at each site, the smallest first.
        left_mw: power that may still be promised in the whole fleet.
        unplaced_mw: promised power for which no site was found.
    """

    whole_mw: Floats
    free_mw: Floats
    promised: tuple[tuple[tuple[float, int], ...], ...]
    left_mw: float
    unplaced_mw: float


def capacity_of(
    problem: Problem, case: LpCase, demand: ContractDemand, waiting: tuple[ContractDemand, ...] = ()
) -> SiteCapacity:
    """Compute the capacity for a request, after the bookings that wait.

    Spot gives way to other contracts, so it takes no capacity. Promised contracts that are scheduled off or wait to be
    booked are placed where most is free, the largest first.
    """
    world, fleet = problem.world, problem.config.fleet
    # The worst hour counts: a site that is down now cannot hold a contract that starts now.
    whole = rack_room_mw(case).min(axis=0)
    book, accounts = world.book, world.accounts
    promised = (book.tier != Tier.SPOT) & (book.ends_tick > demand.starts_tick)
    placed = promised & (accounts.site != UNPLACED) & accounts.served
    at: list[list[tuple[float, int]]] = [[] for _ in range(fleet.site_count)]
    to_place = [(other.power_mw, int(other.tier)) for other in waiting if other.tier is not Tier.SPOT]
    for size, tier, s, is_placed in zip(
        book.power_mw[promised].tolist(),
        book.tier[promised].tolist(),
        accounts.site[promised].tolist(),
        placed[promised].tolist(),
        strict=True,
    ):
        (at[s] if is_placed else to_place).append((size, tier))
    free = whole - np.array([sum(size for size, _ in those) for those in at])
    unplaced = 0.0
    for size, tier in sorted(to_place, reverse=True):
        s = int(np.argmax(free))
        if fits(size, float(free[s])):
            free[s] -= size
            at[s].append((size, tier))
        else:
            unplaced += size
    racks = np.minimum(fleet.racks_mw, fleet.grid_limit_mw)
    committed = float(book.promised_mw.sum() - book.promised_mw[Tier.SPOT])
    committed += sum(other.power_mw for other in waiting if other.tier is not Tier.SPOT)
    return SiteCapacity(
        whole_mw=whole,
        free_mw=np.maximum(free, 0.0),
        promised=tuple(tuple(sorted(those)) for those in at),
        left_mw=COMMITTED_SHARE * float(racks.sum()) - committed,
        unplaced_mw=unplaced,
    )


def assignment_of(
    capacity: SiteCapacity, problem: Problem, after: PricedSolution, demand: ContractDemand
) -> Assignment | None:
    """Assign a request to the cheapest site that can hold it whole.

    Other contracts are moved away where that pays, except for Spot. None where no site can hold the request.
    """
    costs = site_costs_usd_per_mwh(after, demand, problem.config.grid.ticks_per_hour)
    candidates = [_candidate_at(s, capacity, problem, costs, demand) for s in range(len(costs))]
    able = sorted(
        (candidate for candidate in candidates if candidate is not None),
        key=lambda candidate: (candidate.cost_usd_per_mwh, candidate.site),
    )
    if not able:
        return None
    best = able[0]
    site = problem.config.fleet.sites[best.site]
    return Assignment(
        site_id=site.id,
        site_name=site.name,
        cost_usd_per_mwh=best.cost_usd_per_mwh,
        free_mw=float(capacity.free_mw[best.site]),
        moved_mw=best.moved_mw,
        why=_why(problem, after, demand, able),
    )


def site_costs_usd_per_mwh(after: PricedSolution, demand: ContractDemand, ticks_per_hour: int) -> Floats:
    """Compute the cost of a contract megawatt-hour at each site (S,) [USD/MWh].

    It is the mean over the request's life of two parts: the PUE of the racks times the value of site power (price,
    carbon and scarcity of the grid), and the value of the racks (the profit of the load that gives way). Fees of moving
    and Premium's reserve are left out: they are costs of the whole fleet.
    """
    shadow, case = after.shadow, after.case
    hourly = case.pue[:, :, Workload.GPU] * shadow.site_power_usd_per_mwh + shadow.capacity_usd_per_mwh
    return np.array(
        [life_mean(hourly[:, s], after.lengths, after.made_tick, demand, ticks_per_hour) for s in range(case.sites)]
    )


def largest_mw(capacity: SiteCapacity, tier: Tier) -> float:
    """Return the largest contract that fits now, in whole steps; 0 for none [MW]."""
    most = float(capacity.free_mw.max())
    return down_to_step(most if tier is Tier.SPOT else min(most, capacity.left_mw))


def split_of(capacity: SiteCapacity, demand: ContractDemand, most_mw: float) -> tuple[int, float]:
    """Split a request into equal contracts; returns how many and how large [MW].

    Each is at a site of its own. Together they are the request, or as much of it as fits, at most `most_mw`.
    """
    free = np.sort(capacity.free_mw)[::-1][:MAX_SPLIT]
    left = most_mw if demand.tier is Tier.SPOT else max(min(capacity.left_mw, most_mw), 0.0)
    best = (0, 0.0)
    for count in range(2, len(free) + 1):
        each = down_to_step(min(float(free[count - 1]), left / count, _up_to_step(demand.power_mw / count)))
        if count * each > best[0] * best[1] + TOLERANCE_MW:
            best = (count, each)
    return best


def later_tick(capacity: SiteCapacity, problem: Problem, demand: ContractDemand) -> int | None:
    """Find the tick at which contracts that end have left room for a request.

    Assumes that nothing else is booked. None where the request is too large for the empty fleet.
    """
    book, accounts = problem.world.book, problem.world.accounts
    free, left = capacity.free_mw.copy(), capacity.left_mw
    promised = np.nonzero((book.tier != Tier.SPOT) & (book.ends_tick > demand.starts_tick))[0]
    for i in promised[np.argsort(book.ends_tick[promised], kind="stable")].tolist():
        left += float(book.power_mw[i])
        if accounts.site[i] != UNPLACED and accounts.served[i]:
            s = int(accounts.site[i])
            free[s] = min(free[s] + float(book.power_mw[i]), float(capacity.whole_mw[s]))
        has_left = demand.tier is Tier.SPOT or fits(demand.power_mw, left)
        if has_left and fits(demand.power_mw, float(free.max())):
            return int(book.ends_tick[i])
    return None


def down_to_step(power_mw: float) -> float:
    """Round a power down to whole steps [MW]."""
    return max(round(floor(power_mw / SIZE_STEP_MW + 1e-6) * SIZE_STEP_MW, 6), 0.0)


def _up_to_step(power_mw: float) -> float:
    return -round(floor(-power_mw / SIZE_STEP_MW + 1e-6) * SIZE_STEP_MW, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CandidateSite:
    """A site for a request, with its cost and the power that must move away."""

    site: int
    cost_usd_per_mwh: float
    moved_mw: float


def _candidate_at(
    s: int, capacity: SiteCapacity, problem: Problem, costs_usd_per_mwh: Floats, demand: ContractDemand
) -> _CandidateSite | None:
    """Try a request at site `s`, moving other contracts away where needed.

    They move to the cheapest sites with room. None where the request does not fit even so.
    """
    short = demand.power_mw - float(capacity.free_mw[s])
    if short <= TOLERANCE_MW:
        return _CandidateSite(site=s, cost_usd_per_mwh=float(costs_usd_per_mwh[s]), moved_mw=0.0)
    if (
        demand.tier is Tier.SPOT
        or not fits(demand.power_mw, float(capacity.whole_mw[s]))
        or capacity.unplaced_mw > TOLERANCE_MW
    ):
        return None
    fees = problem.config.terms.migration_usd_per_mw
    life_h = (demand.ends_tick - demand.starts_tick) * problem.config.grid.dt_h
    elsewhere, moved, extra = capacity.free_mw.copy(), 0.0, 0.0
    elsewhere[s] = 0.0
    for size, tier in sorted(_leaving(capacity.promised[s], short), reverse=True):
        able = [to for to, free_mw in enumerate(elsewhere.tolist()) if fits(size, free_mw)]
        if not able:
            return None
        to = able[int(np.argmin(costs_usd_per_mwh[able]))]
        elsewhere[to] -= size
        moved += size
        extra += size * (float(costs_usd_per_mwh[to] - costs_usd_per_mwh[s]) + fees[tier] / life_h)
    if moved < short - TOLERANCE_MW:
        return None
    return _CandidateSite(
        site=s, cost_usd_per_mwh=float(costs_usd_per_mwh[s]) + extra / demand.power_mw, moved_mw=moved
    )


def _leaving(there: tuple[tuple[float, int], ...], short_mw: float) -> list[tuple[float, int]]:
    """Choose whole contracts that make room for `short_mw` by leaving.

    The smallest one that is enough leaves; where none is, the largest leaves and the choice is made again.
    """
    stay, leaving = list(there), []
    while short_mw > TOLERANCE_MW and stay:
        enough = [one for one in stay if one[0] >= short_mw - TOLERANCE_MW]
        leaving.append(stay.pop(len(stay) - len(enough) if enough else -1))
        short_mw -= leaving[-1][0]
    return leaving


def _why(problem: Problem, after: PricedSolution, demand: ContractDemand, able: list[_CandidateSite]) -> str:
    """Explain the assignment: its cost in parts, and the next best site."""
    fleet, per_hour, best = problem.config.fleet, problem.config.grid.ticks_per_hour, able[0]
    mean = partial(life_mean, lengths=after.lengths, made_tick=after.made_tick, demand=demand, ticks_per_hour=per_hour)
    power = mean(after.shadow.site_power_usd_per_mwh[:, best.site])
    pue = mean(after.case.pue[:, best.site, Workload.GPU])
    racks = mean(after.shadow.capacity_usd_per_mwh[:, best.site])
    said = f"power worth {power:,.0f} USD/MWh at a PUE of {pue:.2f}"
    if racks > SCARCE_USD_PER_MWH:
        said += f", racks that would earn {racks:,.0f} USD/MWh otherwise"
    if fleet.power is not None and fleet.power.sold_at[:, best.site].any():
        said += ", with what grid products would pay for load there"
    if best.moved_mw > TOLERANCE_MW:
        said += f", {best.moved_mw:.1f} MW of contracts moved elsewhere"
    if len(able) == 1:
        return f"the only site that can hold it whole: {said}"
    here, other = best.cost_usd_per_mwh, able[1]
    return (
        f"{here:,.0f} USD/MWh, the least of {len(able)} sites that can hold it whole: {said}; "
        f"next {fleet.sites[other.site].name} at {other.cost_usd_per_mwh:,.0f}"
    )
