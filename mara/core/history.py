"""Records of a run's past as plain values, read from its database.

They hold no numpy arrays. Money that must add up is in whole micro-dollars; a value that was not stored, or has no
meaning, is None.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mara.core.plan import Provenance

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
        metered_ticks_count: ticks, of each site, whose bill followed the site's meter; all others are simulated.
            Counted as long as raw rows are kept.
    """

    site_id: str
    starts_at: datetime
    ends_at: datetime
    ticks_count: int
    money: tuple[MoneyLine, ...]
    cash_micro_usd: int
    energy: tuple[EnergyFlow, ...]
    metered_ticks_count: int = 0

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
    """State of a measurement window; an open one has no credit yet.

    `metered_ticks` of it were judged by the meter of the site where the contract last ran, all others as simulated;
    they are counted as long as raw rows are kept.
    """

    starts_at: datetime
    ends_at: datetime
    is_closed: bool
    good_ticks: int
    bad_ticks: int
    excluded_ticks: int
    budget_ticks: int
    charge_micro_usd: int
    credit_micro_usd: int | None
    metered_ticks: int = 0


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

    Attributes:
        ends_at: end as it was announced.
        is_fleet_wide: true when it applies to all contracts.
        site_id: site whose maintenance it is a part of; empty for an announcement about one contract alone.
        retracted_at: time from which its ticks count again, because it was taken back; None where it was not.
        retracted_by: user who took it back.
    """

    announced_at: datetime
    starts_at: datetime
    ends_at: datetime
    is_fleet_wide: bool
    reason: str
    author: str
    site_id: str = ""
    retracted_at: datetime | None = None
    retracted_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionAhead:
    """Announcement about ticks to come of a live contract, or of all of them."""

    contract_id: str
    """Contract that it is about; empty for all."""
    row: ExclusionRow


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
        kind: book | cancel | outage | restore | exclude | retract | gridnotice.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessError:
    """Errors of a site's forecast prices over the last days, some hours ahead.

    Attributes:
        count: guesses that were compared with what came; without any the errors are 0.
        error_usd_per_mwh: mean of the error without its sign.
        bias_usd_per_mwh: mean error; above 0 where guesses were too dear.
        persistence_usd_per_mwh: mean error of the price of the same hour a day before, without its sign.
    """

    site_id: str
    ahead_h: int
    count: int
    error_usd_per_mwh: float
    bias_usd_per_mwh: float
    persistence_usd_per_mwh: float
