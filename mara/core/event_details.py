"""The fields of an event by kind: what a sentence of `event_text` says, as numbers, sites and contracts.

Numbers of an event just made are exact; those of one read back are rounded as its sentence shows them.
"""

from dataclasses import dataclass
from typing import Literal

from mara.core.contract import UNPLACED, SlaContract, Tier
from mara.core.fleet import Workload

StrandedCause = Literal["gave_way", "no_room", "no_refuge", "unmovable", "no_reserve", "no_racks"]
"""Why a contract lost its place; the last two are told by runs of earlier rules only."""
MoveCause = Literal["rescued", "rescued_to_reserve", "cheaper", "crowded_out"]
"""Why a contract moved: its site failed, power costs less there, or other load earns more of its racks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRef:
    """A contract as an event names it; `contract_id` is empty where the event was read back from its sentence."""

    customer: str
    power_mw: float
    tier: Tier
    contract_id: str = ""

    def may_be(self, contract: SlaContract) -> bool:
        """Whether the contract goes by this name; a customer's contracts of one tier and power share theirs."""
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
    """A promised contract lost its place; `failed_site` is the one whose Premium took it, for `gave_way`."""

    contract: ContractRef
    cause: StrandedCause
    failed_site: int = UNPLACED


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractPlaced:
    """A contract got a site: its first at `rack_usd_per_mwh`, or again one where that is None."""

    contract: ContractRef
    rack_usd_per_mwh: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractMoved:
    """A contract changed site; the costs of a rack megawatt-hour at both ends are known where they are the cause."""

    contract: ContractRef
    from_site: int
    cause: MoveCause
    from_usd_per_mwh: float = 0.0
    to_usd_per_mwh: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractScheduledOff:
    """A contract was scheduled off inside its error budget for `off_minutes`, and is no longer."""

    contract: ContractRef
    off_minutes: int
    left_ticks: int
    budget_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulingOffBegan:
    """A contract begins to be scheduled off: told by runs of earlier rules only."""

    contract: ContractRef
    price_usd_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseBroken:
    """A contract is shed past its error budget on purpose, because of the price of power."""

    contract: ContractRef
    price_usd_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MinersSwitched:
    """Miners of one kind were switched: on for `resumed`, off for `curtailed`."""

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
    """The sums of a UTC day, told with its last tick; `off_h` is the time of those scheduled off together."""

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
