"""Admission of contract requests, and the effect of operators' commands.

Everything takes effect from the next tick on.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mara.core.arrays import has_any, sealed
from mara.core.commands import Book, Cancel, Command, Exclude, GridNotice, Outage, Restore, Retract, is_taken_back
from mara.core.contract import RATE_FACTOR, ContractRequest, Exclusion, SlaContract, Tier
from mara.core.units import TOLERANCE_MW
from mara.core.world import RunConfig, World

COMMITTED_SHARE: Final = 0.92
"""Share of the installed racks that may be promised to firm tiers together.

Chosen: about one site of ten stays unpromised for failures. Spot is not counted.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request that was refused, and the reason as a sentence."""

    request: ContractRequest
    reason: str


def admit(
    requests: tuple[tuple[ContractRequest, float], ...], world: World, config: RunConfig
) -> tuple[tuple[SlaContract, ...], tuple[Refusal, ...]]:
    """Accept requests in order while racks can carry them.

    Each comes with its price [USD/MWh]; accepted contracts start with the next tick.
    """
    if not requests:
        return (), ()
    # Cooling takes its share of the grid power as well: this is the least that must be true.
    racks = np.minimum(config.fleet.racks_mw, config.fleet.grid_limit_mw)
    largest, room = float(racks.max()), COMMITTED_SHARE * float(racks.sum())
    promised = world.book.promised_mw
    committed = float(promised.sum() - promised[Tier.SPOT])
    accepted: list[SlaContract] = []
    refused: list[Refusal] = []
    for request, rate in requests:
        firm_mw = 0.0 if request.tier is Tier.SPOT else request.power_mw
        if request.power_mw > largest + TOLERANCE_MW:
            reason = f"no site can hold {request.power_mw:.1f} MW: the largest has {largest:.1f} MW of racks"
            refused.append(Refusal(request=request, reason=reason))
        elif committed + firm_mw > room + TOLERANCE_MW:
            left_mw = max(room - committed, 0.0)
            reason = f"{left_mw:.1f} MW of racks are left to promise, {request.power_mw:.1f} MW were asked for"
            refused.append(Refusal(request=request, reason=reason))
        else:
            committed += firm_mw
            accepted.append(contract_of(request, rate, world.tick + 1))
    return tuple(accepted), tuple(refused)


def list_rate_usd_per_mwh(tier: Tier, config: RunConfig) -> float:
    """Price of a tier by the list: base rate times the tier's multiplier."""
    return config.terms.base_rate_usd_per_mwh * RATE_FACTOR[tier]


def requests_of(
    arrivals: tuple[ContractRequest, ...], commands: tuple[Command, ...], config: RunConfig
) -> tuple[tuple[ContractRequest, float], ...]:
    """Join operators' bookings, at their quoted price, and arrivals, at list price.

    A booking that is cancelled in the same tick is left out.
    """
    gone = {command.contract_id for command in commands if isinstance(command, Cancel)}
    booked = tuple(
        (c.request, c.rate_usd_per_mwh) for c in commands if isinstance(c, Book) and c.request.id not in gone
    )
    return booked + tuple((request, list_rate_usd_per_mwh(request.tier, config)) for request in arrivals)


def ordered(world: World, commands: tuple[Command, ...], config: RunConfig) -> tuple[World, frozenset[str]]:
    """Apply operators' outages, restores and exclusions; collect cancelled contracts."""
    if not commands:
        return world, frozenset()
    until = world.outage_until_tick.copy()
    cancelled: set[str] = set()
    for command in commands:
        match command:
            case Outage():
                until[config.fleet.site_ids.index(command.site_id)] = world.tick + command.duration_ticks
            case Restore():
                until[config.fleet.site_ids.index(command.site_id)] = 0
            case Cancel():
                cancelled.add(command.contract_id)
            case Exclude() | Retract():
                pass  # see `exclusions_after`
            case Book() | GridNotice():
                pass  # the one joins the arrivals in `requests_of`, the other is noted alone
    exclusions = exclusions_after(commands, world.exclusions)
    return replace(world, outage_until_tick=sealed(until), exclusions=exclusions), frozenset(cancelled)


def exclusions_after(commands: Iterable[Command], exclusions: tuple[Exclusion, ...]) -> tuple[Exclusion, ...]:
    """Return the exclusions that stand after some commands.

    What is taken back stands no more, so that its ticks count from then on; those judged before keep their state.
    """
    for command in commands:
        if isinstance(command, Exclude):
            exclusions = (*exclusions, _exclusion_of(command))
        elif isinstance(command, Retract):
            exclusions = tuple(told for told in exclusions if not is_taken_back(told, command))
    return exclusions


def _exclusion_of(command: Exclude) -> Exclusion:
    return Exclusion(
        contract_id=command.contract_id,
        from_tick=command.from_tick,
        to_tick=command.to_tick,
        reason=command.reason,
        author=command.author,
        site_id=command.site_id,
    )


def with_ordered_outages(availability_share: np.ndarray, world: World) -> np.ndarray:
    """Availability after the outages that operators ordered (S,)."""
    down = world.outage_until_tick > world.tick
    return np.where(down, 0.0, availability_share) if has_any(down) else availability_share


def contract_of(request: ContractRequest, rate_usd_per_mwh: float, starts_tick: int) -> SlaContract:
    """Turn an accepted request into a contract."""
    return SlaContract(
        id=request.id,
        tier=request.tier,
        customer=request.customer,
        power_mw=request.power_mw,
        rate_usd_per_mwh=rate_usd_per_mwh,
        starts_tick=starts_tick,
        ends_tick=starts_tick + request.duration_ticks,
        timezone=request.timezone,
    )
