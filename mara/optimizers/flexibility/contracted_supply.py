"""Contracted supply over the steps of a plan: cost of power below and above it.

What is contracted is paid for, whether drawn or not. So power below it costs what selling it would bring, and power
above it the price. Contracts for difference and collars settle beside whatever is drawn, and are not seen here.

Model: docs/model.md#power-terms-in-a-run
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.fleet import Fleet
from mara.core.plan import Problem
from mara.core.power_calendar import power_of, supplied_mw, year_gone_h
from mara.core.power_terms import AS_PRODUCED, BLOCK, TAKE_OR_PAY
from mara.core.units import HOURS_PER_DAY, HOURS_PER_YEAR

_BAND_H: Final = float(HOURS_PER_DAY)
"""Time by which a year's energy may be ahead of or behind its even pace. Chosen."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SupplyVolumes:
    """Power that sites have contracted, and the cost of not drawing it, over H steps.

    Several at one site add up, each counted from nothing: their costs are what one spread has over the next.

    Attributes:
        site: site of each (N,).
        volume_mw: contracted (H, N).
        unused_usd_per_mwh: lost by selling what is not drawn (H, N).
    """

    site: Ints
    volume_mw: Floats
    unused_usd_per_mwh: Floats

    def lost_usd_per_mwh(self, sites: int) -> Floats:
        """Most that a megawatt-hour that is not drawn loses at each of S sites (H, S)."""
        lost = np.zeros((len(self.volume_mw), sites))
        for n, s in enumerate(self.site.tolist()):
            lost[:, s] += self.unused_usd_per_mwh[:, n]
        return lost


def volumes_ahead(
    fleet: Fleet, local: Sequence[tuple[datetime, ...]], price_usd_per_mwh: Floats, hedge_spread_share: float
) -> SupplyVolumes | None:
    """Sum the blocks and as-produced power of each site, the widest spread first.

    None where not drawing costs nothing. Contracts are settled in the order of the fleet file, which is the same where
    spreads fall.

    Args:
        local: local times of the sites in each step. price_usd_per_mwh: market price (H, S).
        hedge_spread_share: of selling a hedge back. A site that could buy and sell its hedge at once, to seem to draw
            what is contracted, loses no more than that.
    """
    terms = power_of(fleet)
    sites, volumes, unused = [], [], []
    for s in range(fleet.site_count):
        own = [c for c in terms.supplies if c.site == s and c.kind in (BLOCK, AS_PRODUCED)]
        most_share = hedge_spread_share if fleet.hedge_mw[s] > 0.0 else 1.0
        spreads = sorted({min(c.sellback_spread_share, most_share) for c in own} - {0.0}, reverse=True)
        for spread, lower in zip(spreads, [*spreads, 0.0][1:], strict=True):
            wide = [c for c in own if c.sellback_spread_share >= spread]
            sites.append(s)
            volumes.append(np.array([sum(supplied_mw(c, at[s]) for c in wide) for at in local]))
            unused.append((spread - lower) * np.abs(price_usd_per_mwh[:, s]))
    if not sites:
        return None
    return SupplyVolumes(
        site=np.array(sites), volume_mw=np.stack(volumes, axis=1), unused_usd_per_mwh=np.stack(unused, axis=1)
    )


def take_or_pay_usd_per_mwh(problem: Problem, price_usd_per_mwh: Floats, hours: Floats) -> Floats:
    """Difference that take-or-pay contracts make to the cost of drawing (H, S).

    Such a contract serves what is drawn until its year is used up, whatever the price. A megawatt-hour now is one that
    is bought later at the mean price to come, where a day more is taken than the year asks for so far; where a day
    less is, it is one that is paid for anyway. In between its worth rises evenly, or load would go on and off with
    each plan. Sites with other supply or a hedge, and contracts that may run out within the horizon, stay at the price.

    Args:
        price_usd_per_mwh: market price (H, S). hours: length of each step (H,).
    """
    config, state = problem.config, problem.world.power
    assert state is not None
    fleet, terms = config.fleet, power_of(config.fleet)
    more = np.zeros_like(price_usd_per_mwh)
    annual = [contract for contract in terms.supplies if contract.kind == TAKE_OR_PAY]
    epoch_s = config.grid.epoch_s(problem.tick)
    for contract, taken_mwh in zip(annual, state.taken_mwh.tolist(), strict=True):
        s = contract.site
        is_alone = sum(c.site == s and c.kind in (BLOCK, AS_PRODUCED, TAKE_OR_PAY) for c in terms.supplies) == 1
        left_mwh = contract.energy_mwh_per_year - taken_mwh
        if not is_alone or fleet.hedge_mw[s] > 0.0 or left_mwh < fleet.grid_limit_mw[s] * hours.sum():
            continue
        gone_h = year_gone_h(fleet, s, epoch_s, config.grid.start_epoch_s)
        ahead_h = taken_mwh / contract.energy_mwh_per_year * HOURS_PER_YEAR - gone_h
        bought_share = min(max(0.5 + ahead_h / (2.0 * _BAND_H), 0.0), 1.0)
        more[:, s] = bought_share * (price_usd_per_mwh[:, s] @ hours / hours.sum()) - price_usd_per_mwh[:, s]
    return more
