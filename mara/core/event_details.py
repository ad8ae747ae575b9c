"""Fields of events by kind: the numbers, sites and contracts of their sentences.

Numbers of an event just made are exact; those of one read back are rounded as its sentence shows them.
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
    """A contract as an event names it; the id is empty in events that were read back."""

    customer: str
    power_mw: float
    tier: Tier
    contract_id: str = ""

    def may_be(self, contract: SlaContract) -> bool:
        """Say whether the contract goes by this name.

        A customer's contracts of one tier and power share theirs.
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
        up_share: of the site's machines that are left; 0 where it is down.
        rescued_mw, refuge_sites: Premium that moved in time, and where to.
        gave_way_count, gave_way_mw: contracts that such Premium drove out.
        premium_off_mw, is_several_off: Premium that no site can hold, and whether it is several contracts.
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
    """A site got machines back; `up_share` of them are available now."""

    up_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractStranded:
    """Loss of a promised contract's place.

    `failed_site` is the one whose Premium took it, where that is the cause.
    """

    contract: ContractRef
    cause: StrandedCause
    failed_site: int = UNPLACED


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractPlaced:
    """Start of a contract at a site.

    `rack_usd_per_mwh` is the cost there where it is its first; None where it runs again.
    """

    contract: ContractRef
    rack_usd_per_mwh: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractMoved:
    """Move of a contract; costs of a rack MWh at both ends where they are the cause."""

    contract: ContractRef
    from_site: int
    cause: MoveCause
    from_usd_per_mwh: float = 0.0
    to_usd_per_mwh: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractScheduledOff:
    """End of a time for which a contract was scheduled off inside its error budget."""

    contract: ContractRef
    off_minutes: int
    left_ticks: int
    budget_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingOffBegan:
    """Begin of scheduling off, told by runs of earlier rules only."""

    contract: ContractRef
    price_usd_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseBroken:
    """Shedding of a contract past its error budget on purpose."""

    contract: ContractRef
    price_usd_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MinersSwitched:
    """Switch of one kind of miners, on or off."""

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
    """A window closed below its target."""

    contract_id: str
    bad_ticks: int
    counted_ticks: int
    credit_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEnded:
    """Sums of a UTC day, told with its last tick.

    `off_h` is the time of all contracts that were scheduled off, together.
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
EventDetails = OfContract | SiteFailed | SiteRecovered | MinersSwitched | CreditOwed | DayEnded
