"""Exclusions: announced ticks that will not count for an SLA.

Each has an author and is announced ahead of its first tick; maintenance is limited to so many hours a month.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mara.core.commands import (
    EXCLUSION_KINDS,
    MAINTENANCE,
    MOST_MONTH_HOURS,
    NOTICE_HOURS,
    Command,
    Exclude,
    Retract,
    is_taken_back,
)
from mara.core.contract import some_of
from mara.core.history import ExclusionRow
from mara.core.timegrid import TimeGrid, moment_text
from mara.core.world import RunConfig, World
from mara.errors import CommandError
from mara.runtime.actor import ACTOR
from mara.runtime.tick.command_validation import refuse_outside_life

MAX_REASON_CHARACTERS: Final = 200
MAX_REFUSALS_TOLD: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionRequest:
    """A request that ticks of a contract do not count, with the reason.

    The acting user is its author. `site_id` is that of the maintenance that it is a part of, empty for none.
    """

    kind: str
    contract_id: str
    from_tick: int
    to_tick: int
    reason: str
    site_id: str = ""


def exclusions_of(
    asked: Sequence[ExclusionRequest],
    world: World,
    config: RunConfig,
    *,
    waiting: Iterable[Command] = (),
    stored: Mapping[str, Iterable[ExclusionRow]],
) -> tuple[Exclude, ...]:
    """Make the commands of several exclusions, all or none.

    Args:
        waiting: commands that will be obeyed before them.
        stored: exclusions announced before, by contract.

    Raises:
        CommandError: one of them is not allowed; of several, each reason with its contract.
    """
    commands: list[Exclude] = []
    refusals: dict[str, list[str]] = {}
    for one in asked:
        before = (*waiting, *commands)
        try:
            commands.append(exclusion_of(one, world, config, waiting=before, stored=stored.get(one.contract_id, ())))
        except CommandError as error:
            refusals.setdefault(str(error), []).append(_named(one.contract_id, world))
    if refusals:
        raise CommandError(_refusal(refusals, len(asked)))
    return tuple(commands)


def _refusal(refusals: Mapping[str, Sequence[str]], asked_count: int) -> str:
    """Tell each reason once, with the contracts that it concerns."""
    if asked_count == 1:
        return next(iter(refusals))
    told = "; ".join(f"{reason} ({some_of(names)})" for reason, names in list(refusals.items())[:MAX_REFUSALS_TOLD])
    more = len(refusals) - MAX_REFUSALS_TOLD
    rest = f"; and {more} more reasons" if more > 0 else ""
    count = sum(map(len, refusals.values()))
    return f"nothing was announced, because {count} of {asked_count} contracts refuse: {told}{rest}"


def _named(contract_id: str, world: World) -> str:
    """Name a contract by its customer and id; one that is not live by its id."""
    column = world.book.index_of.get(contract_id)
    return contract_id if column is None else f"{world.book.contracts[column].customer} {contract_id}"


def exclusion_of(
    asked: ExclusionRequest,
    world: World,
    config: RunConfig,
    *,
    waiting: Iterable[Command] = (),
    stored: Iterable[ExclusionRow] = (),
) -> Exclude:
    """Make the command of an allowed exclusion, in the name of the acting user.

    Args:
        waiting: commands that will be obeyed before it.
        stored: exclusions of the contract announced before.

    Raises:
        CommandError: the kind or contract is unknown, the reason is missing, ticks lie outside the contract's life, or
            maintenance begins too soon or exceeds the month's limit.
    """
    if asked.kind not in EXCLUSION_KINDS:
        raise CommandError(
            f"ticks are excluded by {', '.join(EXCLUSION_KINDS)}, got {asked.kind!r}: choose one of these"
        )
    reason = _line(asked.reason, "a reason", MAX_REASON_CHARACTERS)
    column = world.book.index_of.get(asked.contract_id)
    if column is None:
        raise CommandError(f"there is no live contract {asked.contract_id!r}: name one that is")
    if asked.from_tick >= asked.to_tick:
        raise CommandError("an exclusion should end after it begins: correct its times")
    refuse_outside_life(world.book.contracts[column], asked.from_tick, asked.to_tick, config.grid)
    if asked.kind == MAINTENANCE:
        grid, timezone = config.grid, world.book.contracts[column].timezone
        _refuse_short_notice(asked, world, grid)
        others = _announced_before(asked.contract_id, stored, waiting, world.tick, grid)
        _refuse_too_much(asked, others, grid, timezone)
    return Exclude(
        contract_id=asked.contract_id,
        from_tick=asked.from_tick,
        to_tick=asked.to_tick,
        reason=f"{asked.kind}: {reason}",
        author=ACTOR.get().name,
        site_id=asked.site_id,
    )


def _line(text: str, what: str, most: int) -> str:
    line = " ".join(text.split())
    if not line or len(line) > most or not line.isprintable():
        raise CommandError(f"an exclusion needs {what}, 1 to {most} printable characters, got {len(line)}: enter it")
    return line


def _announced_before(
    contract_id: str, stored: Iterable[ExclusionRow], waiting: Iterable[Command], tick: int, grid: TimeGrid
) -> list[tuple[int, int]]:
    """List the spans of ticks of maintenance announced before, and not taken back."""
    told = [_order_of(row, contract_id, grid) for row in stored]
    for command in waiting:
        if isinstance(command, Exclude) and command.contract_id == contract_id:
            told.append(command)
        elif isinstance(command, Retract):
            told = [_ended(one, tick) if is_taken_back(one, command) else one for one in told]
    return [(one.from_tick, one.to_tick) for one in told if one.reason.startswith(MAINTENANCE)]


def _order_of(row: ExclusionRow, contract_id: str, grid: TimeGrid) -> Exclude:
    """Return the order of a stored exclusion, ended where it was taken back."""
    order = Exclude(
        contract_id="" if row.is_fleet_wide else contract_id,
        from_tick=grid.tick_at(row.starts_at),
        to_tick=grid.tick_at(row.ends_at),
        reason=row.reason,
        author=row.author,
        site_id=row.site_id,
    )
    return order if row.retracted_at is None else _ended(order, grid.tick_at(row.retracted_at))


def _ended(told: Exclude, tick: int) -> Exclude:
    return replace(told, to_tick=min(told.to_tick, max(told.from_tick, tick)))


def _refuse_short_notice(asked: ExclusionRequest, world: World, grid: TimeGrid) -> None:
    first = world.tick + NOTICE_HOURS * grid.ticks_per_hour
    if asked.from_tick < first:
        raise CommandError(
            f"maintenance is announced {NOTICE_HOURS} h ahead: begin at {moment_text(grid.at(first))} or later"
        )


def _refuse_too_much(asked: ExclusionRequest, others: Iterable[tuple[int, int]], grid: TimeGrid, timezone: str) -> None:
    """Refuse maintenance beyond a month's limit.

    Overlapping announcements are counted one by one, although their common ticks are excluded only once.
    """
    most = MOST_MONTH_HOURS * grid.ticks_per_hour
    wanted = _ticks_by_month(asked.from_tick, asked.to_tick, grid, timezone)
    used: dict[int, int] = {}
    for begin, end in others:
        for month, ticks in _ticks_by_month(begin, end, grid, timezone).items():
            used[month] = used.get(month, 0) + ticks
    for month, ticks in wanted.items():
        left = max(most - used.get(month, 0), 0)
        if ticks > left:
            raise CommandError(
                f"a calendar month of {timezone} has {MOST_MONTH_HOURS} h of maintenance at most, "
                f"{left * grid.dt_h:.3g} h are left, {ticks * grid.dt_h:.3g} h were asked for: shorten it"
            )


def _ticks_by_month(begin: int, end: int, grid: TimeGrid, timezone: str) -> dict[int, int]:
    """Count the ticks of a span in each calendar month.

    The key is the tick at which the month ends.
    """
    ticks: dict[int, int] = {}
    while begin < end:
        month_end = grid.next_month_tick(begin, timezone)
        ticks[month_end] = min(end, month_end) - begin
        begin = min(end, month_end)
    return ticks
