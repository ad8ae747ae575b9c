"""Validation of orders: one that no tick could obey is refused on arrival."""

from collections.abc import Iterable
from math import isfinite
from typing import Final

from mara.core.booking import exclusions_after
from mara.core.commands import Book, Cancel, Command, Exclude, GridNotice, Outage, Restore, Retract, is_taken_back
from mara.core.contract import ContractRequest, SlaContract
from mara.core.timegrid import TimeGrid, moment_text, zone
from mara.core.world import RunConfig, World
from mara.errors import CommandError

MAX_ORDER_TICKS: Final = 1_000_000
"""Longest outage, contract or exclusion: nine years of five-minute ticks."""
MAX_RATE_USD_PER_MWH: Final = 100_000.0


def refuse_impossible(command: Command, waiting: Iterable[Command], world: World, config: RunConfig) -> None:
    """Refuse a command that the next tick could not obey after those that wait.

    Raises:
        CommandError: the site or contract does not exist, a contract of that id exists already, or a number is out of
            bounds.
    """
    grid = config.grid
    match command:
        case Outage():
            _refuse_unknown("site", command.site_id, config.fleet.site_ids)
            _refuse_length("an outage", command.duration_ticks, grid)
        case Restore():
            _refuse_unknown("site", command.site_id, config.fleet.site_ids)
        case Cancel():
            about_to_be = tuple(other.request.id for other in waiting if isinstance(other, Book))
            _refuse_unknown("live contract", command.contract_id, (*world.book.index_of, *about_to_be))
        case Exclude():
            _refuse_exclusion(command, world, grid)
        case Retract():
            _refuse_unannounced(command, waiting, world, config)
        case GridNotice():
            pass  # a warning binds nobody
        case Book():
            _refuse_request(command.request, waiting, world, grid)
            if not 0.0 <= command.rate_usd_per_mwh <= MAX_RATE_USD_PER_MWH:
                rate = command.rate_usd_per_mwh
                raise CommandError(f"a rate is 0 to {MAX_RATE_USD_PER_MWH:,.0f} USD/MWh, got {rate:g}: correct it")


def refuse_outside_life(contract: SlaContract, from_tick: int, to_tick: int, grid: TimeGrid) -> None:
    """Refuse an exclusion that is not within the life of its contract.

    Raises:
        CommandError: the exclusion begins before the contract or ends after it.
    """
    if contract.starts_tick <= from_tick and to_tick <= contract.ends_tick:
        return
    starts, ends, first, last = (
        moment(grid, tick) for tick in (contract.starts_tick, contract.ends_tick, from_tick, to_tick)
    )
    raise CommandError(
        f"it is live from {starts} to {ends}, got {first} to {last}: keep the exclusion within that time"
    )


def moment(grid: TimeGrid, tick: int) -> str:
    """Format the first instant of a tick."""
    try:
        return moment_text(grid.at(tick))
    except (OverflowError, ValueError, OSError):  # beyond the calendar's last year
        return "a time beyond the calendar"


def _refuse_exclusion(command: Exclude, world: World, grid: TimeGrid) -> None:
    if command.contract_id:
        _refuse_unknown("live contract", command.contract_id, tuple(world.book.index_of))
    _refuse_length("an exclusion", command.to_tick - command.from_tick, grid)
    if command.from_tick < world.tick:
        raise CommandError(
            f"an exclusion is announced before it begins, {moment(grid, command.from_tick)} is past: "
            f"begin at {moment(grid, world.tick)} or later"
        )
    if command.contract_id:
        contract = world.book.contracts[world.book.index_of[command.contract_id]]
        refuse_outside_life(contract, command.from_tick, command.to_tick, grid)


def _refuse_unannounced(command: Retract, waiting: Iterable[Command], world: World, config: RunConfig) -> None:
    """Refuse to take back what does not stand, or only a part of it."""
    if command.site_id:
        _refuse_unknown("site", command.site_id, config.fleet.site_ids)
    begins = moment(config.grid, command.from_tick)
    stands = [told for told in exclusions_after(waiting, world.exclusions) if told.to_tick > world.tick]
    if any(is_taken_back(told, command) for told in stands):
        return
    names = {site.id: site.name for site in config.fleet.sites}
    what = f"announcement about {command.contract_id}"
    if command.site_id:
        what = f"maintenance of {names[command.site_id]}"
    at_once = [told for told in stands if told.site_id and told.from_tick == command.from_tick]
    whole = [told.site_id for told in at_once if told.contract_id == command.contract_id]
    if whole and not command.site_id:
        raise CommandError(
            f"the {what} from {begins} is part of the maintenance of {names[whole[0]]}: take that back, for all its "
            "contracts"
        )
    raise CommandError(
        f"no {what} stands that begins at {begins}: it is over, is being taken back, or begins at another time; "
        "GET /api/exclusions lists what stands"
    )


def _refuse_request(request: ContractRequest, waiting: Iterable[Command], world: World, grid: TimeGrid) -> None:
    if request.id in world.book.index_of:
        raise CommandError(f"contract {request.id} is live already: choose another id")
    if any(isinstance(other, Book) and other.request.id == request.id for other in waiting):
        raise CommandError(f"contract {request.id} is ordered already: choose another id")
    if not (isfinite(request.power_mw) and request.power_mw > 0.0):
        raise CommandError(f"a contract needs a power above 0 MW, got {request.power_mw:g}: correct it")
    _refuse_length("a contract", request.duration_ticks, grid)
    try:
        zone(request.timezone)
    except ValueError as error:
        raise CommandError(f"{error}: correct it") from error


def _refuse_length(what: str, ticks: int, grid: TimeGrid) -> None:
    if not 1 <= ticks <= MAX_ORDER_TICKS:
        most_h = MAX_ORDER_TICKS * grid.dt_h
        raise CommandError(
            f"{what} lasts {grid.tick_minutes} minutes to {most_h:,.0f} hours, got {ticks * grid.dt_h:g} h: correct it"
        )


def _refuse_unknown(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        some = ", ".join(known[:20]) or "none"
        raise CommandError(f"there is no {what} {name!r}, there is {some}: name one of these")
