"""From a tick's problem to the numbers of its linear program, and from the solution back to a plan."""

from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.booking import list_rate_usd_per_mwh
from mara.core.climate import derate_share, pue_of
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, Tier, spendable_ticks
from mara.core.fleet import MINERS, RACKS, Workload
from mara.core.market import mining_value_usd_per_mwh, remote_cost_usd_per_mwh
from mara.core.placement import placed_mw
from mara.core.plan import PlanStep, Problem
from mara.core.units import G_PER_KG, TOKENS_PER_MTOK, TOLERANCE_MW
from mara.optimizers.lp.case import LpCase
from mara.optimizers.lp.columns import Columns
from mara.optimizers.scheduling.allocation import miners_allowed
from mara.optimizers.scheduling.economic_breach import GOODWILL_MULTIPLE, breakable_mw
from mara.optimizers.scheduling.reserve import least_unbacked_mw

CREDIT_MULTIPLE: Final = (10.0, 5.0, 3.0)
"""Planning penalty of a breach as a multiple of the tier's rate: steep enough to keep the order of tiers."""
GOODWILL_SHARE: Final = (0.5, 0.5, 0.0)
"""Cost of shedding inside a budget as a share of the rate, so that a short look ahead does not burn budgets for
nothing."""


def step_lengths(problem: Problem) -> tuple[int, ...]:
    """Ticks of each step: single ticks for the first hour, hours after that."""
    per_hour = problem.config.grid.ticks_per_hour
    hours = len(problem.forecast.hashprice_usd_per_ph_day)
    return (1,) * per_hour + (per_hour,) * (hours - 1)


def case_of(problem: Problem, lengths: tuple[int, ...]) -> LpCase:
    """The coefficients of a problem; what is out now is taken to be back after an hour."""
    config, forecast = problem.config, problem.forecast
    fleet, terms = config.fleet, config.terms
    rows = _forecast_rows(problem, lengths)
    dry_bulb = forecast.dry_bulb_c[rows]
    rates = np.array([list_rate_usd_per_mwh(tier, config) for tier in Tier])
    demand, budget, shed_limit = _promises(problem, lengths)
    by_kind = fleet.tokens_per_mwh * (problem.observation.token_price_usd_per_mtok / TOKENS_PER_MTOK)
    multiplier = forecast.demand_multiplier_share[rows]
    pue, available = pue_of(dry_bulb, forecast.wet_bulb_c[rows], fleet), _available(problem, lengths, dry_bulb)
    room = np.minimum(available[:, :, RACKS].sum(axis=2), fleet.grid_limit_mw / pue[:, :, Workload.GPU])
    return LpCase(
        dt_h=np.array(lengths) * config.grid.dt_h,
        price_usd_per_mwh=forecast.energy_price_usd_per_mwh[rows],
        carbon_t_per_mwh=forecast.carbon_intensity_g_per_kwh[rows] / G_PER_KG,
        pue=pue,
        grid_limit_mw=fleet.grid_limit_mw,
        hedge_mw=fleet.hedge_mw,
        available_mw=available,
        mining_value_usd_per_mwh=mining_value_usd_per_mwh(
            forecast.hashprice_usd_per_ph_day[rows][:, None], fleet.efficiency_j_per_th
        ),
        token_value_usd_per_mwh=(multiplier[:, :, None] * by_kind)[:, :, None, :]
        - remote_cost_usd_per_mwh(fleet, terms.remote_serving_usd_per_mwh),
        tokens_per_mwh=fleet.tokens_per_mwh / TOKENS_PER_MTOK,
        demand_tokens_per_h=forecast.demand_tokens_per_h[rows] / TOKENS_PER_MTOK,
        demand_mw=demand,
        budget_mwh=budget,
        shed_limit_mw=shed_limit,
        rate_usd_per_mwh=rates,
        credit_usd_per_mwh=rates[:PROMISED_TIER_COUNT] * CREDIT_MULTIPLE,
        goodwill_usd_per_mwh=rates[:PROMISED_TIER_COUNT] * GOODWILL_SHARE,
        migration_usd_per_mw=terms.migration_rates_usd_per_mw,
        restart_usd_per_mw=terms.restart_usd_per_mw,
        sellback_spread_share=terms.sellback_spread_share,
        carbon_price_usd_per_t=terms.carbon_price_usd_per_t,
        breakable_mw=breakable_mw(problem, rows)[:, :PROMISED_TIER_COUNT],
        breaking_usd_per_mwh=rates[:PROMISED_TIER_COUNT] * GOODWILL_MULTIPLE,
        served_now_mw=placed_mw(problem.world.accounts.site, problem.world.book, fleet.site_count),
        miners_now_mw=problem.world.miners_mw.sum(axis=1),
        unbacked_mw=least_unbacked_mw(room, demand[:, Tier.PREMIUM], demand[:, Tier.STANDARD]),
        rests_in_place=np.arange(PROMISED_TIER_COUNT) == Tier.FLEXIBLE,
    )


