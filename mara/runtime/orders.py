"""Which orders nobody could obey: refused before they reach a tick, where they would stop the run."""

from collections.abc import Iterable
from math import isfinite
from typing import Final

from mara.core.commands import Book, Cancel, Command, Exclude, Outage, Restore
from mara.core.contract import ContractRequest
from mara.core.timegrid import zone
from mara.core.world import Charter, World
from mara.errors import CommandError

MAX_ORDER_TICKS: Final = 1_000_000
"""Longest outage, contract or exclusion: nine years of five-minute ticks."""
MAX_RATE_USD_PER_MWH: Final = 100_000.0


def refuse_impossible(command: Command, waiting: Iterable[Command], world: World, charter: Charter) -> None:
    """Look whether the next tick could obey a command after those that wait for it.

    Raises:
        CommandError: no such site or contract, a contract that is there already, or a number out of bounds.
    """
    match command:
        case Outage():
            _refuse_unknown("site", command.site_id, charter.fleet.site_ids)
            _refuse_length("an outage", command.duration_ticks)
        case Restore():
            _refuse_unknown("site", command.site_id, charter.fleet.site_ids)
        case Cancel():
            _refuse_unknown("live contract", command.contract_id, tuple(world.book.index_of))
        case Exclude():
            if command.contract_id:
                _refuse_unknown("live contract", command.contract_id, tuple(world.book.index_of))
            _refuse_length("an exclusion", command.to_tick - command.from_tick)
            if command.from_tick < world.tick:
                raise CommandError(
                    f"an exclusion is announced before it begins, tick {command.from_tick} is past: "
                    f"begin at tick {world.tick} or later"
                )
        case Book():
            _refuse_request(command.request, waiting, world)
            if not 0.0 <= command.rate_usd_per_mwh <= MAX_RATE_USD_PER_MWH:
                rate = command.rate_usd_per_mwh
                raise CommandError(f"a rate is 0 to {MAX_RATE_USD_PER_MWH:,.0f} USD/MWh, got {rate:g}: correct it")


def _refuse_request(request: ContractRequest, waiting: Iterable[Command], world: World) -> None:
    if request.id in world.book.index_of:
        raise CommandError(f"contract {request.id} is live already: choose another id")
    if any(isinstance(other, Book) and other.request.id == request.id for other in waiting):
        raise CommandError(f"contract {request.id} is ordered already: choose another id")
    if not (isfinite(request.power_mw) and request.power_mw > 0.0):
        raise CommandError(f"a contract needs a power above 0 MW, got {request.power_mw:g}: correct it")
    _refuse_length("a contract", request.duration_ticks)
    try:
        zone(request.timezone)
    except ValueError as error:
        raise CommandError(f"{error}: correct it") from error


def _refuse_length(what: str, ticks: int) -> None:
    if not 1 <= ticks <= MAX_ORDER_TICKS:
        raise CommandError(f"{what} lasts 1 to {MAX_ORDER_TICKS:,} ticks, got {ticks}: correct it")


def _refuse_unknown(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        some = ", ".join(known[:20]) or "none"
        raise CommandError(f"there is no {what} {name!r}, there is {some}: name one of these")
