"""What the past looks like from outside: plain values read back from what was stored. No numpy, no references.

Money that must add up is in whole micro-dollars; a value that was not stored, or has no meaning, is None.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mara.core.plan import Provenance

TickState = Literal["good", "bad", "excluded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePoint:
    """A site over one bucket of time: means, and for the price the extremes too. Powers are IT unless named `site_`.

    Attributes:
        pue: site over IT power of all that ran; None where nothing did. `cooling_efficiency_share` is its inverse.
        energy_price_low_usd_per_mwh, energy_price_high_usd_per_mwh: of the ticks in the bucket.
        air_miner_mw, contracts_mw: and all between: None in hours that an older Mara rolled up.
    """

    at: datetime
    energy_price_usd_per_mwh: float
    energy_price_low_usd_per_mwh: float
    energy_price_high_usd_per_mwh: float
    carbon_intensity_g_per_kwh: float
    dry_bulb_c: float
    pue: float | None
    cooling_efficiency_share: float | None
    site_power_mw: float
    air_miner_mw: float | None
    hydro_miner_mw: float | None
    immersion_miner_mw: float | None
    gpu_mw: float | None
    asic_mw: float | None
    contracts_mw: float | None
    revenue_usd_per_h: float
    profit_usd_per_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSeries:
    """A site's recent past, oldest first; each point begins a bucket of `bucket_minutes`."""

    site_id: str
    bucket_minutes: int
    points: tuple[SitePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyLine:
    """What one kind of income (+) or expense (-) came to; `tier` is empty where the kind belongs to none."""

    kind: str
    tier: str
    amount_micro_usd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyFlow:
    """Where energy came from (+) and went (-)."""

    kind: str
    amount_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The lines of a span added up, and their trial balance.

    Attributes:
        site_id: empty for the fleet.
        money: in the ledger's order, those that are zero too.
        cash_micro_usd: the leg against all of `money`: with it both balances below must be zero.
    """

    site_id: str
    starts_at: datetime
    ends_at: datetime
    ticks_count: int
    money: tuple[MoneyLine, ...]
    cash_micro_usd: int
    energy: tuple[EnergyFlow, ...]

    @property
    def profit_micro_usd(self) -> int:
        return sum(line.amount_micro_usd for line in self.money)

    @property
    def balance_micro_usd(self) -> int:
        """Zero, or the ledger is wrong."""
        return self.profit_micro_usd + self.cash_micro_usd

    @property
    def balance_wh(self) -> int:
        """Zero, or the ledger is wrong."""
        return sum(flow.amount_wh for flow in self.energy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Something that was decided or happened at a site, as it was told then.

    Attributes:
        source: `plan` for a reason stored with a plan, `event` for an event.
        severity: info | warning | critical; of a reason info.
        optimizer: whose plan it was; empty for an event.
    """

    tick: int
    at: datetime
    source: Literal["plan", "event"]
    severity: str
    optimizer: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizationRow:
    """A plan that came into force. `gap_share` is what the bound leaves open, over the bound."""

    adopted_tick: int
    adopted_at: datetime
    made_tick: int
    optimizer: str
    status: str
    horizon_ticks: int
    objective_usd: float | None
    bound_usd: float | None
    gap_share: float | None
    baseline_usd: float | None
    solve_wall_s: float | None
    headline: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteShadow:
    """What one more of everything at a site would have been worth to a plan, by its steps."""

    site_id: str
    power_usd_per_mwh: tuple[float, ...]
    """A site megawatt-hour, its price and carbon included."""
    grid_usd_per_mwh: tuple[float, ...]
    """Scarcity of the grid connection."""
    racks_usd_per_mwh: tuple[float, ...]
    """One more megawatt of racks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimization:
    """All that is stored of a plan that came into force.

    Attributes:
        reasons: empty from a Mara that did not store them.
        sites: empty from an optimizer that knows no prices; so are the two below.
        demand_usd_per_mwh: what one more megawatt-hour of contracts cost less what it paid, by tier, then step.
        budget_usd_per_mwh: one more megawatt-hour of error budget: premium, standard, flexible.
    """

    row: OptimizationRow
    reasons: tuple[str, ...]
    sites: tuple[SiteShadow, ...]
    demand_usd_per_mwh: tuple[tuple[float, ...], ...]
    budget_usd_per_mwh: tuple[float, ...]
    provenance: Provenance | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRow:
    """A contract that was booked, live or ended, and what its closed windows came to.

    Attributes:
        ends_at: as booked; a cancelled contract is not live before it.
        availability_share: good over counted ticks of its whole life so far; None while nothing was counted.
    """

    id: str
    tier: str
    customer: str
    power_mw: float
    rate_usd_per_mwh: float
    timezone: str
    booked_at: datetime
    starts_at: datetime
    ends_at: datetime
    is_live: bool
    closed_windows_count: int
    good_ticks: int
    bad_ticks: int
    excluded_ticks: int
    availability_share: float | None
    charge_micro_usd: int
    """Billed in closed windows."""
    credit_micro_usd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractWindow:
    """A measurement window and how it stood; charge and credit are None while it is open."""

    starts_at: datetime
    ends_at: datetime
    is_closed: bool
    good_ticks: int
    bad_ticks: int
    excluded_ticks: int
    budget_ticks: int
    charge_micro_usd: int | None
    credit_micro_usd: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRun:
    """Ticks in a row that fared alike: ``[from_tick, to_tick)``."""

    state: TickState
    from_tick: int
    to_tick: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionRow:
    """An announcement that ticks will not count; `is_fleet_wide` when it names no contract."""

    announced_at: datetime
    starts_at: datetime
    ends_at: datetime
    is_fleet_wide: bool
    reason: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractLife:
    """A contract from booking to end: its windows, how each of its ticks fared, what did not count."""

    row: ContractRow
    windows: tuple[ContractWindow, ...]
    strip: tuple[TickRun, ...]
    exclusions: tuple[ExclusionRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTick:
    """One judged tick of a contract, for whoever wants to count again."""

    tick: int
    at: datetime
    state: TickState
    power_mw: float
