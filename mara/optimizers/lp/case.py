"""Coefficients of one linear program, independent of their source.

They come from a tick's problem, a run's past, a file or a test.

Model: docs/model.md#5-the-linear-program
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.core.booking import list_rate_usd_per_mwh
from mara.core.contract import PROMISED_TIER_COUNT, TIER_COUNT, Tier
from mara.core.economics import Economics
from mara.core.fleet import MINER_COUNT, RACK_KIND_COUNT
from mara.core.units import TOKENS_PER_MTOK, TOLERANCE_MW
from mara.core.world import RunConfig
from mara.errors import PlanRejected
from mara.optimizers.lp.power_contract import Batteries, PowerContract, check_terms

CREDIT_RATIO: Final = (10.0, 5.0, 3.0)
"""Planning penalty of a breach as a multiple of the tier's rate, by promised tier.

Chosen: steep enough to keep the order of tiers; settlement uses CREDIT_STEPS_PPM.
"""
WORKLOAD_COUNT: Final = MINER_COUNT + RACK_KIND_COUNT
SELLING_DUST_USD_PER_MWH: Final = 1e-9
"""Difference of two prices that is rounding."""

_LEFT_OUT: Final[Any] = np.zeros(0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LpCase:
    """All coefficients: arrays over H steps, R regions, S sites, K workloads, G tiers.

    Optional coefficients are zero by default.

    Attributes:
        dt_h: length of each step (H,).
        price_usd_per_mwh, carbon_t_per_mwh: of grid power (H, S).
        pue: (H, S, K); contracts use the column of the GPU racks.
        grid_limit_mw, hedge_mw: (S,).
        import_limit_mw: most power that the grid's operator lets a site draw (H, S); None for no order.
        available_mw: (H, S, K).
        mining_value_usd_per_mwh: (H, 3).
        token_value_usd_per_mwh: of merchant inference by origin, net of remote serving (H, R, S, 2).
        tokens_per_mwh: of GPU and ASIC, in any unit of tokens (2,).
        demand_tokens_per_h: in the same unit (H, R).
        demand_mw: contracts by tier (H, G).
        budget_mwh: energy that may be scheduled off without credits over the horizon, by promised tier (3,).
        shed_limit_mw: most load that may be scheduled off in a step (H, 3).
        rate_usd_per_mwh: (G,). credit_usd_per_mwh, goodwill_usd_per_mwh, migration_usd_per_mw: (3,).
        breakable_mw: part of the demand that may go unserved beyond all budgets at `breaking_usd_per_mwh` (3,) instead
            of the penalty (H, 3).
        served_now_mw: contracts before the first step (S, 3). miners_now_mw: miners before it (S,).
        unbacked_mw: Premium that may run at a site without reserve elsewhere, because no placement has enough (H,).
        rests_in_place: tiers whose unserved load keeps its place and resumes there without a fee, as in the ledger
            (3,). In other tiers every increase at a site beyond `served_now_mw` is charged as a move.
        power_contract: charges, battery, feeding in and products; None where power has a price alone.
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
    migration_usd_per_mw: Floats
    restart_usd_per_mw: float
    sellback_spread_share: float
    carbon_price_usd_per_t: float
    served_now_mw: Floats
    miners_now_mw: Floats
    goodwill_usd_per_mwh: Floats = field(default_factory=lambda: _LEFT_OUT)
    breakable_mw: Floats = field(default_factory=lambda: _LEFT_OUT)
    breaking_usd_per_mwh: Floats = field(default_factory=lambda: _LEFT_OUT)
    unbacked_mw: Floats = field(default_factory=lambda: _LEFT_OUT)
    rests_in_place: Bools = field(default_factory=lambda: _LEFT_OUT)
    power_contract: PowerContract | None = None
    import_limit_mw: Floats | None = None

    def __post_init__(self) -> None:
        none_of: dict[str, Floats | Bools] = {
            "goodwill_usd_per_mwh": np.zeros(PROMISED_TIER_COUNT),
            "breakable_mw": np.zeros((self.steps, PROMISED_TIER_COUNT)),
            "breaking_usd_per_mwh": np.zeros(PROMISED_TIER_COUNT),
            "unbacked_mw": np.zeros(self.steps),
            "rests_in_place": np.zeros(PROMISED_TIER_COUNT, dtype=np.bool_),
        }
        for name, none in none_of.items():
            if getattr(self, name) is _LEFT_OUT:
                object.__setattr__(self, name, none)

    @property
    def steps(self) -> int:
        """Number of steps (H)."""
        return len(self.dt_h)

    @property
    def sites(self) -> int:
        """Number of sites, S."""
        return len(self.grid_limit_mw)

    @property
    def drawn_limit_mw(self) -> Floats:
        """Most power that each site may draw (H, S)."""
        connection = np.tile(self.grid_limit_mw, (self.steps, 1))
        return connection if self.import_limit_mw is None else np.minimum(connection, self.import_limit_mw)

    @property
    def regions(self) -> int:
        """Number of regions, R."""
        return int(self.demand_tokens_per_h.shape[1])

    @property
    def economics(self) -> Economics:
        """Prices and costs by step (H, ...), in the form that the ledger uses by tick."""
        return Economics(
            mining_usd_per_mwh=self.mining_value_usd_per_mwh,
            merchant_usd_per_mwh=self.token_value_usd_per_mwh,
            price_usd_per_mwh=self.price_usd_per_mwh,
            sellback_spread_share=self.sellback_spread_share,
            carbon_usd_per_mwh=self.carbon_price_usd_per_t * self.carbon_t_per_mwh,
            migration_usd_per_mw=self.migration_usd_per_mw,
            restart_usd_per_mw=self.restart_usd_per_mw,
        )

    @property
    def drawing_usd_per_mwh(self) -> Floats:
        """Cost of a site megawatt-hour drawn beyond its price: carbon and adder (H, S)."""
        carbon = self.economics.carbon_usd_per_mwh
        return carbon if self.power_contract is None else carbon + self.power_contract.adder_usd_per_mwh

    @property
    def grid_usd_per_mwh(self) -> Floats:
        """Cost of a site megawatt-hour bought and drawn (H, S)."""
        return self.price_usd_per_mwh + self.drawing_usd_per_mwh


