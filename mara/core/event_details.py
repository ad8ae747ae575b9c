"""Fields of events by kind: the numbers, sites and contracts of their sentences.

Numbers of a new event are exact; those of an event read from a database are rounded as in its sentence.
"""

from dataclasses import dataclass
from typing import Literal

from mara.core.contract import UNPLACED, SlaContract, Tier
from mara.core.fleet import Workload

StrandedCause = Literal["gave_way", "no_room", "no_refuge", "unmovable", "no_reserve", "no_racks"]
"""Causes of a lost place; the last two occur in runs of earlier rules only."""
MoveCause = Literal["rescued", "rescued_to_reserve", "cheaper", "crowded_out"]
"""Causes of a move.

The site failed, power costs less at the new one, or other load earns more of the racks.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRef:
    """A contract as an event names it; its id is empty if read from a database."""

    customer: str
    power_mw: float
    tier: Tier
    contract_id: str = ""

    def may_be(self, contract: SlaContract) -> bool:
        """Return whether this reference may mean the contract.

        Without an id, all contracts of one customer, tier and power match.
        """
        return (
            self.customer == contract.customer
            and self.tier == contract.tier
            and round(self.power_mw, 1) == round(contract.power_mw, 1)
            and self.contract_id in ("", contract.id)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFailed:
    """A site lost machines.

    Attributes:
        up_share: share of the site's machines that are left; 0 where it is down.
        rescued_mw, refuge_sites: Premium that moved in time, and the sites that took it.
        gave_way_count, gave_way_mw: contracts that this Premium drove out.
        premium_off_mw: Premium that no site can hold.
        is_several_off: True if that is more than one contract.
        off_count, off_mw: other contracts of the site, off until they are placed again.
    """

    up_share: float
    rescued_mw: float = 0.0
    refuge_sites: tuple[int, ...] = ()
    gave_way_count: int = 0
    gave_way_mw: float = 0.0
    premium_off_mw: float = 0.0
    is_several_off: bool = False
    off_count: int = 0
    off_mw: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRecovered:
    """A site got machines back; `up_share` of all its machines are available now."""

    up_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractStranded:
    """A promised contract lost its place.

    `failed_site` is the failed site whose Premium took the place, where that is the cause.
    """

    contract: ContractRef
    cause: StrandedCause
    failed_site: int = UNPLACED


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractPlaced:
    """A contract started at a site.

    `rack_usd_per_mwh` is the cost of a rack MWh there at the first start; None where the contract runs again.
    """

    contract: ContractRef
    rack_usd_per_mwh: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractMoved:
    """Details of a contract's move; cost of a rack MWh at both sites if that is why."""

    contract: ContractRef
    from_site: int
    cause: MoveCause
    from_usd_per_mwh: float = 0.0
    to_usd_per_mwh: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractScheduledOff:
    """A period ended in which a contract was scheduled off inside its error budget."""

    contract: ContractRef
    off_minutes: int
    left_ticks: int
    budget_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingOffBegan:
    """A contract was scheduled off; runs of earlier rules only report the beginning."""

    contract: ContractRef
    price_usd_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseBroken:
    """A contract was shed past its error budget on purpose."""

    contract: ContractRef
    price_usd_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MinersSwitched:
    """Miners of one kind at a site were switched on or off."""

    is_on: bool
    miner: Workload
    power_mw: float
    price_usd_per_mwh: float
    break_even_usd_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractBooked:
    """A request was accepted."""

    contract: ContractRef
    duration_h: float
    rate_usd_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused:
    """A request was refused, for a reason in words."""

    contract: ContractRef
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditOwed:
    """A measurement window closed below its target, so that a credit is owed."""

    contract_id: str
    bad_ticks: int
    counted_ticks: int
    credit_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEnded:
    """A UTC day ended: its sums, reported in its last tick.

    `off_h` adds up the hours for which contracts were scheduled off.
    """

    earned_usd: float
    booked_count: int
    ended_count: int
    refused_count: int
    moved_count: int
    off_count: int
    off_h: float
    hottest_c: float
    hottest_site: int
    dearest_usd_per_mwh: float
    dearest_site: int
    position_usd: float = 0.0
    """Gain of positions bought day-ahead; part of what was earned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductCalled:
    """A grid product called what it bought at a site.

    Attributes:
        called_mw: power that must stay away. short_mw: what of it came short in the tick.
        until: UTC time until which it must, as `14:35`.
    """

    product: str
    called_mw: float
    short_mw: float
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MinersOffForPeak:
    """Miners that pay at the price stay off, as the power system may have a peak.

    `peak_usd_per_mwh` is what the peak that is expected adds to the cost of a megawatt-hour drawn.
    """

    power_mw: float
    price_usd_per_mwh: float
    peak_usd_per_mwh: float


OfContract = (
    ContractStranded
    | ContractPlaced
    | ContractMoved
    | ContractScheduledOff
    | SchedulingOffBegan
    | PromiseBroken
    | ContractBooked
    | RequestRefused
)
EventDetails = (
    OfContract | SiteFailed | SiteRecovered | MinersSwitched | CreditOwed | DayEnded | ProductCalled | MinersOffForPeak
)
