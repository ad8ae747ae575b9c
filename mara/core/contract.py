"""Power contracts: the tiers, the promise, and the error budget used so far.

Model: docs/model.md#4-promises
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property, lru_cache
from itertools import compress
from typing import Final, Literal, get_args

import numpy as np

from mara.core.arrays import LATER, Bools, Floats, Ints, sealed
from mara.core.timegrid import TimeGrid
from mara.core.units import HOURS_PER_DAY, MICRO_USD_PER_USD, PPM


class Tier(IntEnum):
    """SLA tiers, the columns of every (S, G) array, the most binding first."""

    PREMIUM = 0
    STANDARD = 1
    FLEXIBLE = 2
    SPOT = 3


TIER_COUNT: Final = 4
PROMISED_TIER_COUNT: Final = 3
"""Number of tiers that have a target, credits and migration fees: all but Spot."""
TierKey = Literal["premium", "standard", "flexible", "spot"]
TIER_KEYS: Final[tuple[TierKey, ...]] = get_args(TierKey)
"""Names of the tiers in settings, the API and exports, in the order of `Tier`."""
MOST_NAMED: Final = 5
"""Contracts or sites that one sentence names."""


def contract_label(contract_id: str, customer: str) -> str:
    """Name a contract for people by its customer, with its id: `Northwind (c012)`."""
    return f"{customer} ({contract_id})" if customer else contract_id


def some_of(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Tell the first of some names of contracts or sites, and count the others."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


TARGET_PPM: Final = (999_000, 950_000, 900_000, 0)
RATE_FACTOR: Final = (3.5, 2.0, 1.2, 0.4)
"""Price of a tier as a multiple of the base rate."""

CREDIT_STEPS_PPM: Final = (
    ((950_000, 100), (990_000, 30), (999_000, 10)),
    ((800_000, 50), (900_000, 25), (950_000, 10)),
    ((600_000, 30), (800_000, 15), (900_000, 5)),
    (),
)
"""Credit steps by tier, deepest first: (availability below [ppm], % of charge).

The form is that of public cloud agreements: AWS Compute gives 10 % below its target, 30 % below 99.0 and 100 % below
95.0. Source: https://aws.amazon.com/compute/sla/ and https://aws.amazon.com/compute/sla/historical/ . Premium takes
those steps with its own target of 99.9 %; Standard's and Flexible's are chosen, milder for lower targets.
"""

LONG_CONTRACT_DAYS: Final = 28
"""Length from which on availability is measured by calendar month [days].

Shorter contracts are measured over their whole life. Chosen: the shortest calendar month.
"""

BAD: Final = 0
GOOD: Final = 1
EXCLUDED: Final = 2
"""Codes of a judged tick of a contract, as they are stored."""

UNPLACED: Final = -1
"""Site index of a contract that runs nowhere yet."""

CHOSEN_SHARE: Final = 0.70
CHOSEN_SHARE_AT_END: Final = 0.78
"""Share of a window's error budget after which nobody is scheduled off any more.

The first holds when the window opens, the second when it closes, and a straight line between. The rest is for outages,
of which fewer can still come. Chosen by measurement: decision 0104.
"""

_NO_TICKS: Final = sealed(np.zeros(0, dtype=np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRequest:
    """A customer's request for a contract; its power is IT power on inference racks."""

    id: str
    tier: Tier
    customer: str
    power_mw: float
    duration_ticks: int
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaContract:
    """A booked contract over ``[starts_tick, ends_tick)`` at a fixed rate and power."""

    id: str
    tier: Tier
    customer: str
    power_mw: float
    rate_usd_per_mwh: float
    starts_tick: int
    ends_tick: int
    timezone: str


