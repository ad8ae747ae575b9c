"""Maintenance of a whole site: the exclusions of its contracts, and their cost."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mara.core.commands import MAINTENANCE, Retract
from mara.core.snapshot import ContractSnapshot, Snapshot
from mara.core.timegrid import TimeGrid
from mara.core.units import MINUTES_PER_HOUR
from mara.errors import CommandError
from mara.runtime.tick.exclusions import ExclusionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteMaintenance:
    """Maintenance as it would be announced to the contracts of a site, all or none.

    Attributes:
        asked: an exclusion for each contract that runs there and lives to see it.
        ended_count: contracts there that end before it.
        unbilled_usd: most that is not billed: everything, if all these contracts are off all the time. Ticks that are
            served are billed as ever, and no credit is owed for those that are not.
    """

    asked: tuple[ExclusionRequest, ...]
    ended_count: int
    unbilled_usd: float


def maintenance_at(site_id: str, from_: datetime, to: datetime, reason: str, snapshot: Snapshot) -> SiteMaintenance:
    """Cut maintenance to whole ticks and to the life of each contract at the site.

    Raises:
        CommandError: no whole tick lies in that time, or no contract is concerned.
    """
    if from_ >= to:
        raise CommandError("an exclusion should end after it begins: correct its times")
    span = span_of(from_, to, snapshot)
    if span[0] >= span[1]:
        raise CommandError(f"no whole tick of {snapshot.tick_minutes:g} minutes lies in that time: correct from and to")
    there = [contract for contract in snapshot.contracts if contract.site_id == site_id]
    spans = [(contract, *_live_part(span, contract, snapshot)) for contract in there]
    concerned = [(contract, first, end) for contract, first, end in spans if first < end]
    if not concerned:
        why = f"each of the {len(there)} contracts there ends before it begins" if there else "no contract runs there"
        name = next((site.name for site in snapshot.sites if site.id == site_id), site_id)
        raise CommandError(f"nothing is to be announced at {name}: {why}")
    tick_h = snapshot.tick_minutes / MINUTES_PER_HOUR
    return SiteMaintenance(
        asked=tuple(
            ExclusionRequest(
                kind=MAINTENANCE,
                contract_id=contract.id,
                from_tick=first,
                to_tick=end,
                reason=reason,
                site_id=site_id,
            )
            for contract, first, end in concerned
        ),
        ended_count=len(there) - len(concerned),
        unbilled_usd=sum(
            contract.rate_usd_per_mwh * contract.power_mw * (end - first) * tick_h for contract, first, end in concerned
        ),
    )


def span_of(from_: datetime, to: datetime, snapshot: Snapshot) -> tuple[int, int]:
    """Return the ticks ``[first, end)`` that lie wholly within the announced time."""
    tick = timedelta(minutes=snapshot.tick_minutes)
    return snapshot.tick - (snapshot.at - from_) // tick, snapshot.tick + (to - snapshot.at) // tick


def retraction_of(site_id: str, contract_id: str, begins_at: datetime, grid: TimeGrid) -> Retract:
    """Make the order that takes back an announcement.

    It is named by its site or contract, and its begin.

    Raises:
        CommandError: neither a site nor a contract is named, or both are.
    """
    if bool(site_id) == bool(contract_id):
        raise CommandError(
            f"a site or a contract was expected, {'both came' if site_id else 'none came'}: name the site whose "
            "maintenance is taken back, or the one contract that the announcement is about"
        )
    tick = grid.tick_at(begins_at)
    return Retract(site_id=site_id, contract_id=contract_id, from_tick=tick + (grid.at(tick) < begins_at))


def grid_of(snapshot: Snapshot) -> TimeGrid:
    """Return the time grid of a snapshot's run."""
    start = snapshot.at - timedelta(minutes=snapshot.tick * snapshot.tick_minutes)
    return TimeGrid(start=start, tick_minutes=snapshot.tick_minutes)


def _live_part(span: tuple[int, int], contract: ContractSnapshot, snapshot: Snapshot) -> tuple[int, int]:
    """Cut a span of ticks to those in which a contract is live.

    The ends of the span cross where there are none.
    """
    tick = timedelta(minutes=snapshot.tick_minutes)
    starts, ends = (snapshot.tick + (at - snapshot.at) // tick for at in (contract.starts_at, contract.ends_at))
    return max(span[0], starts), min(span[1], ends)