def case_of_run(
    config: RunConfig,
    *,
    dt_h: Floats,
    price_usd_per_mwh: Floats,
    carbon_t_per_mwh: Floats,
    pue: Floats,
    available_mw: Floats,
    mining_value_usd_per_mwh: Floats,
    token_value_usd_per_mwh: Floats,
    demand_tokens_per_h: Floats,
    demand_mw: Floats,
    budget_mwh: Floats,
    shed_limit_mw: Floats,
    served_now_mw: Floats,
    miners_now_mw: Floats,
    **others: Any,
) -> LpCase:
    """Build the case of a run from its fleet, its terms and its time series.

    Shapes are those of `LpCase`. Arguments count single tokens, the case counts millions of tokens.
    """
    fleet, terms = config.fleet, config.terms
    rates = np.array([list_rate_usd_per_mwh(tier, config) for tier in Tier])
    return LpCase(
        dt_h=dt_h,
        price_usd_per_mwh=price_usd_per_mwh,
        carbon_t_per_mwh=carbon_t_per_mwh,
        pue=pue,
        grid_limit_mw=fleet.grid_limit_mw,
        hedge_mw=fleet.hedge_mw,
        available_mw=available_mw,
        mining_value_usd_per_mwh=mining_value_usd_per_mwh,
        token_value_usd_per_mwh=token_value_usd_per_mwh,
        tokens_per_mwh=fleet.tokens_per_mwh / TOKENS_PER_MTOK,
        demand_tokens_per_h=demand_tokens_per_h / TOKENS_PER_MTOK,
        demand_mw=demand_mw,
        budget_mwh=budget_mwh,
        shed_limit_mw=shed_limit_mw,
        rate_usd_per_mwh=rates,
        credit_usd_per_mwh=rates[:PROMISED_TIER_COUNT] * CREDIT_RATIO,
        migration_usd_per_mw=terms.migration_rates_usd_per_mw,
        restart_usd_per_mw=terms.restart_usd_per_mw,
        sellback_spread_share=terms.sellback_spread_share,
        carbon_price_usd_per_t=terms.carbon_price_usd_per_t,
        served_now_mw=served_now_mw,
        miners_now_mw=miners_now_mw,
        **others,
    )


