"""Large fleets in blocks: the blocks' plans form one of the fleet, with one bound."""

from dataclasses import replace

import numpy as np
import pytest

from mara.core.arrays import Floats
from mara.errors import PlanError, PlanTimeout
from mara.optimizers import fallback
from mara.optimizers.lp import optimizer
from mara.optimizers.lp.case import LpCase, check
from mara.optimizers.lp.certificate import certificate_of
from mara.optimizers.lp.columns import columns_of
from mara.optimizers.lp.decomposition.master import solve_split
from mara.optimizers.lp.decomposition.multipliers import (
    Usage,
    blocks_of,
    combined,
    shared_residual_mw,
    shares_of,
    shifted_shares,
    sites_of,
    with_share,
)
from mara.optimizers.lp.model import model_of
from mara.optimizers.lp.optimizer import Lp
from mara.optimizers.lp.solve import MAX_RESIDUAL_MW, solve
from tests.optimizers.problems import random_problem

BLOCK_SITES = 12


def large_case(seed: int, sites: int = 60, steps: int = 4) -> LpCase:
    """Draw a case of sites of all sizes and prices of either sign.

    A third of the load is hedged, some sites have no racks, and regions have unequal demand.
    """
    draw = np.random.default_rng(seed)
    nameplate = draw.uniform(0.0, 10.0, (sites, 5)) * draw.choice([0.0, 1.0], (sites, 5), p=[0.1, 0.9])
    limit = nameplate.sum(axis=1) * draw.uniform(0.7, 1.4, sites)
    racks = nameplate[:, 3:].sum()
    rate = np.array([525.0, 300.0, 180.0, 60.0])
    demand = racks * draw.uniform(0.4, 0.9, (steps, 1)) * np.array([0.2, 0.35, 0.3, 0.15])
    remote = np.where(np.arange(3)[:, None, None] == np.arange(sites)[:, None] % 3, 0.0, 4.0)
    case = LpCase(
        dt_h=draw.choice([1.0 / 12.0, 1.0], steps),
        price_usd_per_mwh=draw.normal(70.0, 50.0, (steps, sites)),
        carbon_t_per_mwh=draw.uniform(0.0, 0.9, (steps, sites)),
        pue=draw.uniform(1.03, 1.5, (steps, sites, 5)),
        grid_limit_mw=limit,
        hedge_mw=limit * draw.choice([0.0, 0.5, 1.0], sites, p=[0.7, 0.2, 0.1]),
        available_mw=nameplate * draw.choice([0.5, 1.0], (steps, sites, 1), p=[0.1, 0.9]),
        mining_value_usd_per_mwh=draw.uniform(60.0, 200.0, (steps, 3)),
        token_value_usd_per_mwh=draw.uniform(50.0, 900.0, (steps, 3, 1, 2)) - remote,
        tokens_per_mwh=np.array([4.32, 7.2]),
        demand_tokens_per_h=draw.uniform(0.0, 1.0, (steps, 3)) * racks,
        demand_mw=demand,
        budget_mwh=demand[:, :3].sum(axis=0) * draw.uniform(0.0, 0.1, 3),
        shed_limit_mw=demand[:, :3] * draw.uniform(0.0, 1.0, 3),
        rate_usd_per_mwh=rate,
        credit_usd_per_mwh=rate[:3] * np.array([10.0, 5.0, 3.0]),
        goodwill_usd_per_mwh=rate[:3] * np.array([0.5, 0.5, 0.0]),
        migration_usd_per_mw=np.array([40.0, 20.0, 8.0]),
        restart_usd_per_mw=3.0,
        sellback_spread_share=0.05,
        carbon_price_usd_per_t=50.0,
        breakable_mw=np.zeros((steps, 3)),
        breaking_usd_per_mwh=np.zeros(3),
        unbacked_mw=np.zeros(steps),
        rests_in_place=np.arange(3) < seed % 4,
        served_now_mw=draw.uniform(0.0, 2.0, (sites, 3)),
        miners_now_mw=nameplate[:, :3].sum(axis=1) * draw.uniform(0.0, 1.0, sites),
    )
    check(case)
    return case


def crowded(seed: int) -> LpCase:
    """A case with more promised than fits, so that reserve, budgets and breaches bind."""
    case = large_case(seed)
    return replace(case, demand_mw=case.demand_mw * 2.5)


CASES = [*(large_case(seed) for seed in range(3)), large_case(3, sites=120, steps=3), crowded(4), crowded(5)]
MAX_GAP_SHARE = 0.02
"""Largest gap, as a share of the money that the plan moves.

Blocks have 12 very unequal sites here; large fleets of like sites come to a twentieth of it.
"""


def stakes_usd(case: LpCase) -> float:
    """Revenue of all contracts, and cost of breaches where too much is promised [USD]."""
    credit = np.append(case.credit_usd_per_mwh, 0.0) * (case.demand_mw.sum() > case.available_mw[..., 3:].sum())
    return float((case.dt_h[:, None] * case.demand_mw * (case.rate_usd_per_mwh + credit)).sum())


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_the_blocks_are_a_plan_of_the_whole_below_the_optimum_below_the_bound(case: LpCase) -> None:
    found, exact, model = solve_split(case, block_sites=BLOCK_SITES, workers=1), solve(model_of(case)), model_of(case)
    checked = certificate_of(model, found.primal_mw, np.zeros(len(model.row_lower)))
    assert checked.residual_mw < MAX_RESIDUAL_MW
    assert checked.objective_usd == pytest.approx(found.certificate.objective_usd, rel=1e-9)
    optimum_usd = exact.certificate.objective_usd
    dust_usd = 1e-8 * abs(optimum_usd)
    assert found.certificate.objective_usd <= optimum_usd + dust_usd
    assert found.certificate.bound_usd >= optimum_usd - dust_usd
    assert found.certificate.bound_usd - found.certificate.objective_usd < MAX_GAP_SHARE * stakes_usd(case)


