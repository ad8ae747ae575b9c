"""The baselines: capacity-proportional and always on, and the same with miners off above their break-even price."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from mara.core.arrays import Floats, row_sums, sealed
from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import TIER_COUNT, UNPLACED, Tier
from mara.core.fleet import MINERS
from mara.core.placement import held_mw
from mara.core.plan import Plan, PlanStep, Problem
from mara.core.units import TOLERANCE_MW
from mara.core.world import Conditions
from mara.optimizers.scheduling.allocation import (
    fill_miners,
    inference_power_mw,
    miners_allowed,
    reserve_for_premium,
    spread_merchant,
)

_NOT_CHOSEN: Final = sealed(np.zeros(0, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Static:
    """Every contract and merchant token spread by rack capacity, nothing moved but by outages, all miners on.

    With `breakeven` a spreadsheet's two switches are added, which makes it the honest baseline: a miner kind is off in
    every tick where ``mining value < PUE x (price + carbon cost)``, and tokens, which pay a multiple of Spot's rate,
    come before Spot, which then runs where it pays for its power on racks and power that nobody better paying wants.
    """

    breakeven: bool = False

    @property
    def name(self) -> str:
        return "static-breakeven" if self.breakeven else "static"

    def plan(self, problem: Problem) -> Plan:
        conditions = problem.conditions
        value = conditions.mining_value_usd_per_mwh
        pue = conditions.pue[:, MINERS]
        miners = miners_allowed(problem, conditions)
        if self.breakeven:
            miners = miners * (conditions.miner_margin_usd_per_mwh >= 0.0)
            spread, merchant = _tokens_before_spot(problem, conditions, row_sums(miners * pue))
            contracts, at = np.array(spread.load), sealed(np.array(spread.at, dtype=np.int64))
        else:
            contracts, at = _contracts(problem, conditions), _NOT_CHOSEN
            merchant = spread_merchant(problem, conditions, contracts.sum(axis=1))
        drawn = inference_power_mw(conditions, contracts.sum(axis=1), merchant)
        headroom = problem.config.fleet.grid_limit_mw - drawn
        step = PlanStep(
            miners_mw=sealed(fill_miners(miners, pue, value, headroom)),
            merchant_mw=sealed(merchant),
            contracts_mw=sealed(contracts),
            reserve_mw=sealed(reserve_for_premium(contracts, conditions)),
            contract_site=at,
            book_changes_count=problem.world.book_changes_count if len(at) else -1,
        )
        return Plan(optimizer=self.name, made_tick=problem.tick, steps=(step,))


def _tokens_before_spot(problem: Problem, conditions: Conditions, mining_site_mw: Floats) -> tuple["_Spread", Floats]:
    """Promised contracts, then tokens (R, S, 2) [MW], then Spot where it is worth its power."""
    spread = _Spread(problem, conditions)
    by_tier = np.argsort(problem.world.book.tier, kind="stable").tolist()
    spread.place([i for i in by_tier if spread.tier[i] != Tier.SPOT])
    promised = np.array(spread.load).sum(axis=1)
    merchant = spread_merchant(problem, conditions, promised)
    spare = problem.config.fleet.grid_limit_mw - inference_power_mw(conditions, promised, merchant) - mining_site_mw
    room = np.minimum(spread.free - row_sums(merchant.sum(axis=0)), spare / conditions.rack_pue)
    cost = conditions.rack_cost_usd_per_mwh
    spread.free = np.where(list_rate_usd_per_mwh(Tier.SPOT, problem.config) >= cost, room, 0.0).tolist()
    spread.place([i for i in by_tier if spread.tier[i] == Tier.SPOT])
    return spread, merchant


def _contracts(problem: Problem, conditions: Conditions) -> Floats:
    """Contracts stay where they run; those without a place go whole to the emptiest site, the most binding tier first.

    Spot comes last, in what the promised tiers leave (S, G) [MW].
    """
    world = problem.world
    held = held_mw(world)
    if world.accounts.served.all() and (held.sum(axis=1) <= conditions.contract_room_mw + TOLERANCE_MW).all():
        return held
    spread = _Spread(problem, conditions)
    by_tier = np.argsort(world.book.tier, kind="stable").tolist()
    spread.place([i for i in by_tier if spread.tier[i] != Tier.SPOT])
    spread.place([i for i in by_tier if spread.tier[i] == Tier.SPOT])
    return np.array(spread.load)


class _Spread:
    """Whole contracts over sites by the share of their room that is taken; plain lists, for there are few."""

    def __init__(self, problem: Problem, conditions: Conditions) -> None:
        book, accounts = problem.world.book, problem.world.accounts
        self.tier: list[int] = book.tier.tolist()
        self.power: list[float] = book.power_mw.tolist()
        self.was: list[int] = accounts.site.tolist()
        self.served: list[bool] = accounts.served.tolist()
        self.room: list[float] = conditions.contract_room_mw.tolist()
        self.free = list(self.room)
        self.at = [UNPLACED] * len(self.power)
        self.load = [[0.0] * TIER_COUNT for _ in self.room]

    def place(self, contracts: list[int]) -> None:
        """Those that run stay if they fit; the others follow, each to the emptiest site that can hold it."""
        waiting = []
        for i in contracts:
            if self.served[i] and self.power[i] <= self.free[self.was[i]] + TOLERANCE_MW:
                self._put(i, self.was[i])
            else:
                waiting.append(i)
        for i in waiting:
            sites = [s for s, free in enumerate(self.free) if self.power[i] <= free + TOLERANCE_MW]
            if sites:
                self._put(i, max(sites, key=lambda s: self.free[s] / max(self.room[s], TOLERANCE_MW)))

    def _put(self, i: int, site: int) -> None:
        self.at[i] = site
        self.free[site] -= self.power[i]
        self.load[site][self.tier[i]] += self.power[i]
