"""Records of a run's past as plain values, read from its database.

They hold no numpy arrays. Money that must add up is in whole micro-dollars; a value that was not stored, or has no
meaning, is None.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mara.core.plan import Provenance
from mara.core.snapshot import Snapshot
from mara.core.units import MICRO_USD_PER_USD, MINUTES_PER_HOUR

TickState = Literal["good", "bad", "excluded"]
ContractState = Literal["waiting", "live", "ended"]
OrderState = Literal["waiting", "obeyed", "refused", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSum:
    """Sum of one line of the money ledger over some ticks; income is positive."""

    kind: str
    """Name of the line, as the ledger's export has it."""
    amount_micro_usd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizationSnapshot:
    """A plan that came into force in the past, and the solve that made it."""

    adopted_tick: int
    adopted_at: datetime
    made_tick: int
    optimizer: str
    status: str
    horizon_ticks: int
    objective_usd: float | None
    bound_usd: float | None
    note: str
    headline: str = ""
    reasons: tuple[str, ...] = ()
    baseline_usd: float | None = None
    """Objective of the rules' plan for the same problem; None where it was not made."""
    solve_wall_s: float | None = None
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyLine:
    """Sum of one kind of income (+) or expense (-).

    `tier` is empty where the kind does not depend on a tier.
    """

    kind: str
    tier: str
    amount_micro_usd: int

    @property
    def name(self) -> str:
        """Name of the line in the ledger, such as energy or contract_premium."""
        return f"{self.kind}_{self.tier}" if self.tier else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyFlow:
    """Sum of one kind of energy, supplied (+) or used (-)."""

    kind: str
    amount_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Ledger lines of a span of time, added up, and their trial balance.

    Attributes:
        site_id: empty for the whole fleet.
        money: all lines in the ledger's order, also those that are zero.
        cash_micro_usd: the opposite entry of all of `money`, which makes the balance zero.
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
        """Sum of all money lines and cash; any other value than 0 is an error."""
        return self.profit_micro_usd + self.cash_micro_usd

    @property
    def balance_wh(self) -> int:
        """Sum of all energy lines; any other value than 0 is an error."""
        return sum(flow.amount_wh for flow in self.energy)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyInterval:
    """Sums of the ledger's money lines over one interval of time.

    Attributes:
        amounts_micro_usd: a row of all lines for each site; income is positive.
    """

    at_epoch_s: int
    amounts_micro_usd: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyBreakdown:
    """Money of a span of time by interval, site and ledger line.

    Attributes:
        kinds: names of the lines, in the ledger's order.
        intervals: those in which there is a tick, oldest first.
    """

    starts_at: datetime
    ends_at: datetime
    ticks_count: int
    step_minutes: int
    kinds: tuple[str, ...]
    site_ids: tuple[str, ...]
    intervals: tuple[MoneyInterval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayGains:
    """Gains of the live run over other policies within one UTC day.

    Each is profit less the credits owed so far, of the live run less that of the other policy; see `ShadowGains`.

    Attributes:
        day: midnight at which the day begins.
        from_tick: first tick of the day in which both ran side by side.
        ticks_count: number of ticks compared so far.
        is_over: False for the day under way.
    """

    day: datetime
    from_tick: int
    ticks_count: int
    is_over: bool
    vs_rules_micro_usd: int
    vs_rules_same_budgets_micro_usd: int
    vs_static_breakeven_micro_usd: int
    vs_static_micro_usd: int
    sla_flexibility_micro_usd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision or an event at a site, in the sentence that was shown at the time.

    Attributes:
        source: `plan` for a reason stored with a plan, `event` for an event.
        severity: info | warning | critical; always info for a reason.
        optimizer: optimizer that made the plan; empty for an event.
    """

    tick: int
    at: datetime
    source: Literal["plan", "event"]
    severity: str
    optimizer: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteShadow:
    """Dual prices of one site in a plan, one value for each step."""

    site_id: str
    power_usd_per_mwh: tuple[float, ...]
    """Value of one more MWh of site power, its price and carbon included."""
    grid_usd_per_mwh: tuple[float, ...]
    """Dual price of the grid limit."""
    racks_usd_per_mwh: tuple[float, ...]
    """Dual price of racks: the gain from one more megawatt for an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimization:
    """A plan that came into force, with its objective, bound and dual prices.

    Attributes:
        gap_share: (bound - objective) / bound; None without both.
        step_ticks: first ticks of the steps whose dual prices are stored: all steps for the first plan of an hour, the
            first step for others. Empty, as are the prices, for an optimizer that computes none.
        demand_usd_per_mwh: marginal cost less revenue of a megawatt-hour of contracts, by tier, then step.
        budget_usd_per_mwh: value of one more megawatt-hour of error budget: premium, standard, flexible.
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
        state: `waiting` until the tick that obeys its booking; nothing is counted before.
        ends_at: end as booked; a contract that is not live before this time was cancelled.
        availability_share: good over counted ticks of its whole life so far; None before any was counted.
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
    """Consecutive ticks ``[from_tick, to_tick)`` of a contract with the same state."""

    state: TickState
    from_tick: int
    to_tick: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionRow:
    """Announcement that ticks will not count.

    `is_fleet_wide` is true when it applies to all contracts.
    """

    announced_at: datetime
    starts_at: datetime
    ends_at: datetime
    is_fleet_wide: bool
    reason: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractLife:
    """History of a contract: its windows, the state of each tick, and its exclusions."""

    row: ContractRow
    windows: tuple[ContractWindow, ...]
    strip: tuple[TickRun, ...]
    exclusions: tuple[ExclusionRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceTick:
    """One judged tick of a contract, exported so that the count can be verified."""

    tick: int
    at: datetime
    state: TickState
    power_mw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """Command of an operator, and its outcome.

    Attributes:
        kind: book | cancel | outage | restore | exclude.
        about: id of the contract or site that it concerns.
        ordered_tick: the next tick at the time of the order.
        tick: tick in which it was obeyed, refused or withdrawn; None while it waits.
        reason: reason why it was refused or withdrawn.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalEntry:
    """A line of the log of modes and device writes.

    Attributes:
        kind: mode, write, planned (a dry run), release, override or refused.
        group: kind of machines, or the device that was written; empty for the whole site.
        before, after: mode, or device state, before and after.
    """

    number: int
    at: datetime
    tick: int
    kind: str
    site_id: str
    group: str
    actor: str
    address: str
    reason: str
    before: str
    after: str


def gains_today(snapshot: Snapshot) -> DayGains | None:
    """Return the gains of the UTC day under way; None where nothing is compared yet."""
    gains = snapshot.gains
    whole = (
        gains.optimizer_vs_rules_today_usd,
        gains.optimizer_vs_rules_same_budgets_today_usd,
        gains.optimizer_vs_static_breakeven_today_usd,
        gains.optimizer_vs_static_today_usd,
        gains.sla_flexibility_today_usd,
    )
    known = [round(gain_usd * MICRO_USD_PER_USD) for gain_usd in whole if gain_usd is not None]
    if gains.shadows_since_tick is None or gains.shadows_since_tick > snapshot.tick or len(known) < len(whole):
        return None
    minutes_today = snapshot.at.hour * MINUTES_PER_HOUR + snapshot.at.minute
    from_tick = max(gains.shadows_since_tick, snapshot.tick - minutes_today // snapshot.tick_minutes)
    return DayGains(
        day=snapshot.at.replace(hour=0, minute=0, second=0, microsecond=0),
        from_tick=from_tick,
        ticks_count=snapshot.tick + 1 - from_tick,
        is_over=False,
        vs_rules_micro_usd=known[0],
        vs_rules_same_budgets_micro_usd=known[1],
        vs_static_breakeven_micro_usd=known[2],
        vs_static_micro_usd=known[3],
        sla_flexibility_micro_usd=known[4],
    )


def gains_with_today(
    stored: tuple[DayGains, ...], snapshot: Snapshot, from_: datetime | None = None, to: datetime | None = None
) -> tuple[DayGains, ...]:
    """Add the UTC day under way to the days that are over.

    It is added where it overlaps ``[from_, to)``. A day that was stored since the snapshot is not told twice.
    """
    today = gains_today(snapshot)
    if today is None or any(one.day >= today.day for one in stored):
        return stored
    is_asked = (from_ is None or from_ < today.day + timedelta(days=1)) and (to is None or today.day < to)
    return (*stored, today) if is_asked else stored