@pytest.mark.usefixtures("work_begins_anew")
def test_two_processes_find_what_one_finds_to_the_last_bit() -> None:
    alone = solve_split(CASES[0], block_sites=BLOCK_SITES, workers=1)
    together = solve_split(CASES[0], block_sites=BLOCK_SITES, workers=2)
    assert np.array_equal(alone.primal_mw, together.primal_mw)
    assert alone.certificate == together.certificate
    assert np.array_equal(alone.shadow.demand_usd_per_mwh, together.shadow.demand_usd_per_mwh)


@pytest.mark.parametrize("block_sites", [1, 7, 25, 59, 60, 1_000])
def test_every_site_is_in_exactly_one_block_and_blocks_are_of_one_size(block_sites: int) -> None:
    blocks = blocks_of(CASES[0], block_sites)
    assert np.array_equal(np.sort(np.concatenate(blocks)), np.arange(60))
    sizes = [len(block) for block in blocks]
    assert max(sizes) <= block_sites
    assert max(sizes) - min(sizes) <= 1


def test_shares_add_up_to_what_is_shared_even_where_nothing_runs() -> None:
    case = CASES[0]
    case = replace(case, available_mw=case.available_mw * (np.arange(case.steps) > 0)[:, None, None])
    blocks = blocks_of(case, BLOCK_SITES)
    shares = shares_of(case, blocks)
    draw = np.random.default_rng(0)
    taken = [
        Usage(
            contracts_mw=draw.uniform(0.0, 2.0, case.demand_mw.shape) * case.demand_mw * (draw.random() < 0.7) / 5.0,
            tokens_per_h=np.zeros_like(case.demand_tokens_per_h),
        )
        for _ in blocks
    ]
    for given in (shares, shifted_shares(shares, case, taken)):
        parts = [with_share(sites_of(case, sites), given, b) for b, sites in enumerate(blocks)]
        for name in ("demand_mw", "demand_tokens_per_h", "budget_mwh", "shed_limit_mw"):
            assert _sum(parts, name) == pytest.approx(getattr(case, name))
            assert all((getattr(part, name) >= 0.0).all() for part in parts)


def _sum(parts: list[LpCase], name: str) -> Floats:
    return np.asarray(sum(getattr(part, name) for part in parts))


def test_one_block_is_the_whole() -> None:
    found, exact = solve_split(CASES[1], block_sites=60, workers=1), solve(model_of(CASES[1]))
    assert found.certificate.objective_usd == pytest.approx(exact.certificate.objective_usd, rel=1e-9)


def test_a_plan_that_breaks_a_shared_row_is_noticed() -> None:
    case = CASES[0]
    columns = columns_of(case)
    primal_mw = combined(case, (np.arange(case.sites),), [solve(model_of(case)).primal_mw])
    assert shared_residual_mw(case, primal_mw) < MAX_RESIDUAL_MW
    for column in (columns.contracts[0, 1], columns.shed[0], columns.reserve[3], columns.merchant[0, 0, 0]):
        broken = primal_mw.copy()
        broken[int(column)] += 1e6
        assert shared_residual_mw(case, broken) > 1.0


def test_what_is_worth_is_told_for_every_site_in_its_place() -> None:
    case = CASES[0]
    found = solve_split(case, block_sites=BLOCK_SITES, workers=1)
    grid = case.price_usd_per_mwh + case.carbon_price_usd_per_t * case.carbon_t_per_mwh
    unhedged = case.hedge_mw == 0.0
    assert found.shadow.site_power_usd_per_mwh.shape == (case.steps, case.sites)
    assert (found.shadow.site_power_usd_per_mwh >= grid - 1e-6)[:, unhedged].all()
    assert found.shadow.demand_usd_per_mwh.shape == case.demand_mw.shape


@pytest.mark.parametrize("seed", range(5))
def test_the_optimizer_plans_a_large_fleet_in_blocks(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    given = random_problem(seed)
    exact = Lp().plan(given)
    monkeypatch.setattr(optimizer, "DIRECT_SITES", 2)
    plan = Lp(workers=1).plan(given)
    fallback.check(plan, given)
    assert plan.bound_usd is not None
    assert exact.objective_usd is not None
    assert plan.objective_usd == pytest.approx(exact.objective_usd, rel=1e-9, abs=1e-6)
    assert plan.bound_usd >= exact.objective_usd - 1e-6
    assert plan.shadow is not None


@pytest.mark.parametrize("workers", [1, 2])
def test_a_deadline_is_kept(workers: int) -> None:
    with pytest.raises(PlanTimeout):
        solve_split(CASES[3], block_sites=BLOCK_SITES, workers=workers, deadline_s=0.001)
    assert issubclass(PlanTimeout, PlanError)