@dataclass(frozen=True, kw_only=True, eq=False)
class ContractBook:
    """The live contracts as arrays (C,), in the order of `contracts`.

    It is rebuilt only when a contract starts or ends.

    Attributes:
        tier, ends_tick: int64 (C,).
        tick_charge_micro_usd: charge of one delivered tick, int64 (C,).
        power_mw: promised IT power (C,).
    """

    contracts: tuple[SlaContract, ...]
    tier: Ints
    power_mw: Floats
    tick_charge_micro_usd: Ints
    ends_tick: Ints

    @cached_property
    def index_of(self) -> dict[str, int]:
        """Position of each contract in the arrays, by its id."""
        return {contract.id: i for i, contract in enumerate(self.contracts)}

    @cached_property
    def promised_mw(self) -> Floats:
        """Promised power by tier (G,) [MW]."""
        sums: Floats = np.bincount(self.tier, weights=self.power_mw, minlength=TIER_COUNT).astype(np.float64)
        return sealed(sums)

    @cached_property
    def tier_counts(self) -> Ints:
        """Number of contracts by tier (G,)."""
        return sealed(np.bincount(self.tier, minlength=TIER_COUNT))

    @cached_property
    def columns(self) -> tuple[Ints, ...]:
        """Indices of each tier's contracts: an array for each tier, of its own length."""
        return tuple(sealed(np.flatnonzero(self.tier == tier)) for tier in Tier)

    @cached_property
    def is_promised(self) -> Bools:
        """True for contracts of promised tiers (C,)."""
        return sealed(self.tier < PROMISED_TIER_COUNT)

    @cached_property
    def tiers(self) -> tuple[int, ...]:
        """Tier of each contract as a plain number (C,)."""
        return tuple(self.tier.tolist())

    @cached_property
    def powers_mw(self) -> tuple[float, ...]:
        """Power of each contract as a plain number (C,) [MW]."""
        return tuple(self.power_mw.tolist())

    @cached_property
    def least_power_mw(self) -> float:
        """Power of the smallest contract; infinite without one."""
        return min(self.powers_mw, default=float("inf"))

    @cached_property
    def least_spot_mw(self) -> float:
        """Power of the smallest Spot contract; infinite without one."""
        return min((self.powers_mw[i] for i in self.columns[Tier.SPOT].tolist()), default=float("inf"))

    @cached_property
    def most_spot_rate_usd_per_mwh(self) -> float:
        """Rate of the dearest Spot contract; minus infinity without one."""
        return max((self.rates_usd_per_mwh[i] for i in self.columns[Tier.SPOT].tolist()), default=float("-inf"))

    @cached_property
    def rates_usd_per_mwh(self) -> tuple[float, ...]:
        """Rate of each contract (C,)."""
        return tuple(contract.rate_usd_per_mwh for contract in self.contracts)

    @cached_property
    def least_rates_usd_per_mwh(self) -> tuple[float, ...]:
        """Rate of each tier's cheapest contract (G,); infinite without one."""
        least = [float("inf")] * TIER_COUNT
        for contract in self.contracts:
            least[contract.tier] = min(least[contract.tier], contract.rate_usd_per_mwh)
        return tuple(least)

    @cached_property
    def least_rate_usd_per_mwh(self) -> float:
        """Rate of the cheapest promised contract; infinite without one."""
        return min(self.least_rates_usd_per_mwh[:PROMISED_TIER_COUNT])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SlaAccounts:
    """State of each live contract in its measurement window, beside a `ContractBook`.

    Attributes:
        window_start_tick, window_end_tick: the window ``[start, end)`` (C,).
        good_ticks, bad_ticks, excluded_ticks: ticks judged so far in the window (C,).
        charge_micro_usd: amount billed so far in the window (C,).
        site: index of the site where it runs or last ran, `UNPLACED` if never (C,).
        served: True if it ran in the last tick (C,).
        rest_ticks: ticks for which it has been left unserved by choice; 0 while it runs, or is off because no site
            has room (C,). A run stored before this was counted continues with 0.
    """

    window_start_tick: Ints
    window_end_tick: Ints
    good_ticks: Ints
    bad_ticks: Ints
    excluded_ticks: Ints
    charge_micro_usd: Ints
    site: Ints
    served: Bools
    rest_ticks: Ints = field(default_factory=lambda: _NO_TICKS)

    def __post_init__(self) -> None:
        if len(self.rest_ticks) != len(self.served):
            object.__setattr__(self, "rest_ticks", sealed(np.zeros(len(self.served), dtype=np.int64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Announced reason not to count ticks ``[from_tick, to_tick)`` of a contract.

    An empty `contract_id` means all contracts; a `site_id` is that of the maintenance that it is a part of.
    """

    contract_id: str
    from_tick: int
    to_tick: int
    reason: str
    author: str
    site_id: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedWindow:
    """Measurement window that has ended, and the credit it owes.

    The credit is posted in the tick after its end.
    """

    contract_id: str
    tier: Tier
    site: int
    window_start_tick: int
    window_end_tick: int
    good_ticks: int
    bad_ticks: int
    excluded_ticks: int
    charge_micro_usd: int
    credit_micro_usd: int


def book_of(contracts: tuple[SlaContract, ...], dt_h: float) -> ContractBook:
    """Build the book of a set of contracts; charges are whole micro-dollars per tick."""
    charge = [round(c.rate_usd_per_mwh * c.power_mw * dt_h * MICRO_USD_PER_USD) for c in contracts]
    return ContractBook(
        contracts=contracts,
        tier=sealed(np.array([int(c.tier) for c in contracts], dtype=np.int64)),
        power_mw=sealed(np.array([c.power_mw for c in contracts], dtype=np.float64)),
        tick_charge_micro_usd=sealed(np.array(charge, dtype=np.int64)),
        ends_tick=sealed(np.array([c.ends_tick for c in contracts], dtype=np.int64)),
    )


def rebooked(book: ContractBook, stays: Bools, arrived: tuple[SlaContract, ...], dt_h: float) -> ContractBook:
    """Rebuild the book: contracts that stay (C,) in their order, then new ones."""
    new = book_of(arrived, dt_h)
    return ContractBook(
        contracts=(*compress(book.contracts, stays.tolist()), *arrived),
        tier=sealed(np.concatenate([book.tier[stays], new.tier])),
        power_mw=sealed(np.concatenate([book.power_mw[stays], new.power_mw])),
        tick_charge_micro_usd=sealed(np.concatenate([book.tick_charge_micro_usd[stays], new.tick_charge_micro_usd])),
        ends_tick=sealed(np.concatenate([book.ends_tick[stays], new.ends_tick])),
    )


def window_of(contract: SlaContract, tick: int, grid: TimeGrid) -> tuple[int, int]:
    """Measurement window ``[start, end)`` of a contract that contains `tick`.

    The whole life of a contract under 28 days; otherwise the calendar month of the contract's time zone, cut to its
    life.
    """
    life_ticks = contract.ends_tick - contract.starts_tick
    if life_ticks < LONG_CONTRACT_DAYS * HOURS_PER_DAY * grid.ticks_per_hour:
        return contract.starts_tick, contract.ends_tick
    start = contract.starts_tick
    while True:
        end = min(grid.next_month_tick(start, contract.timezone), contract.ends_tick)
        if tick < end or end >= contract.ends_tick:
            return start, end
        start = end


def budget_ticks(counted_ticks: int, tier: Tier) -> int:
    """Bad ticks that a window of `counted_ticks` tolerates, in integers.

    The floor of counted x (1 - target): 288 Premium ticks tolerate none, 8,640 tolerate 8. It is the error budget of
    Google's SRE workbook, in whole ticks. Source: ch. 5, https://sre.google/workbook/alerting-on-slos/
    """
    return counted_ticks * (PPM - TARGET_PPM[tier]) // PPM


def budgets_of(book: ContractBook, accounts: SlaAccounts) -> Ints:
    """Compute the bad ticks that each window tolerates (C,); for Spot every tick."""
    counted = accounts.window_end_tick - accounts.window_start_tick - accounts.excluded_ticks
    return _budgets(book, counted.tobytes())


@lru_cache(maxsize=4)
def _budgets(book: ContractBook, counted_ticks: bytes) -> Ints:
    """Compute the budgets of windows, which are the same for many ticks.

    The ticks that count in them (C,) come as bytes, a key of the cache.
    """
    counted = np.frombuffer(counted_ticks, dtype=np.int64)
    return sealed(np.asarray(counted * _SPARE_PPM[book.tier] // PPM))


def is_on_target(tier: Tier, good_ticks: int, bad_ticks: int) -> bool:
    """Compare availability so far with the tier's target, in integers.

    True while nothing was counted.
    """
    return good_ticks * PPM >= TARGET_PPM[tier] * (good_ticks + bad_ticks)


@lru_cache(maxsize=4)  # planner and placement of a tick ask for the same accounts
def spendable_ticks(book: ContractBook, accounts: SlaAccounts, tick: int) -> Ints:
    """Compute the ticks for which each contract may still be scheduled off now (C,).

    It is 0 or less where the rest of a budget is kept for outages, and always for Premium, whose few tolerated bad
    ticks are all kept for outages.
    """
    length = accounts.window_end_tick - accounts.window_start_tick
    age_share = (tick + 1 - accounts.window_start_tick) / length
    share = _CHOSEN_SHARE[book.tier] + (CHOSEN_SHARE_AT_END - CHOSEN_SHARE) * age_share
    may_be_gone = (budgets_of(book, accounts) * share).astype(np.int64)
    return sealed(np.asarray(may_be_gone - accounts.bad_ticks))


def credit_micro_usd(tier: Tier, good_ticks: int, bad_ticks: int, charge_micro_usd: int) -> int:
    """Compute the service credit owed for a closed window, by `CREDIT_STEPS_PPM`."""
    counted = good_ticks + bad_ticks
    for below_ppm, percent in CREDIT_STEPS_PPM[tier]:
        if good_ticks * PPM < below_ppm * counted:
            return charge_micro_usd * percent // 100
    return 0


def next_bad_tick_cost_micro_usd(
    tier: Tier, *, good_ticks: int, bad_ticks: int, left_ticks: int, charge_micro_usd: int, tick_charge_micro_usd: int
) -> int:
    """Cost of one more bad tick: its own charge and the credit that it adds.

    The window's other ticks are taken to be good.

    Credits come in steps, so the cost jumps: 30 days of Premium at 5 MW, charged 1.89 MUSD, owe nothing with 8 bad
    ticks of 8,640 and 189 kUSD with the ninth. `left_ticks` are those of the window still to come; 0 when it is over.
    """
    if left_ticks < 1:
        return 0
    end_charge = charge_micro_usd + left_ticks * tick_charge_micro_usd
    without = credit_micro_usd(tier, good_ticks + left_ticks, bad_ticks, end_charge)
    with_it = credit_micro_usd(tier, good_ticks + left_ticks - 1, bad_ticks + 1, end_charge - tick_charge_micro_usd)
    return tick_charge_micro_usd + with_it - without


_CHOSEN_SHARE: Final = sealed(np.array([-1.0, CHOSEN_SHARE, CHOSEN_SHARE, CHOSEN_SHARE]))
_SPARE_PPM: Final = sealed(np.array([PPM - target for target in TARGET_PPM], dtype=np.int64))
