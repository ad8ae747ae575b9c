"""Random cases of the linear program, of every kind, as plain numbers."""

from dataclasses import replace

import numpy as np

from mara.core.arrays import Floats
from mara.optimizers.lp.case import LpCase

CASE_COUNT = 55
KINDS = (
    "plain",
    "negative prices",
    "no machines",
    "all out",
    "hedged",
    "more promised than fits",
    "no grid at one site",
    "steps of two lengths",
    "hedged to the limit, prices of either sign",
    "budgets and dear hours",
    "promises that may be broken, and Premium that nothing backs",
)


def random_case(seed: int) -> LpCase:
    """Draw a case; its kind goes round with the seed.

    It has one to four sites, one to six steps, and one region or three.
    """
    draw = np.random.default_rng(seed)
    s, h, r = int(draw.integers(1, 5)), int(draw.integers(1, 7)), int(draw.choice([1, 3]))
    nameplate = draw.uniform(0.0, 10.0, (s, 5))
    racks = nameplate[:, 3:].sum()
    grid_limit = nameplate.sum(axis=1) * draw.uniform(0.7, 1.4, s)
    rate = np.array([525.0, 300.0, 180.0, 60.0])
    demand = racks * draw.uniform(0.4, 0.9, (h, 1)) * np.array([0.2, 0.35, 0.3, 0.15])
    remote = np.where(np.arange(r)[:, None, None] == np.arange(s)[:, None] % r, 0.0, 4.0)
    case = LpCase(
        dt_h=np.ones(h),
        price_usd_per_mwh=draw.normal(70.0, 50.0, (h, s)),
        carbon_t_per_mwh=draw.uniform(0.0, 0.9, (h, s)),
        pue=draw.uniform(1.03, 1.5, (h, s, 5)),
        grid_limit_mw=grid_limit,
        hedge_mw=np.zeros(s),
        available_mw=nameplate * draw.choice([0.5, 1.0], (h, s, 1), p=[0.2, 0.8]),
        mining_value_usd_per_mwh=draw.uniform(60.0, 200.0, (h, 3)),
        token_value_usd_per_mwh=draw.uniform(50.0, 900.0, (h, r, 1, 2)) - remote,
        tokens_per_mwh=np.array([4_320.0, 7_200.0]),
        demand_tokens_per_h=draw.uniform(0.0, 1.0, (h, r)) * racks * 3_000.0 / r,
        demand_mw=demand,
        budget_mwh=demand[:, :3].sum(axis=0) * draw.uniform(0.0, 0.1, 3),
        shed_limit_mw=demand[:, :3] * draw.uniform(0.0, 1.0, 3),
        rate_usd_per_mwh=rate,
        credit_usd_per_mwh=rate[:3] * np.array([10.0, 5.0, 3.0]),
        goodwill_usd_per_mwh=rate[:3] * np.array([0.5, 0.5, 0.0]) * draw.choice([0.0, 1.0]),
        migration_usd_per_mw=np.array([40.0, 20.0, 8.0]) * draw.choice([0.0, 1.0, 10.0]),
        restart_usd_per_mw=float(draw.choice([0.0, 3.0, 30.0])),
        sellback_spread_share=float(draw.choice([0.0, 0.05])),
        carbon_price_usd_per_t=float(draw.choice([0.0, 50.0])),
        breakable_mw=np.zeros((h, 3)),
        breaking_usd_per_mwh=np.zeros(3),
        unbacked_mw=np.zeros(h),
        rests_in_place=np.arange(3) < seed % 4,
        served_now_mw=draw.uniform(0.0, 2.0, (s, 3)),
        miners_now_mw=nameplate[:, :3].sum(axis=1) * draw.uniform(0.0, 1.0, s),
    )
    return _of_kind(case, KINDS[seed % len(KINDS)], draw)


def _of_kind(case: LpCase, kind: str, draw: np.random.Generator) -> LpCase:
    h, s = case.steps, case.sites
    nothing: Floats = np.zeros_like(case.available_mw)
    half = case.grid_limit_mw * draw.uniform(0.2, 0.6, s) * (np.arange(s) % 2 == 0)
    changes: dict[str, dict[str, object]] = {
        "plain": {},
        "negative prices": {"price_usd_per_mwh": draw.uniform(-900.0, 20.0, (h, s))},
        "no machines": {"available_mw": nothing},
        "all out": {"available_mw": np.where(np.arange(h)[:, None, None] == 0, 0.0, case.available_mw)},
        "hedged": {"hedge_mw": half},
        "more promised than fits": {"demand_mw": case.demand_mw * 3.0},
        "no grid at one site": {"grid_limit_mw": case.grid_limit_mw * (np.arange(s) > 0)},
        "steps of two lengths": {"dt_h": np.where(np.arange(h) < 3, 1.0 / 12.0, 1.0)},
        "hedged to the limit, prices of either sign": {
            "hedge_mw": case.grid_limit_mw,
            "price_usd_per_mwh": draw.uniform(-200.0, 200.0, (h, s)),
        },
        "budgets and dear hours": {
            "price_usd_per_mwh": draw.choice([20.0, 4_000.0], (h, s)),
            "budget_mwh": case.budget_mwh * 10.0,
            "shed_limit_mw": case.demand_mw[:, :3],
        },
        "promises that may be broken, and Premium that nothing backs": {
            "price_usd_per_mwh": draw.choice([20.0, 4_000.0], (h, s)),
            "breakable_mw": case.demand_mw[:, :3] * draw.uniform(0.0, 1.0, (h, 3)),
            "breaking_usd_per_mwh": np.array([900.0, 300.0, 90.0]),
            "unbacked_mw": case.demand_mw[:, 0] * draw.uniform(0.0, 1.0, h),
        },
    }
    return replace(case, **changes[kind])  # type: ignore[arg-type]
