"""Snapshot of a tick as plain values, for screens, the API and exports.

Nothing else leaves the engine. Records hold no numpy arrays and no references to the engine's own objects.
"""

from dataclasses import dataclass
from datetime import datetime

from mara.core.metering import SIMULATED, MeteredSnapshot
from mara.core.plan import Claim, Provenance
from mara.core.power_snapshot import SitePowerSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class InventorySnapshot:
    """Machines of one kind at one site."""

    workload: str
    units_count: int
    online_count: int
    derated_count: int
    used_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSnapshot:
    """A site in the settled tick. Powers are IT megawatts unless named `site_`."""

    id: str
    name: str
    country: str
    lat_deg: float
    lon_deg: float
    timezone: str
    cooling: str
    status: str
    """Status: running, curtailed (a miner kind is off for its price), partial or down."""
    energy_price_usd_per_mwh: float
    carbon_intensity_g_per_kwh: float
    renewable_share: float
    dry_bulb_c: float
    wet_bulb_c: float
    availability_share: float
    pue: float
    cooling_efficiency_share: float
    grid_limit_mw: float
    site_power_mw: float
    air_miner_mw: float
    hydro_miner_mw: float
    immersion_miner_mw: float
    gpu_mw: float
    asic_mw: float
    contracts_mw: float
    curtailed_mw: float
    """Power of miners that are available and off."""
    revenue_usd_per_h: float
    profit_usd_per_h: float
    inventory: tuple[InventorySnapshot, ...]
    outage_ends_tick: int = 0
    """Tick in which an outage that an operator ordered ends; 0 where none is ordered."""
    day_ahead_usd_per_mwh: float | None = None
    """Price that an auction set on the day before; None where there was none."""
    position_mw: float = 0.0
    """Site power that was bought at that price."""
    position_gain_usd_per_h: float = 0.0
    """Saved by it against the real-time price; negative is a loss."""
    import_limit_mw: float | None = None
    """Most power that the grid's operator lets the site draw; None for no order."""
    mode: str = "advise"
    metered: MeteredSnapshot | None = None
    billed_by: str = SIMULATED
    """Origin of the bill and of the verdict on promises: simulated, or metered."""
    metered_before_mw: float | None = None
    """Mean metered power of the tick before; None where unknown."""
    meter_correction_usd: float = 0.0
    """Correction of the bill of the tick before, by its meters; a cost is negative."""
    standing_still: tuple[str, ...] = ()
    """Kinds of machines that stand still as far as meters say, though set to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierSnapshot:
    """Sums over the live contracts of a tier."""

    tier: str
    target_share: float
    contracts_count: int
    on_target_count: int | None
    """Contracts whose availability meets the target so far; None without a target."""
    promised_mw: float
    delivered_mw: float
    availability_share: float
    """Share of counted ticks that were good, in open windows; 1 before any counted."""
    budget_ticks: int
    budget_used_ticks: int
    broken_count: int = 0
    """Contracts with more bad ticks than their window tolerates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractSnapshot:
    """One live contract and its state in its measurement window."""

    id: str
    tier: str
    customer: str
    power_mw: float
    rate_usd_per_mwh: float
    site_id: str
    """Site it runs at; empty while it runs nowhere."""
    served: bool
    starts_at: datetime
    ends_at: datetime
    availability_share: float
    counted_ticks: int
    bad_ticks: int
    budget_ticks: int
    burn_rate_share: float
    """Burn rate, a multiple: 1 uses the budget up exactly at the end of the window."""
    charge_usd: float
    excluded_ticks: int
    window_ends_at: datetime
    credit_usd: float
    """Credit that the window would owe if it closed as it stands."""
    next_bad_tick_cost_usd: float
    """Cost of one more bad tick: its charge, and the credit it adds in the end."""
    is_on_target: bool = True
    """True where availability so far meets the target; it may later in the window."""
    is_resting: bool = False
    """True where the plan means it to be off: scheduled off, or its promise broken."""
    is_missed: bool = False
    """True where its tick was bad because its site's meter did not show its power."""

    @property
    def is_stranded(self) -> bool:
        """Return whether a promised contract was shed against the plan."""
        return not (self.served or self.is_resting) and self.counted_ticks > 0 and self.tier != "spot"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowGains:
    """Profit of the live run less that of counterfactual runs under other planners.

    Counterfactual runs meet the same weather, prices and requests. Credits owed so far are subtracted in every run,
    those of open windows as if they closed now. Figures count from tick `since_tick`, the first with a plan in force;
    the `_today` ones from 00:00 UTC of the simulated day. `optimizer_vs_` compares with the rules and the static
    baselines, `sla_flexibility` with the same optimizer without any error budget to spend.

    The gain over the rules is the sum of two parts: `same_budgets`, where neither planner may schedule a contract off,
    and `by_resting`, what the optimizer gains by scheduling off beyond what the rules gain by it.
    """

    since_tick: int
    optimizer_vs_rules_usd: float
    optimizer_vs_rules_same_budgets_usd: float
    optimizer_vs_rules_by_resting_usd: float
    optimizer_vs_static_breakeven_usd: float
    optimizer_vs_static_usd: float
    sla_flexibility_usd: float
    optimizer_vs_rules_today_usd: float
    optimizer_vs_rules_same_budgets_today_usd: float
    optimizer_vs_rules_by_resting_today_usd: float
    optimizer_vs_static_breakeven_today_usd: float
    optimizer_vs_static_today_usd: float
    sla_flexibility_today_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GainsSnapshot:
    """Gains since the run began, against the named baseline; negative is a loss.

    Differences from counterfactual runs (see `ShadowGains`) are None where no such run was made.
    """

    baseline: str
    climate_usd: float
    time_zone_usd: float
    interaction_usd: float
    sla_flexibility_usd: float | None
    carbon_avoided_t: float
    day_ahead_usd: float = 0.0
    """Saved by power bought day-ahead, against buying all of it in real time."""
    shadows_since_tick: int | None = None
    optimizer_vs_rules_usd: float | None = None
    optimizer_vs_rules_same_budgets_usd: float | None = None
    optimizer_vs_rules_by_resting_usd: float | None = None
    optimizer_vs_static_breakeven_usd: float | None = None
    optimizer_vs_static_usd: float | None = None
    optimizer_vs_rules_today_usd: float | None = None
    optimizer_vs_rules_same_budgets_today_usd: float | None = None
    optimizer_vs_rules_by_resting_today_usd: float | None = None
    optimizer_vs_static_breakeven_today_usd: float | None = None
    optimizer_vs_static_today_usd: float | None = None
    sla_flexibility_today_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowSnapshot:
    """Dual prices of the plan in force, in the step of this tick."""

    grid_usd_per_mwh: tuple[float, ...]
    """Dual price of the grid limit, by site in the snapshot's order."""
    racks_usd_per_mwh: tuple[float, ...]
    """Dual price of racks, by site: the gain from one more MW for an hour."""
    power_usd_per_mwh: tuple[float, ...]
    """Value of one more MWh of site power, price and carbon included, by site."""
    demand_usd_per_mwh: tuple[float, ...]
    """Marginal cost minus revenue of a MWh of contracts, by tier; below 0 it pays."""
    budget_usd_per_mwh: tuple[float, ...]
    """Value of one more MWh of error budget: premium, standard, flexible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSnapshot:
    """The plan in force and its provenance."""

    optimizer: str
    status: str
    made_tick: int
    age_ticks: int
    objective_usd: float | None
    bound_usd: float | None
    headline: str
    reasons: tuple[str, ...]
    note: str
    horizon_ticks: int = 1
    baseline_usd: float | None = None
    """Objective of the rules' plan for the same problem; None where it was not made."""
    solve_wall_s: float | None = None
    shadow: ShadowSnapshot | None = None
    """Dual prices; None from an optimizer that computes none."""
    claims: tuple[Claim, ...] = ()
    """Sentences that explain the plan; each number in them is a computed fact."""
    provenance: Provenance | None = None
    """Service, model and request behind a plan (or a failed try) made over a network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisorRunSnapshot:
    """One call of the advisor: real time, tick, outcome and cost."""

    asked_at: datetime
    tick: int
    outcome: str
    """Outcome: accepted or adjusted (the advisor's plan runs), or kept (it does not)."""
    message: str
    model: str
    request_id: str
    cost_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisorSnapshot:
    """State of the advisor beside the optimizer, as the operator sees it.

    Attributes:
        state: off | ready | asking | resting.
        message: its last action, or the reason for none, as a sentence.
        notice: a warning that needs the operator, such as a model about to be retired; empty for none.
        why_not: reason why it cannot be asked now; empty when it can.
        working_notes: text that it writes while it works: provisional, never evidence.
        cost_today_usd: money spent in the last 24 hours.
        budget_left_usd: money that it may still spend in this hour.
        headline: headline of its last accepted answer.
        climate_saving_usd_per_h, time_zone_gain_usd_per_h: gains computed for that answer; None without one.
        runs: its calls, the newest first.
    """

    state: str
    message: str
    notice: str = ""
    why_not: str = ""
    model: str = ""
    working_notes: str = ""
    cost_today_usd: float = 0.0
    budget_left_usd: float = 0.0
    headline: str = ""
    climate_saving_usd_per_h: float | None = None
    time_zone_gain_usd_per_h: float | None = None
    runs: tuple[AdvisorRunSnapshot, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSnapshot:
    """An event that the operator should know, as a sentence."""

    tick: int
    at: datetime
    severity: str
    """Severity: info, warning or critical."""
    site_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The fleet in the tick just settled.

    Rates are per hour at this tick; totals since the run began.
    """

    run_id: str
    tick: int
    at: datetime
    tick_minutes: int
    fleet_name: str
    revenue_usd_per_h: float
    cost_usd_per_h: float
    profit_usd_per_h: float
    revenue_total_usd: float
    profit_total_usd: float
    site_power_mw: float
    it_power_mw: float
    grid_limit_mw: float
    cooling_efficiency_share: float
    renewable_share: float
    emissions_t_per_h: float
    power_by_workload_mw: tuple[tuple[str, float], ...]
    """Power by workload: the five own-account workloads, then contracts."""
    hashprice_usd_per_ph_day: float
    token_price_usd_per_mtok: float
    racks_used_share: float
    refused_count: int
    stale_sources: tuple[str, ...]
    sites: tuple[SiteSnapshot, ...]
    tiers: tuple[TierSnapshot, ...]
    contracts: tuple[ContractSnapshot, ...]
    gains: GainsSnapshot
    plan: PlanSnapshot
    events: tuple[EventSnapshot, ...]
    profit_today_usd: float | None = None
    """Profit since 00:00 UTC, or since the run began; None where it is not known."""
    power: tuple[SitePowerSnapshot, ...] = ()
    """Power terms by site, in the order of `sites`; empty for a fleet without any."""
    plays: str = "synthetic"
    """World that the run plays: synthetic, replayed or live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoint:
    """One point of the fleet's money chart: a tick, or the mean of some hours."""

    at: datetime
    revenue_usd_per_h: float
    profit_usd_per_h: float
    energy_cost_usd_per_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSnapshot:
    """Forecast behind the plan in force; its first row was observed, not forecast."""

    made_tick: int
    at: tuple[datetime, ...]
    """Start of each row."""
    energy_price_usd_per_mwh: tuple[tuple[float, ...], ...]
    """Prices by row, then by site in the snapshot's order."""
    published_count: tuple[int, ...] = ()
    """Number of first rows whose prices are published, by site; empty where unknown."""
    risk_usd_per_mwh: tuple[float, ...] = ()
    """Part of guessed prices that is due to a stale source, by site; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePoint:
    """One point of a site's charts: a tick, or the mean of a clock hour.

    Powers are IT megawatts unless named `site_`.
    """

    at: datetime
    energy_price_usd_per_mwh: float
    dry_bulb_c: float
    site_power_mw: float
    air_miner_mw: float
    hydro_miner_mw: float
    immersion_miner_mw: float
    gpu_mw: float
    asic_mw: float
    contracts_mw: float
    energy_price_low_usd_per_mwh: float | None = None
    energy_price_high_usd_per_mwh: float | None = None
    """Highest price of the ticks that the point stands for."""
    pue: float | None = None
    """Site power over IT power, the inverse of the next field; None without load."""
    cooling_efficiency_share: float | None = None
    revenue_usd_per_h: float | None = None
    profit_usd_per_h: float | None = None
