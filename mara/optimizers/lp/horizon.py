"""Conversion of a tick's problem to a linear program, and of a solution to a plan.

Model: docs/model.md#6-horizon-and-warm-starts
"""

from dataclasses import replace
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.booking import list_rate_usd_per_mwh
from mara.core.climate import derate_share, pue_of
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, Tier, spendable_ticks
from mara.core.fleet import MINERS, RACKS, Workload
from mara.core.market import mining_value_usd_per_mwh, remote_cost_usd_per_mwh
from mara.core.metering import up_share
from mara.core.outlook import row_ticks
from mara.core.placement import placed_mw
from mara.core.plan import PlanStep, Problem
from mara.core.units import G_PER_KG, TOKENS_PER_MTOK, TOLERANCE_MW
from mara.optimizers.base import SPENDS, BudgetPolicy
from mara.optimizers.flexibility.expected_terms import expected_terms
from mara.optimizers.lp.case import LpCase, case_of_run, within_reach
from mara.optimizers.lp.columns import Columns
from mara.optimizers.lp.power_contract import PowerContract, contract_of_run
from mara.optimizers.scheduling.allocation import miners_allowed
from mara.optimizers.scheduling.economic_breach import GOODWILL_RATIO, breakable_mw
from mara.optimizers.scheduling.reserve import least_unbacked_mw

GOODWILL_SHARE: Final = (0.5, 0.5, 0.0)
"""Cost of scheduling off inside a budget as a share of the rate, by promised tier.

Chosen: half a rate, so that a short horizon does not burn budgets for nothing.
"""
NEVER_RATIO: Final = 100.0
"""Penalty of a breach over its usual one where budgets may not be spent.

Then only what is impossible is left unserved.
"""


def step_lengths(problem: Problem) -> tuple[int, ...]:
    """Divide the horizon into steps [ticks].

    They are the rows of a forecast that begins with the tick. Where rows are clock hours, the first hour has single
    ticks, the others are one step each. Model: docs/model.md#6-horizon-and-warm-starts
    """
    per_hour = problem.config.grid.ticks_per_hour
    if problem.forecast.row_minutes:
        return tuple(row_ticks(problem.forecast, problem.config.grid, problem.tick).tolist())
    hours = len(problem.forecast.hashprice_usd_per_ph_day)
    return (1,) * per_hour + (per_hour,) * (hours - 1)


def case_of(
    problem: Problem, lengths: tuple[int, ...], budgets: BudgetPolicy = SPENDS, *, up_share: Floats | None = None
) -> LpCase:
    """Derive the coefficients of a problem.

    Machines that are out now are assumed to be back after an hour.

    Args:
        lengths: lengths of the H steps [ticks].
        up_share: share of each site's machines that can run in all steps (S,); None for all of them.
    """
    config, forecast = problem.config, problem.forecast
    fleet, terms = config.fleet, config.terms
    rows = _forecast_rows(problem, lengths)
    dry_bulb = forecast.dry_bulb_c[rows]
    promised_rates = np.array([list_rate_usd_per_mwh(tier, config) for tier in Tier])[:PROMISED_TIER_COUNT]
    demand, budget, shed_limit = _promises(problem, lengths)
    by_kind = fleet.tokens_per_mwh * (problem.observation.token_price_usd_per_mtok / TOKENS_PER_MTOK)
    multiplier = forecast.demand_multiplier_share[rows]
    pue, available = pue_of(dry_bulb, forecast.wet_bulb_c[rows], fleet), _available(problem, lengths, dry_bulb)
    if up_share is not None:
        available *= up_share[:, None]
    ordered = None if forecast.import_limit_mw is None else forecast.import_limit_mw[rows]
    limit = fleet.grid_limit_mw if ordered is None else np.minimum(fleet.grid_limit_mw, ordered)
    room = np.minimum(available[:, :, RACKS].sum(axis=2), limit / pue[:, :, Workload.GPU])
    case = case_of_run(
        config,
        dt_h=np.array(lengths) * config.grid.dt_h,
        price_usd_per_mwh=forecast.energy_price_usd_per_mwh[rows],
        carbon_t_per_mwh=forecast.carbon_intensity_g_per_kwh[rows] / G_PER_KG,
        pue=pue,
        available_mw=available,
        mining_value_usd_per_mwh=mining_value_usd_per_mwh(
            forecast.hashprice_usd_per_ph_day[rows][:, None], fleet.efficiency_j_per_th
        ),
        token_value_usd_per_mwh=(multiplier[:, :, None] * by_kind)[:, :, None, :]
        - remote_cost_usd_per_mwh(fleet, terms.remote_serving_usd_per_mwh),
        demand_tokens_per_h=forecast.demand_tokens_per_h[rows],
        demand_mw=demand,
        budget_mwh=budget,
        shed_limit_mw=shed_limit,
        goodwill_usd_per_mwh=promised_rates * GOODWILL_SHARE,
        breakable_mw=breakable_mw(problem, rows)[:, :PROMISED_TIER_COUNT],
        breaking_usd_per_mwh=promised_rates * GOODWILL_RATIO,
        served_now_mw=placed_mw(problem.world.accounts.site, problem.world.book, fleet.site_count),
        miners_now_mw=problem.world.miners_mw.sum(axis=1),
        unbacked_mw=least_unbacked_mw(room, demand[:, Tier.PREMIUM], demand[:, Tier.STANDARD]),
        rests_in_place=np.arange(PROMISED_TIER_COUNT) == Tier.FLEXIBLE,
        power_contract=_power_contract(problem, lengths, rows),
        import_limit_mw=None if ordered is None else limit,
    )
    case = within_reach(case)
    return case if budgets.spends else without_budgets(case)


