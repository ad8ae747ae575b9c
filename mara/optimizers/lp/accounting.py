"""Profit of decisions in the accounts of the linear program, whoever made them.

A solver, rules, or a run tick by tick: only the program's formulas are applied, to what runs. Nothing here knows how
the program is written down for a solver.
Model: docs/model.md#5-the-linear-program (objective)
"""

import numpy as np

from mara.core.arrays import Floats
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, budgets_of
from mara.core.dispatch import dispatch
from mara.core.placement import placed_mw
from mara.core.plan import PlanStep, Problem
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.horizon import case_of
from mara.optimizers.lp.instruments.costs import (
    battery_pledge_usd_per_mw_h,
    peak_charge_usd,
    pledge_usd_per_mw_h,
    unused_usd,
)
from mara.optimizers.lp.power_contract import PowerContract
from mara.optimizers.lp.schedule import PowerSchedule, Schedule, exported_mw, net_site_mw, peaks_mw


def profit_usd(schedule: Schedule, case: LpCase) -> float:
    """Add up revenue less all costs and penalties of a schedule [USD].

    Costs are energy, carbon, adders, peaks, wear, breaches, goodwill, moves and restarts.

    What was paid for hedges is sunk.
    """
    promised, economics = slice(0, PROMISED_TIER_COUNT), case.economics
    mining = (schedule.miners_mw.sum(axis=1) * economics.mining_usd_per_mwh).sum(axis=1)
    tokens = (schedule.merchant_mw * economics.merchant_usd_per_mwh).sum(axis=(1, 2, 3))
    contracts = schedule.contracts_mw.sum(axis=1) @ case.rate_usd_per_mwh
    net = net_site_mw(schedule, case)
    paid = np.where(net > 0.0, economics.price_usd_per_mwh, economics.sellback_usd_per_mwh) * net
    carbon = case.drawing_usd_per_mwh * (case.hedge_mw + net)
    short_mw = unserved_mw(schedule, case)
    broken_mw = np.minimum(short_mw, case.breakable_mw)
    short = broken_mw @ case.breaking_usd_per_mwh + (short_mw - broken_mw) @ case.credit_usd_per_mwh
    short = short + schedule.shed_mw @ case.goodwill_usd_per_mwh
    hourly = mining + tokens + contracts - (paid + carbon).sum(axis=1) - short
    moved = _increases(schedule.contracts_mw[:, :, promised] + schedule.rested_mw, case.served_now_mw)
    started = _increases(schedule.miners_mw.sum(axis=2), case.miners_now_mw)
    changes = moved.sum(axis=(0, 1)) @ economics.migration_usd_per_mw + started.sum() * economics.restart_usd_per_mw
    earned = float(case.dt_h @ hourly - changes)
    if case.power_contract is None or schedule.power is None:
        return earned
    return earned + contract_usd(schedule.power, net, case, case.power_contract)


def contract_usd(power: PowerSchedule, net_mw: Floats, case: LpCase, contract: PowerContract) -> float:
    """Add up the earnings less the costs of a power contract [USD].

    Energy at the price is not among them.

    Args:
        net_mw: each site's power beyond its hedge (H, S).
    """
    usd = 0.0
    # Fed-in energy was counted as hedge sold back, and as carbon and adder saved; it has a price of its own.
    paid = case.price_usd_per_mwh - contract.export_fee_usd_per_mwh
    counted = case.economics.sellback_usd_per_mwh + case.drawing_usd_per_mwh
    usd += float(case.dt_h @ (exported_mw(net_mw, case) * (paid - counted)).sum(axis=1))
    if contract.demand_charge is not None:
        usd -= peak_charge_usd(peaks_mw(net_mw, case, contract.demand_charge), contract.demand_charge)
    if contract.supply is not None:
        usd -= unused_usd(net_mw, contract.supply, case.dt_h)
    if contract.battery is not None:
        usd -= float(case.dt_h @ (power.discharge_mw @ contract.battery.wear_usd_per_mwh))
    for p, product in enumerate(contract.products):
        miners, merchant, spot = pledge_usd_per_mw_h(product, case)
        hourly = (power.pledged_miners_mw[p] * miners).sum(axis=(1, 2)) + (power.pledged_spot_mw[p] * spot).sum(axis=1)
        hourly = hourly + (power.pledged_merchant_mw[p] * merchant).sum(axis=(1, 2))
        if contract.battery is not None:
            from_battery = battery_pledge_usd_per_mw_h(product, contract.battery, case)
            hourly = hourly + (power.pledged_battery_mw[p] * from_battery).sum(axis=1)
        usd += float(case.dt_h @ hourly)
    return usd


def unserved_mw(schedule: Schedule, case: LpCase) -> Floats:
    """Return promised load that neither runs nor is off in its budget (H, 3) [MW]."""
    promised = slice(0, PROMISED_TIER_COUNT)
    served = schedule.contracts_mw.sum(axis=1)[:, promised]
    return np.asarray(np.maximum(case.demand_mw[:, promised] - served - schedule.shed_mw, 0.0))


def worth_usd(step: PlanStep, problem: Problem) -> float:
    """Value a plan's step in its tick, penalties deducted [USD].

    Penalties are for what is moved, started, scheduled off and breached.

    It compares plans that have no objective of their own.
    """
    world = problem.world
    done = dispatch(step, world, problem.observation, problem.conditions, problem.config)
    has_budget = budgets_of(world.book, world.accounts) > world.accounts.bad_ticks
    off_mw = world.book.power_mw * (done.scheduled & has_budget)
    shed = np.bincount(world.book.tier, weights=off_mw, minlength=TIER_COUNT).astype(np.float64)
    placed = placed_mw(done.site, world.book, problem.config.fleet.site_count)
    schedule = Schedule(
        miners_mw=done.miners_mw[None],
        merchant_mw=done.merchant_mw[None],
        contracts_mw=done.contracts_mw[None],
        shed_mw=shed[None, :PROMISED_TIER_COUNT],
        rested_mw=(placed - done.contracts_mw[:, :PROMISED_TIER_COUNT])[None],
    )
    return profit_usd(schedule, case_of(problem, (1,)))


def _increases(level_mw: Floats, before_mw: Floats) -> Floats:
    return np.maximum(np.diff(level_mw, axis=0, prepend=before_mw[None]), 0.0)