def plan_steps(primal: Floats, columns: Columns, steps: int) -> tuple[PlanStep, ...]:
    """The solution as targets, step by step; solver dust below a watt is swept away."""
    clean = np.where(primal < TOLERANCE_MW, 0.0, primal).reshape(-1)[: steps * columns.width]
    table = clean.reshape(steps, columns.width)
    return tuple(
        PlanStep(
            miners_mw=sealed(row[columns.miners]),
            merchant_mw=sealed(row[columns.merchant]),
            contracts_mw=sealed(row[columns.contracts]),
            reserve_mw=sealed(row[columns.reserve]),
        )
        for row in table
    )


def _forecast_rows(problem: Problem, lengths: tuple[int, ...]) -> Ints:
    """Which hourly row of the forecast each step begins in (H,)."""
    grid = problem.config.grid
    into_hour = problem.tick % grid.ticks_per_hour
    rows = (into_hour + _starts(lengths)) // grid.ticks_per_hour
    return np.asarray(np.minimum(rows, len(problem.forecast.hashprice_usd_per_ph_day) - 1))


def _starts(lengths: tuple[int, ...]) -> Ints:
    """Ticks from now to the begin of each step (H,)."""
    return np.cumsum((0, *lengths[:-1]))


def _available(problem: Problem, lengths: tuple[int, ...], dry_bulb_c: Floats) -> Floats:
    """Machines that can run (H, S, K): today's outages last an hour, then everything is back."""
    config = problem.config
    available = np.tile(config.fleet.nameplate_mw, (len(dry_bulb_c), 1, 1))
    derate = derate_share(dry_bulb_c)
    if derate is not None:
        available *= derate
    available[_starts(lengths) < config.grid.ticks_per_hour] *= problem.observation.availability_share[:, None]
    if config.miner_min_off_ticks > 1:
        available[0, :, MINERS] = miners_allowed(problem, problem.conditions)
    return available


def _promises(problem: Problem, lengths: tuple[int, ...]) -> tuple[Floats, Floats, Floats]:
    """Demand by tier (H, G), pooled budgets (3,) [MWh] and what contracts can shed of them in a step (H, 3) [MW]."""
    world, dt_h = problem.world, problem.config.grid.dt_h
    book, accounts = world.book, world.accounts
    steps = len(lengths)
    if not book.contracts:
        return np.zeros((steps, TIER_COUNT)), np.zeros(PROMISED_TIER_COUNT), np.zeros((steps, PROMISED_TIER_COUNT))
    starts = problem.tick + _starts(lengths)
    power = book.power_mw * (book.ends_tick > starts[:, None])
    tiers = np.eye(TIER_COUNT)[book.tier]
    spendable = np.maximum(spendable_ticks(book, accounts, problem.tick), 0)
    window_left = np.maximum(accounts.window_end_tick - problem.tick, 1)
    pro_rata = np.minimum(1.0, sum(lengths) / window_left)
    budget = (spendable * pro_rata * book.power_mw * dt_h) @ tiers
    most = power * np.minimum(1.0, spendable / np.array(lengths)[:, None])
    return power @ tiers, budget[:PROMISED_TIER_COUNT], (most @ tiers)[:, :PROMISED_TIER_COUNT]