def _power_contract(problem: Problem, lengths: tuple[int, ...], rows: Ints) -> PowerContract | None:
    """Make the power contract of the horizon; None for a fleet without power terms."""
    fleet, state = problem.config.fleet, problem.world.power
    if fleet.power is None or state is None:
        return None
    expected = expected_terms(problem, lengths, rows)
    return contract_of_run(fleet.power, expected, state, fleet.grid_limit_mw)


def without_budgets(case: LpCase) -> LpCase:
    """Change a case so that no load that can be served is left unserved."""
    return replace(
        case,
        budget_mwh=np.zeros_like(case.budget_mwh),
        shed_limit_mw=np.zeros_like(case.shed_limit_mw),
        breakable_mw=np.zeros_like(case.breakable_mw),
        credit_usd_per_mwh=case.credit_usd_per_mwh * NEVER_RATIO,
    )


def plan_steps(primal_mw: Floats, columns: Columns, steps: int) -> tuple[PlanStep, ...]:
    """Read a solution (N,) as targets, step by step.

    Values below a watt become zero.
    """
    clean = np.where(primal_mw < TOLERANCE_MW, 0.0, primal_mw).reshape(-1)[: steps * columns.width]
    table = clean.reshape(steps, columns.width)
    places = columns.miners, columns.merchant, columns.contracts, columns.reserve
    by_step = zip(*(sealed(table.take(at, axis=1)) for at in places), strict=True)
    return tuple(
        PlanStep(miners_mw=miners, merchant_mw=merchant, contracts_mw=contracts, reserve_mw=reserve)
        for miners, merchant, contracts, reserve in by_step
    )


def _forecast_rows(problem: Problem, lengths: tuple[int, ...]) -> Ints:
    """Find the row of the forecast that each step begins in (H,)."""
    ends = np.cumsum(row_ticks(problem.forecast, problem.config.grid, problem.tick))
    return np.asarray(np.minimum(np.searchsorted(ends, _starts(lengths), side="right"), len(ends) - 1))


def _starts(lengths: tuple[int, ...]) -> Ints:
    """Count ticks from now to the begin of each step (H,)."""
    return np.cumsum((0, *lengths[:-1]))


def _available(problem: Problem, lengths: tuple[int, ...], dry_bulb_c: Floats) -> Floats:
    """Estimate the machines that can run (H, S, K) [MW].

    Present outages are assumed to last an hour.
    """
    config = problem.config
    available = np.tile(config.fleet.nameplate_mw, (len(dry_bulb_c), 1, 1))
    derate = derate_share(dry_bulb_c)
    if derate is not None:
        available *= derate
    down = None if problem.observation.metering is None else problem.observation.metering.is_down
    up = up_share(problem.observation.availability_share, down, config.fleet)
    available[_starts(lengths) < config.grid.ticks_per_hour] *= up
    if config.miner_min_off_ticks > 1:
        available[0, :, MINERS] = miners_allowed(problem, problem.conditions)
    return available


def _promises(problem: Problem, lengths: tuple[int, ...]) -> tuple[Floats, Floats, Floats]:
    """Sum up demand (H, G) [MW], budgets (3,) [MWh] and their limit (H, 3) [MW].

    Budgets are pooled by tier; the limit is what contracts with budget can be off in a step.
    """
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
