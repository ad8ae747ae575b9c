"""Commands of operators: inputs of a tick, stored with it for the replay.

`by` and `address` say who ordered it, and from where: for the audit, the engine obeys all alike.
"""

from dataclasses import dataclass, field
from typing import Final

from mara.core.arrays import LATER
from mara.core.contract import ContractRequest, Exclusion

MAINTENANCE: Final = "maintenance"
EXCLUSION_KINDS: Final = (MAINTENANCE, "grid order", "customer order")
"""Reasons that excuse a tick; the kind leads the stored reason."""
NOTICE_HOURS: Final = 72
MOST_MONTH_HOURS: Final = 4
"""Notice that maintenance needs, and the most of it in a calendar month [h].

Months are those of the contract's time zone. Chosen; cloud agreements exclude announced maintenance in the same way.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Accept a request at a price; refused when no site can hold it."""

    request: ContractRequest
    rate_usd_per_mwh: float
    by: str = "operator"
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """End a contract now; its window is settled as if it had ended."""

    contract_id: str
    by: str = "operator"
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Take a site down for a number of ticks, on top of whatever the feed says."""

    site_id: str
    duration_ticks: int
    by: str = "operator"
    address: str = ""
    reason: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """End an ordered outage."""

    site_id: str
    by: str = "operator"
    address: str = ""
    reason: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclude:
    """Announce ticks that will not count for a contract.

    Allowed for a customer's or grid operator's order, or maintenance (72 h ahead, 4 h a month).

    Attributes:
        site_id: site whose maintenance it is a part of; empty for an announcement about this contract alone.
    """

    contract_id: str
    from_tick: int
    to_tick: int
    reason: str
    author: str
    by: str = "operator"
    address: str = ""
    site_id: str = field(default="", metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retract:
    """Take back an announcement: from the tick that obeys it, its ticks count again.

    Attributes:
        site_id: site whose maintenance is taken back, for all its contracts; empty for an announcement about one.
        contract_id: contract that the announcement is about; empty for a site's maintenance.
        from_tick: first tick that was announced.
    """

    site_id: str
    contract_id: str
    from_tick: int
    by: str = "operator"
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridNotice:
    """Take note of a warning of the grid's operator; nothing else changes.

    Attributes:
        event_id: of the event that gives it.
        kind: as the operator names it, such as ALERT_FLEX_ALERT.
    """

    event_id: str
    kind: str
    text: str
    by: str = "operator"
    address: str = ""


Command = Book | Cancel | Outage | Restore | Exclude | Retract | GridNotice


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Answer to commands on disk: their numbers, and the tick that obeys them."""

    numbers: tuple[int, ...]
    tick: int


def is_taken_back(told: Exclude | Exclusion, by: Retract) -> bool:
    """Return whether an announcement is among those that an order takes back."""
    is_meant = told.site_id == by.site_id if by.site_id or told.site_id else told.contract_id == by.contract_id
    return is_meant and told.from_tick == by.from_tick