def check(case: LpCase) -> None:
    """Refuse a case with which the solver would fail.

    NaN makes it loop for ever, and a hedge above the grid limit makes the program infeasible.

    Raises:
        PlanRejected: a wrong shape, NaN, infinity, a negative power, a step without length, a PUE below one, a cost of
            change or breach or a sellback spread below zero (it would earn money from nothing), a hedge above the
            grid limit, or a power contract that earns money from nothing or asks for what no battery can do; the
            message names the field.
    """
    h, s, r = case.steps, case.sites, case.regions
    shapes: dict[str, tuple[int, ...]] = {
        "dt_h": (h,),
        "price_usd_per_mwh": (h, s),
        "carbon_t_per_mwh": (h, s),
        "pue": (h, s, WORKLOAD_COUNT),
        "grid_limit_mw": (s,),
        "hedge_mw": (s,),
        "available_mw": (h, s, WORKLOAD_COUNT),
        "mining_value_usd_per_mwh": (h, MINER_COUNT),
        "token_value_usd_per_mwh": (h, r, s, RACK_KIND_COUNT),
        "tokens_per_mwh": (RACK_KIND_COUNT,),
        "demand_tokens_per_h": (h, r),
        "demand_mw": (h, TIER_COUNT),
        "budget_mwh": (PROMISED_TIER_COUNT,),
        "shed_limit_mw": (h, PROMISED_TIER_COUNT),
        "rate_usd_per_mwh": (TIER_COUNT,),
        "credit_usd_per_mwh": (PROMISED_TIER_COUNT,),
        "goodwill_usd_per_mwh": (PROMISED_TIER_COUNT,),
        "migration_usd_per_mw": (PROMISED_TIER_COUNT,),
        "breakable_mw": (h, PROMISED_TIER_COUNT),
        "breaking_usd_per_mwh": (PROMISED_TIER_COUNT,),
        "served_now_mw": (s, PROMISED_TIER_COUNT),
        "miners_now_mw": (s,),
        "unbacked_mw": (h,),
        "rests_in_place": (PROMISED_TIER_COUNT,),
    }
    if case.import_limit_mw is not None:
        shapes["import_limit_mw"] = (h, s)
    for name, shape in shapes.items():
        array = getattr(case, name)
        if array.shape != shape:
            raise PlanRejected(f"{name} must have shape {shape}, got {array.shape}")
        _check_values(name, array)
    for name in ("restart_usd_per_mw", "sellback_spread_share", "carbon_price_usd_per_t"):
        _check_values(name, np.array(getattr(case, name)))
    if (case.hedge_mw > case.grid_limit_mw).any():
        raise PlanRejected("hedge_mw must not exceed grid_limit_mw")
    if case.power_contract is not None:
        check_terms(case.power_contract, h, s)
        _check_selling(case, case.power_contract)
        _check_end(case, case.power_contract)


def _check_selling(case: LpCase, contract: PowerContract) -> None:
    """Refuse to be paid more for feeding in than the same energy costs.

    The program would buy and sell at once, as much as the connection allows. A hedged megawatt-hour costs what selling
    it back would bring.
    """
    over_usd_per_mwh, paid, cost, sites = _selling(case, contract)
    over = np.argwhere(over_usd_per_mwh[:, sites] > SELLING_DUST_USD_PER_MWH)
    if len(over):
        t, s = int(over[0][0]), int(sites[over[0][1]])
        from_hedge = " (what selling the hedge back brings)" if case.hedge_mw[s] > 0.0 else ""
        raise PlanRejected(
            f"energy that is fed in must not bring more than it costs, got {paid[t, s]:g} over {cost[t, s]:g} "
            f"USD/MWh{from_hedge} at site {s} in step {t}: raise export_fee_usd_per_mwh, or check adder_usd_per_mwh "
            "and the sellback spread"
        )


