"""Risk of a contract: bad ticks to expect from outages and planned shedding.

Model: docs/model.md#11-quotes
"""

from math import floor
from typing import Final

import numpy as np

from mara.core.arrays import Floats
from mara.core.contract import SlaContract, Tier, budget_ticks, window_of
from mara.core.plan import Problem
from mara.core.quote import OutageRecord, Risk
from mara.core.units import HOURS_PER_DAY, MINUTES_PER_HOUR, TOLERANCE_MW
from mara.optimizers.quoting.capacity import SiteCapacity
from mara.optimizers.quoting.pricing import ContractDemand, PricedSolution

PRIOR_DAYS: Final = 20.0
PRIOR_LOST_MINUTES: Final = 40.0
"""Prior of a site's outages: one of forty minutes in twenty days.

It is added to the outages seen. Chosen: the mean of the synthetic outages, 30 min x exp(0.8^2 / 2).
"""


def risk_of(
    demand: ContractDemand,
    site: int,
    problem: Problem,
    *,
    after: PricedSolution,
    capacity: SiteCapacity,
    record: OutageRecord,
    timezone: str,
) -> Risk:
    """Estimate a contract's bad ticks at a site, and the risk of missing its budget.

    With N ticks of life, and from the record (a prior outage counted in) f outages a tick and the share q of the
    site's machines out on average:

    - Premium at a site that fails moves within the tick to reserve held elsewhere, each contract whole. Cover is the
      mean over the planned hours of min(1, sum over the other sites of reserve x (1 - q there) / Premium at the site,
      the request included), and 0 in hours in which no other site's reserve holds the request whole; bad ticks =
      N q (1 - cover).
    - Standard and Flexible lose the tick of the outage, and are served again from the next one where another site has
      room for them whole (cover 1, else 0); bad ticks = N (f cover + q (1 - cover)).
    - planned bad ticks = N x the share of the tier's demand that the plan with the request sheds inside budgets.

    The miss probability takes outages as a Poisson number with mean f N and the expected bad ticks of one each:
    P(planned + bad ticks of n outages > budget). A partial outage takes its share of the site's contracts, though racks
    on own account give way first, so both are upper estimates. The budgets of all windows of a long life are pooled.
    """
    life = demand.ends_tick - demand.starts_tick
    lost_shares, falls_per_tick = _rates(record, problem)
    lost_share, falls = float(lost_shares[site]), float(falls_per_tick[site])
    if demand.tier is Tier.PREMIUM:
        cover = _reserve_cover_share(demand, site, problem, after, lost_shares)
        outage_bad = life * lost_share * (1.0 - cover)
    else:
        others = np.delete(capacity.free_mw, site)
        cover = float(others.max(initial=0.0) >= demand.power_mw - TOLERANCE_MW)
        outage_bad = life * (min(falls, lost_share) * cover + lost_share * (1.0 - cover))
    planned = life * float(after.shed_share[demand.tier])
    budget = life_budget_ticks(demand, problem, timezone)
    return Risk(
        planned_bad_ticks=planned,
        outage_bad_ticks=outage_bad,
        budget_ticks=budget,
        cover_share=cover,
        miss_share=miss_share(planned, outage_bad, budget, falls * life),
        seen_ticks=record.seen_ticks,
    )


def life_budget_ticks(demand: ContractDemand, problem: Problem, timezone: str) -> int:
    """Add up the bad ticks that all windows of a life tolerate."""
    promise = SlaContract(
        id="",
        tier=demand.tier,
        customer="",
        power_mw=demand.power_mw,
        rate_usd_per_mwh=0.0,
        starts_tick=demand.starts_tick,
        ends_tick=demand.ends_tick,
        timezone=timezone,
    )
    budget, tick = 0, demand.starts_tick
    while tick < demand.ends_tick:
        start, end = window_of(promise, tick, problem.config.grid)
        budget += budget_ticks(end - start, demand.tier)
        tick = end
    return budget


def miss_share(planned_ticks: float, outage_ticks: float, budget: int, outages_count: float) -> float:
    """Return the probability that planned and outage bad ticks exceed a budget.

    `outages_count` of them, of equal length, are expected.

    It is the tail of a Poisson distribution, P(N > k), by the regularized incomplete gamma function: a plain sum of
    terms loses its digits where the tail is small, and its terms underflow where many outages are expected.
    Source: https://docs.scipy.org/doc/scipy/reference/generated/scipy.special.pdtrc.html
    """
    from scipy.special import pdtrc  # a third of a second, and most commands price nothing

    if planned_ticks > budget:
        return 1.0
    if outage_ticks <= 0.0 or outages_count <= 0.0:
        return 0.0
    most = floor((budget - planned_ticks) / (outage_ticks / outages_count))
    return float(pdtrc(most, outages_count))


def _rates(record: OutageRecord, problem: Problem) -> tuple[Floats, Floats]:
    """Estimate each site's share of machines out (S,) and outages a tick (S,)."""
    grid = problem.config.grid
    prior_ticks = PRIOR_DAYS * HOURS_PER_DAY * grid.ticks_per_hour
    prior_lost_ticks = PRIOR_LOST_MINUTES / MINUTES_PER_HOUR * grid.ticks_per_hour
    seen = record.seen_ticks + prior_ticks
    return (record.lost_ticks + prior_lost_ticks) / seen, np.asarray((record.fall_count + 1.0) / seen)


def _reserve_cover_share(
    demand: ContractDemand, site: int, problem: Problem, after: PricedSolution, lost_share: Floats
) -> float:
    """Return the share of time in which reserve elsewhere covers a site's Premium."""
    book, accounts = problem.world.book, problem.world.accounts
    stands = (book.tier == Tier.PREMIUM) & (accounts.site == site) & accounts.served
    premium_mw = demand.power_mw + float(book.power_mw[stands].sum())
    reserve_mw = np.delete(after.reserve_mw * (1.0 - lost_share), site, axis=1)
    if not reserve_mw.shape[1]:
        return 0.0
    whole_share = np.minimum(reserve_mw.sum(axis=1) / max(premium_mw, TOLERANCE_MW), 1.0)
    fits = np.delete(after.reserve_mw, site, axis=1).max(axis=1) >= demand.power_mw - TOLERANCE_MW
    weights = after.case.dt_h / after.case.dt_h.sum()
    return float(weights @ (whole_share * fits))
