"""Whether some site can hold a contract whole, which one it would be, and what would fit where none can."""

from dataclasses import dataclass
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

SIZE_STEP_MW: Final = 0.1
"""Alternatives are offered in whole steps."""
MAX_SPLIT: Final = 10
"""Most contracts that one wish is split into."""
SCARCE_USD_PER_MWH: Final = 0.5
"""Racks that would earn less than this for somebody else are not called scarce."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteCapacity:
    """Room for whole contracts.

    Attributes:
        whole_mw: contract power that racks and grid of a site carry in every hour of the request (S,).
        free_mw: of that, what no promise takes that stands there, rests there or waits to be booked (S,).
        promised: size [MW] and tier of the contracts at each site, the smallest first.
        left_mw: what may still be promised in the whole fleet.
        unseated_mw: promised and without a place of its own.
    """

    whole_mw: Floats
    free_mw: Floats
    promised: tuple[tuple[tuple[float, int], ...], ...]
    left_mw: float
    unseated_mw: float


def rooms_of(
    problem: Problem, case: LpCase, wish: ContractDemand, waiting: tuple[ContractDemand, ...] = ()
) -> SiteCapacity:
    """The room that is there for a request, after what waits to be booked.

    Spot gives way, so it takes no room. Promises that rest or wait are seated where most is free, the largest first.
    """
    world, fleet = problem.world, problem.config.fleet
    # The worst hour counts: a site that is out now holds nothing that starts now.
    whole = rack_room_mw(case).min(axis=0)
    book, accounts = world.book, world.accounts
    promised = (book.tier != Tier.SPOT) & (book.ends_tick > wish.starts_tick)
    seated = promised & (accounts.site != UNPLACED) & accounts.served
    at: list[list[tuple[float, int]]] = [[] for _ in range(fleet.site_count)]
    standing = [(other.power_mw, int(other.tier)) for other in waiting if other.tier is not Tier.SPOT]
    for size, tier, s, is_seated in zip(
        book.power_mw[promised].tolist(),
        book.tier[promised].tolist(),
        accounts.site[promised].tolist(),
        seated[promised].tolist(),
        strict=True,
    ):
        (at[s] if is_seated else standing).append((size, tier))
    free = whole - np.array([sum(size for size, _ in those) for those in at])
    unseated = 0.0
    for size, tier in sorted(standing, reverse=True):
        s = int(np.argmax(free))
        if free[s] >= size - TOLERANCE_MW:
            free[s] -= size
            at[s].append((size, tier))
        else:
            unseated += size
    racks = np.minimum(fleet.racks_mw, fleet.grid_limit_mw)
    committed = float(book.promised_mw.sum() - book.promised_mw[Tier.SPOT])
    committed += sum(other.power_mw for other in waiting if other.tier is not Tier.SPOT)
    return SiteCapacity(
        whole_mw=whole,
        free_mw=np.maximum(free, 0.0),
        promised=tuple(tuple(sorted(those)) for those in at),
        left_mw=COMMITTED_SHARE * float(racks.sum()) - committed,
        unseated_mw=unseated,
    )


def landing_of(rooms: SiteCapacity, problem: Problem, after: PricedSolution, wish: ContractDemand) -> Assignment | None:
    """The cheapest site that can hold a request whole, others moved away where that pays; None where no site can.

    Spot drives nobody away.
    """
    costs = site_costs_usd_per_mwh(after, wish, problem.config.grid.ticks_per_hour)
    seats = [_seat_at(s, rooms, problem, costs, wish) for s in range(len(costs))]
    able = sorted((seat for seat in seats if seat is not None), key=lambda seat: (seat.cost_usd_per_mwh, seat.site))
    if not able:
        return None
    best = able[0]
    site = problem.config.fleet.sites[best.site]
    return Assignment(
        site_id=site.id,
        site_name=site.name,
        cost_usd_per_mwh=best.cost_usd_per_mwh,
        free_mw=float(rooms.free_mw[best.site]),
        moved_mw=best.moved_mw,
        why=_why(problem, after, wish, able),
    )


def site_costs_usd_per_mwh(after: PricedSolution, wish: ContractDemand, ticks_per_hour: int) -> Floats:
    """What a contract megawatt-hour costs at each site, the mean over the request's life (S,) [USD/MWh].

    PUE of the racks times the value of site power (price, carbon and scarcity of the grid), and the value of the racks
    (what they would earn for whoever gives way). Fees of moving and Premium's reserve are left out: they are the
    fleet's.
    """
    shadow, case = after.shadow, after.case
    hourly = case.pue[:, :, Workload.GPU] * shadow.site_power_usd_per_mwh + shadow.capacity_usd_per_mwh
    return np.array(
        [life_mean(hourly[:, s], after.lengths, after.made_tick, wish, ticks_per_hour) for s in range(case.sites)]
    )


def largest_mw(rooms: SiteCapacity, tier: Tier) -> float:
    """The largest contract that fits as things stand, in whole steps; 0 where none does [MW]."""
    most = float(rooms.free_mw.max())
    return down_to_step(most if tier is Tier.SPOT else min(most, rooms.left_mw))


def split_of(rooms: SiteCapacity, wish: ContractDemand, most_mw: float) -> tuple[int, float]:
    """Equal contracts at as many sites that together are the wish, or most of it up to `most_mw`: how many, how large
    [MW].
    """
    free = np.sort(rooms.free_mw)[::-1][:MAX_SPLIT]
    left = most_mw if wish.tier is Tier.SPOT else max(min(rooms.left_mw, most_mw), 0.0)
    best = (0, 0.0)
    for count in range(2, len(free) + 1):
        each = down_to_step(min(float(free[count - 1]), left / count, _up_to_step(wish.power_mw / count)))
        if count * each > best[0] * best[1] + TOLERANCE_MW:
            best = (count, each)
    return best


def later_tick(rooms: SiteCapacity, problem: Problem, wish: ContractDemand) -> int | None:
    """When contracts that end have made room for the wish, if nothing else comes; None: never, it is too large."""
    book, accounts = problem.world.book, problem.world.accounts
    free, left = rooms.free_mw.copy(), rooms.left_mw
    promised = np.nonzero((book.tier != Tier.SPOT) & (book.ends_tick > wish.starts_tick))[0]
    for i in promised[np.argsort(book.ends_tick[promised], kind="stable")].tolist():
        left += float(book.power_mw[i])
        if accounts.site[i] != UNPLACED and accounts.served[i]:
            s = int(accounts.site[i])
            free[s] = min(free[s] + float(book.power_mw[i]), float(rooms.whole_mw[s]))
        has_left = wish.tier is Tier.SPOT or left >= wish.power_mw - TOLERANCE_MW
        if has_left and float(free.max()) >= wish.power_mw - TOLERANCE_MW:
            return int(book.ends_tick[i])
    return None


def down_to_step(power_mw: float) -> float:
    """Whole steps at or below a power [MW]."""
    return max(round(floor(power_mw / SIZE_STEP_MW + 1e-6) * SIZE_STEP_MW, 6), 0.0)


def _up_to_step(power_mw: float) -> float:
    return -round(floor(-power_mw / SIZE_STEP_MW + 1e-6) * SIZE_STEP_MW, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CandidateSite:
    """A request at a site: its cost, with what it costs those who leave."""

    site: int
    cost_usd_per_mwh: float
    moved_mw: float


def _seat_at(
    s: int, rooms: SiteCapacity, problem: Problem, costs: Floats, wish: ContractDemand
) -> _CandidateSite | None:
    """The request at a site, in free room or in that of contracts which move to the cheapest sites with room."""
    short = wish.power_mw - float(rooms.free_mw[s])
    if short <= TOLERANCE_MW:
        return _CandidateSite(site=s, cost_usd_per_mwh=float(costs[s]), moved_mw=0.0)
    if wish.tier is Tier.SPOT or rooms.whole_mw[s] < wish.power_mw - TOLERANCE_MW or rooms.unseated_mw > TOLERANCE_MW:
        return None
    fees = problem.config.terms.migration_usd_per_mw
    life_h = (wish.ends_tick - wish.starts_tick) * problem.config.grid.dt_h
    elsewhere, moved, extra = rooms.free_mw.copy(), 0.0, 0.0
    elsewhere[s] = 0.0
    for size, tier in sorted(_leaving(rooms.promised[s], short), reverse=True):
        able = np.nonzero(elsewhere >= size - TOLERANCE_MW)[0]
        if not len(able):
            return None
        to = int(able[np.argmin(costs[able])])
        elsewhere[to] -= size
        moved += size
        extra += size * (float(costs[to] - costs[s]) + fees[tier] / life_h)
    if moved < short - TOLERANCE_MW:
        return None
    return _CandidateSite(site=s, cost_usd_per_mwh=float(costs[s]) + extra / wish.power_mw, moved_mw=moved)


def _leaving(there: tuple[tuple[float, int], ...], short_mw: float) -> list[tuple[float, int]]:
    """Whole contracts that make the missing room: the smallest that is enough, else the largest and so on."""
    stay, leaving = list(there), []
    while short_mw > TOLERANCE_MW and stay:
        enough = [one for one in stay if one[0] >= short_mw - TOLERANCE_MW]
        leaving.append(stay.pop(len(stay) - len(enough) if enough else -1))
        short_mw -= leaving[-1][0]
    return leaving


def _why(problem: Problem, after: PricedSolution, wish: ContractDemand, able: list[_CandidateSite]) -> str:
    """The landing site's cost in parts, and the next best."""
    fleet, per_hour, best = problem.config.fleet, problem.config.grid.ticks_per_hour, able[0]

    def mean(values: Floats) -> float:
        return life_mean(values, after.lengths, after.made_tick, wish, per_hour)

    power = mean(after.shadow.site_power_usd_per_mwh[:, best.site])
    pue = mean(after.case.pue[:, best.site, Workload.GPU])
    racks = mean(after.shadow.capacity_usd_per_mwh[:, best.site])
    said = f"power worth {power:,.0f} USD/MWh at a PUE of {pue:.2f}"
    if racks > SCARCE_USD_PER_MWH:
        said += f", racks that would earn {racks:,.0f} otherwise"
    if best.moved_mw > TOLERANCE_MW:
        said += f", {best.moved_mw:.1f} MW of contracts moved elsewhere"
    if len(able) == 1:
        return f"the only site that can hold it whole: {said}"
    here, other = best.cost_usd_per_mwh, able[1]
    return (
        f"{here:,.0f} USD/MWh, the least of {len(able)} sites that can hold it whole: {said}; "
        f"next {fleet.sites[other.site].name} at {other.cost_usd_per_mwh:,.0f}"
    )
