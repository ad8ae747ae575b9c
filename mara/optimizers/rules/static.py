"""Baselines: load spread by capacity, with miners always on or by break-even.

Model: docs/model.md#15-baselines
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Floats, row_sums, sealed
from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import Tier
from mara.core.fleet import MINERS
from mara.core.placement import held_mw
from mara.core.plan import DraftStep, Plan, Problem
from mara.core.units import TOLERANCE_MW
from mara.core.world import Conditions
from mara.optimizer_names import STATIC, STATIC_BREAKEVEN
from mara.optimizers.flexibility.simple_rules import with_peak_price, with_simple_power
from mara.optimizers.scheduling.allocation import (
    fill_miners,
    inference_power_mw,
    miners_allowed,
    spread_merchant,
)
from mara.optimizers.scheduling.reserve import reserve_for_premium
from mara.optimizers.scheduling.site_load import SiteLoad, site_load_of
from mara.optimizers.scheduling.tick_tables import tables_of

_NOT_CHOSEN: Final = sealed(np.zeros(0, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Static:
    """A fleet without an optimizer.

    Load is spread by rack capacity and moves only in outages; all miners are on. With `breakeven` two rules are added
    that a spreadsheet could apply, which makes it the fairer baseline: a miner kind is off in every tick where
    ``mining value < PUE x (price + carbon cost)``; and tokens, which pay a multiple of Spot's rate, come before Spot,
    which then runs where it pays for its power on the racks and power left.
    """

    breakeven: bool = False

    @property
    def name(self) -> str:
        return STATIC_BREAKEVEN if self.breakeven else STATIC

    def plan(self, problem: Problem) -> Plan:
        draft = self.draft(with_peak_price(problem) if self.breakeven else problem)
        assert draft.miners_mw is not None
        step = with_simple_power(draft.step_with(draft.miners_mw), problem)
        return Plan(optimizer=self.name, made_tick=problem.tick, steps=(step,))

    def draft(self, problem: Problem) -> DraftStep:
        """Plan a tick without power terms, miners included."""
        conditions, tables = problem.conditions, tables_of(problem)
        pue = conditions.pue[:, MINERS]
        miners = miners_allowed(problem, conditions)
        if self.breakeven:
            miners = miners * (conditions.miner_margin_usd_per_mwh >= 0.0)
            spread, merchant = _tokens_before_spot(problem, conditions, row_sums(miners * pue))
            contracts, at = np.array(spread.load), sealed(spread.sites())
        else:
            contracts, at = _contracts(problem, conditions), _NOT_CHOSEN
            merchant = spread_merchant(problem, conditions, contracts.sum(axis=1))
        drawn = inference_power_mw(conditions, contracts.sum(axis=1), merchant)
        headroom = conditions.grid_limit_mw - drawn
        return DraftStep(
            miners_mw=sealed(fill_miners(miners, conditions, headroom)),
            merchant_mw=sealed(merchant),
            contracts_mw=sealed(contracts),
            reserve_mw=sealed(reserve_for_premium(contracts.tolist(), tables)),
            contract_site=at,
            book_changes_count=problem.world.book_changes_count if len(at) else -1,
        )


def _tokens_before_spot(problem: Problem, conditions: Conditions, mining_site_mw: Floats) -> tuple[SiteLoad, Floats]:
    """Place promised contracts, then tokens (R, S, 2) [MW], then Spot.

    Spot runs where it earns more than its power costs.
    """
    spread = site_load_of(problem)
    by_tier = np.argsort(problem.world.book.tier, kind="stable").tolist()
    _place_emptiest(spread, [i for i in by_tier if spread.tier[i] != Tier.SPOT])
    promised = np.array(spread.load).sum(axis=1)
    merchant = spread_merchant(problem, conditions, promised)
    spare = conditions.grid_limit_mw - inference_power_mw(conditions, promised, merchant) - mining_site_mw
    room = np.minimum(np.array(spread.free) - row_sums(merchant.sum(axis=0)), spare / conditions.rack_pue)
    cost = conditions.rack_cost_usd_per_mwh
    spread.free = np.where(list_rate_usd_per_mwh(Tier.SPOT, problem.config) >= cost, room, 0.0).tolist()
    _place_emptiest(spread, [i for i in by_tier if spread.tier[i] == Tier.SPOT])
    return spread, merchant


def _contracts(problem: Problem, conditions: Conditions) -> Floats:
    """Leave contracts where they run and place the others (S, G) [MW].

    The most binding tier comes first.

    Spot comes last, in what the promised tiers leave.
    """
    world = problem.world
    held = held_mw(world)
    if world.accounts.served.all() and (held.sum(axis=1) <= conditions.contract_room_mw + TOLERANCE_MW).all():
        return held
    spread = site_load_of(problem)
    by_tier = np.argsort(world.book.tier, kind="stable").tolist()
    _place_emptiest(spread, [i for i in by_tier if spread.tier[i] != Tier.SPOT])
    _place_emptiest(spread, [i for i in by_tier if spread.tier[i] == Tier.SPOT])
    return np.array(spread.load)


def _place_emptiest(load: SiteLoad, contracts: list[int]) -> None:
    """Leave contracts where they run, else at the emptiest site that holds them.

    A site is the emptier the larger the share of its contract racks that is free.
    """
    room = load.tables.room_mw
    for i in load.keep(contracts):
        sites = [s for s in range(len(room)) if load.fits(i, s)]
        if sites:
            load.put(i, max(sites, key=lambda s: load.free[s] / max(room[s], TOLERANCE_MW)))
