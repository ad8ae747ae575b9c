"""Orders that overtake the tick: a site's targets are lowered without a new plan.

The next tick is settled with the order as an input; until then a document with a higher revision says what holds.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import Literal

from mara.core.dispatch_document import ContractTarget, DispatchDocument, GroupTarget, SiteTarget
from mara.core.units import TOLERANCE_MW

ResponseState = Literal["told", "read back", "failed", "unarmed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtaking:
    """Most power that a site may draw from now on, and the reason."""

    site_id: str
    limit_mw: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseStatus:
    """Response to an order that could not wait, from asking to reading back.

    Attributes:
        cause: what was ordered, such as a stop or the call of a product.
        limit_mw: most power that the site may draw; None is no limit.
        told_s: time from the order until its document was handed to executors and outlets.
        read_back_s: time from the order until all devices of the site read back as ordered; None before.
        allowed_s: time in which that should be done.
        state: told, read back, failed, or unarmed where no executor writes to the site.
    """

    site_id: str
    cause: str
    limit_mw: float | None
    asked_at: datetime
    told_s: float
    read_back_s: float | None = None
    allowed_s: float
    is_late: bool = False
    state: ResponseState = "told"
    message: str = ""


def overtaken(
    document: DispatchDocument, orders: Iterable[Overtaking], issued_at: datetime, revision_number: int
) -> DispatchDocument:
    """Lower a document's targets to what orders allow; lower ones stay as they are."""
    strictest_last = sorted(orders, key=lambda order: -order.limit_mw)
    sites = tuple(_under(site, strictest_last) for site in document.sites)
    return replace(document, sites=sites, issued_at=max(issued_at, document.issued_at), revision_number=revision_number)


def _under(site: SiteTarget, orders: Iterable[Overtaking]) -> SiteTarget:
    for order in orders:
        if order.site_id == site.site_id:
            site = lowered(site, order)
    return site


def lowered(site: SiteTarget, order: Overtaking) -> SiteTarget:
    """Lower a site's targets to a limit: groups in their order, the last contracts."""
    running_mw = sum(group.power_mw for group in site.groups)
    most_mw = min(order.limit_mw, site.site_power_mw)
    per_it = site.site_power_mw / running_mw if running_mw > TOLERANCE_MW else 1.0
    over_mw = max((site.site_power_mw - most_mw) / per_it, 0.0)
    groups: list[GroupTarget] = []
    for group in sorted(site.groups, key=lambda one: one.order_number):
        less_mw = min(over_mw, group.power_mw)
        over_mw -= less_mw
        groups.append(_with_power(group, group.power_mw - less_mw))
    racks_mw = sum(group.power_mw for group in groups if group.kind == "rack")
    limit = order.limit_mw if site.site_limit_mw is None else min(order.limit_mw, site.site_limit_mw)
    return replace(
        site,
        site_power_mw=most_mw,
        site_limit_mw=limit,
        groups=tuple(groups),
        contracts=_within(site.contracts, racks_mw),
        reserve_mw=min(site.reserve_mw, racks_mw),
        reasons=(order.reason, *site.reasons),
        is_urgent=True,
    )


def _with_power(group: GroupTarget, power_mw: float) -> GroupTarget:
    if power_mw == group.power_mw:
        return group
    share = power_mw / group.power_mw
    return replace(group, power_mw=power_mw, units_on_count=ceil(group.units_on_count * share - TOLERANCE_MW))


def _within(contracts: tuple[ContractTarget, ...], racks_mw: float) -> tuple[ContractTarget, ...]:
    """Keep the first contracts that racks can hold."""
    kept: list[ContractTarget] = []
    for contract in contracts:
        racks_mw -= contract.power_mw
        if racks_mw < -TOLERANCE_MW:
            break
        kept.append(contract)
    return tuple(kept)
