"""The numbers of one linear program (MODEL section 5), whoever they come from: a tick's problem, a file, a test."""

from dataclasses import dataclass

import numpy as np

from mara.core.arrays import Bools, Floats
from mara.errors import PlanRejected


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LpCase:
    """All coefficients, as arrays over H steps, R regions, S sites, K workloads and G tiers.

    Attributes:
        dt_h: length of each step (H,).
        price_usd_per_mwh, carbon_t_per_mwh: of grid power (H, S).
        pue: (H, S, K); contracts use the column of the GPU racks.
        grid_limit_mw, hedge_mw: (S,).
        available_mw: (H, S, K).
        mining_value_usd_per_mwh: (H, 3).
        token_value_usd_per_mwh: of merchant inference by origin, net of remote serving (H, R, S, 2).
        tokens_per_mwh: of GPU and ASIC, in any unit of tokens (2,).
        demand_tokens_per_h: in the same unit (H, R).
        demand_mw: contracts by tier (H, G).
        budget_mwh: what may be shed free of credits over the horizon, by promised tier (3,).
        shed_limit_mw: most that may be shed inside budgets in a step (H, 3).
        rate_usd_per_mwh: (G,). credit_usd_per_mwh, goodwill_usd_per_mwh, migration_usd_per_mw: (3,).
        breakable_mw: what of the demand may go unserved beyond all budgets for `breaking_usd_per_mwh` instead of the
            penalty (H, 3), (3,).
        served_now_mw: contracts before the first step (S, 3). miners_now_mw: miners before it (S,).
        unbacked_mw: Premium that may run at a site without a reserve elsewhere, because no placing has one (H,).
        rests_in_place: tiers whose unserved load keeps its place and resumes there for nothing, as in the ledger (3,).
            Of the others every increase at a site is a move, but for what `served_now_mw` counts as there.
    """

    dt_h: Floats
    price_usd_per_mwh: Floats
    carbon_t_per_mwh: Floats
    pue: Floats
    grid_limit_mw: Floats
    hedge_mw: Floats
    available_mw: Floats
    mining_value_usd_per_mwh: Floats
    token_value_usd_per_mwh: Floats
    tokens_per_mwh: Floats
    demand_tokens_per_h: Floats
    demand_mw: Floats
    budget_mwh: Floats
    shed_limit_mw: Floats
    rate_usd_per_mwh: Floats
    credit_usd_per_mwh: Floats
    goodwill_usd_per_mwh: Floats
    migration_usd_per_mw: Floats
    restart_usd_per_mw: float
    sellback_spread_share: float
    carbon_price_usd_per_t: float
    breakable_mw: Floats
    breaking_usd_per_mwh: Floats
    served_now_mw: Floats
    miners_now_mw: Floats
    unbacked_mw: Floats
    rests_in_place: Bools

    @property
    def steps(self) -> int:
        """H."""
        return len(self.dt_h)

    @property
    def sites(self) -> int:
        """S."""
        return len(self.grid_limit_mw)

    @property
    def regions(self) -> int:
        """R."""
        return int(self.demand_tokens_per_h.shape[1])


def check(case: LpCase) -> None:
    """Refuse what a solver must not see: NaN makes it spin for ever, a hedge above the grid limit makes it infeasible.

    Raises:
        PlanRejected: a wrong shape, NaN, infinity, a negative power, a step without length, a PUE below one, a price of
            change or breach or a sellback spread below zero (it would make money of nothing), or such a hedge; the
            message names the field.
    """
    h, s, r = case.steps, case.sites, case.regions
    shapes: dict[str, tuple[int, ...]] = {
        "dt_h": (h,),
        "price_usd_per_mwh": (h, s),
        "carbon_t_per_mwh": (h, s),
        "pue": (h, s, 5),
        "grid_limit_mw": (s,),
        "hedge_mw": (s,),
        "available_mw": (h, s, 5),
        "mining_value_usd_per_mwh": (h, 3),
        "token_value_usd_per_mwh": (h, r, s, 2),
        "tokens_per_mwh": (2,),
        "demand_tokens_per_h": (h, r),
        "demand_mw": (h, 4),
        "budget_mwh": (3,),
        "shed_limit_mw": (h, 3),
        "rate_usd_per_mwh": (4,),
        "credit_usd_per_mwh": (3,),
        "goodwill_usd_per_mwh": (3,),
        "migration_usd_per_mw": (3,),
        "breakable_mw": (h, 3),
        "breaking_usd_per_mwh": (3,),
        "served_now_mw": (s, 3),
        "miners_now_mw": (s,),
        "unbacked_mw": (h,),
        "rests_in_place": (3,),
    }
    for name, shape in shapes.items():
        array = getattr(case, name)
        if array.shape != shape:
            raise PlanRejected(f"{name} must have shape {shape}, got {array.shape}")
        _check_values(name, array)
    for name in ("restart_usd_per_mw", "sellback_spread_share", "carbon_price_usd_per_t"):
        _check_values(name, np.array(getattr(case, name)))
    if (case.hedge_mw > case.grid_limit_mw).any():
        raise PlanRejected("hedge_mw must not exceed grid_limit_mw")


def _check_values(name: str, array: Floats) -> None:
    if not np.isfinite(array).all():
        raise PlanRejected(f"{name} must be finite numbers, got NaN or infinity")
    least = array.min(initial=np.inf)
    if name == "pue" and least < 1.0:
        raise PlanRejected(f"pue must be at least 1, got {least}")
    if name == "dt_h" and least <= 0.0:
        raise PlanRejected(f"dt_h must be positive, got {least}")
    power = name.endswith(("_mw", "_mwh", "_h")) and "usd" not in name
    if (power or name in _NEVER_A_GIFT) and least < 0.0:
        raise PlanRejected(f"{name} must not be negative, got {least}")


_NEVER_A_GIFT = (
    "credit_usd_per_mwh",
    "goodwill_usd_per_mwh",
    "breaking_usd_per_mwh",
    "migration_usd_per_mw",
    "restart_usd_per_mw",
    "sellback_spread_share",
)