def _selling(case: LpCase, contract: PowerContract) -> tuple[Floats, Floats, Floats, Ints]:
    """Compare what feeding in brings with what the energy costs (H, S).

    Returns the difference, both prices, and the sites at which it counts.
    """
    hedged = case.hedge_mw > 0.0
    feeds = np.isin(np.arange(case.sites), contract.feeding_sites)
    sites = np.flatnonzero(feeds | ((contract.export_limit_mw > 0.0) & ~hedged))
    cost = np.where(hedged, case.economics.sellback_usd_per_mwh, case.price_usd_per_mwh) + case.drawing_usd_per_mwh
    if contract.supply is not None:
        # Below what is contracted, drawing spares what selling it would lose.
        cost = cost - contract.supply.lost_usd_per_mwh(case.sites)
    paid = case.price_usd_per_mwh - contract.export_fee_usd_per_mwh
    return paid - cost, paid, cost, sites


def within_reach(case: LpCase) -> LpCase:
    """Ask of a run's batteries what they can do.

    An end out of reach becomes the nearest that is; a site where feeding in would bring more than the energy costs, as
    beside a hedge without a fee, plans without.
    """
    contract = case.power_contract
    if contract is None:
        return case
    over = (_selling(case, contract)[0] > SELLING_DUST_USD_PER_MWH).any(axis=0)
    contract = replace(contract, export_limit_mw=np.where(over, 0.0, contract.export_limit_mw))
    battery = contract.battery
    if battery is not None and battery.end_mwh is not None:
        least, most = reach_mwh(case, contract, battery)
        battery = replace(battery, end_mwh=np.clip(np.clip(battery.end_mwh, least, most), 0.0, battery.energy_mwh))
    return replace(case, power_contract=replace(contract, battery=battery))


def _check_end(case: LpCase, contract: PowerContract) -> None:
    """Refuse what a battery shall hold at the end where its power cannot get it there."""
    battery = contract.battery
    if battery is None or battery.end_mwh is None:
        return
    hours = float(case.dt_h.sum())
    least, most = reach_mwh(case, contract, battery)
    for s in np.flatnonzero(
        (battery.end_mwh < least - TOLERANCE_MW) | (battery.end_mwh > most + TOLERANCE_MW)
    ).tolist():
        raise PlanRejected(
            f"battery.end_mwh must be within reach, got {battery.end_mwh[s]:g} at site {s}, where the battery can hold "
            f"{max(least[s], 0.0):g} to {min(most[s], battery.energy_mwh[s]):g} MWh after {hours:g} h: change end_mwh"
        )


def reach_mwh(case: LpCase, contract: PowerContract, battery: Batteries) -> tuple[Floats, Floats]:
    """Find the least and the most that batteries can hold at the end (S,)."""
    hours = float(case.dt_h.sum())
    works = (battery.power_mw > 0.0) & (battery.energy_mwh > 0.0)
    # Charging draws from the grid; discharging feeds what runs at the site, and the grid.
    sink_mw = np.minimum((case.available_mw * case.pue).sum(axis=2), case.grid_limit_mw) + contract.export_limit_mw
    taken_mwh = case.dt_h @ np.minimum(battery.power_mw, sink_mw) / battery.efficiency_out_share
    if (cycles := battery.cycles) is not None:
        days_mwh = cycles.limit_mwh * (1.0 + cycles.begins_day[1:].sum()) - cycles.delivered_mwh
        taken_mwh[cycles.site] = np.minimum(
            taken_mwh[cycles.site], days_mwh / battery.efficiency_out_share[cycles.site]
        )
    given_mwh = hours * np.minimum(battery.power_mw, case.grid_limit_mw) * battery.efficiency_in_share
    least = battery.start_mwh - np.where(works, taken_mwh, 0.0)
    return least, battery.start_mwh + np.where(works, given_mwh, 0.0)


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
