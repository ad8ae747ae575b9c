"""The past as plain values, read back from a database.

No numpy, no references. Money that must add up is in whole micro-dollars; a value that was not stored, or has no
meaning, is None.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mara.core.snapshot import OptimizationSnapshot

TickState = Literal["good", "bad", "excluded"]
ContractState = Literal["waiting", "live", "ended"]
OrderState = Literal["waiting", "obeyed", "refused", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyLine:
    """Sum of one kind of income (+) or expense (-).

    `tier` is empty where the kind belongs to none.
    """

    kind: str
    tier: str
    amount_micro_usd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyFlow:
    """Sum of one kind of energy that came (+) or went (-)."""

    kind: str
    amount_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Ledger lines of a span of time, added up, and their trial balance.

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
    """Decision or event at a site, as it was told then.

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
class SiteShadow:
    """Dual prices of a site in a plan, by its steps."""

    site_id: str
    power_usd_per_mwh: tuple[float, ...]
    """Value of a site megawatt-hour, its price and carbon included."""
    grid_usd_per_mwh: tuple[float, ...]
    """Value of the grid connection's scarcity."""
    racks_usd_per_mwh: tuple[float, ...]
    """Value of one more megawatt of racks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimization:
    """All that is stored of a plan that came into force.

    Attributes:
        gap_share: what its bound leaves open, over the bound; None without both.
        step_ticks: of the steps whose prices below are stored: all of the first plan of an hour, of others the first.
            Empty, as all below, from an optimizer that knows no prices.
        demand_usd_per_mwh: what one more megawatt-hour of contracts cost less what it paid, by tier, then step.
        budget_usd_per_mwh: one more megawatt-hour of error budget: premium, standard, flexible.
    """

    plan: OptimizationSnapshot
    gap_share: float | None
    step_ticks: tuple[int, ...] = ()
    sites: tuple[SiteShadow, ...] = ()
    demand_usd_per_mwh: tuple[tuple[float, ...], ...] = ()
    budget_usd_per_mwh: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRow:
    """Booked contract, live or ended, and the sums of its closed windows.

    Attributes:
        state: `waiting` for the tick that obeys its booking: nothing is counted yet.
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
    """Amount billed in closed windows."""
    credit_micro_usd: int
    state: ContractState = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractWindow:
    """State of a measurement window; an open one has no credit yet."""

    starts_at: datetime
    ends_at: datetime
    is_closed: bool
    good_ticks: int
    bad_ticks: int
    excluded_ticks: int
    budget_ticks: int
    charge_micro_usd: int
    credit_micro_usd: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRun:
    """Run of ticks ``[from_tick, to_tick)`` of one contract with the same state."""

    state: TickState
    from_tick: int
    to_tick: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionRow:
    """Announcement that ticks will not count.

    `is_fleet_wide` when it names no contract.
    """

    announced_at: datetime
    starts_at: datetime
    ends_at: datetime
    is_fleet_wide: bool
    reason: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractLife:
    """Life of a contract: its windows, the state of each tick, and its exclusions."""

    row: ContractRow
    windows: tuple[ContractWindow, ...]
    strip: tuple[TickRun, ...]
    exclusions: tuple[ExclusionRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTick:
    """One judged tick of a contract, so that anybody can count again."""

    tick: int
    at: datetime
    state: TickState
    power_mw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """Command of an operator, and its outcome.

    Attributes:
        kind: book | cancel | outage | restore | exclude.
        about: the contract or site.
        ordered_tick: the tick that was next when it was ordered.
        tick: in which it was obeyed, refused or withdrawn; None while it waits.
        reason: why it was refused or withdrawn.
    """

    number: int
    kind: str
    about: str
    by: str
    ordered_tick: int
    ordered_at: datetime
    state: OrderState
    tick: int | None
    reason: str
