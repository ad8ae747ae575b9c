"""Read contracts from booking to end: state of each tick, windows and exclusions."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Literal, NamedTuple, get_args

from sqlalchemy import Select, func, or_, select

from mara.core.commands import Exclude, Retract, is_taken_back
from mara.core.contract import BAD, EXCLUDED, GOOD, TIER_KEYS, UNPLACED, SlaAccounts, Tier, budget_ticks
from mara.core.history import (
    ContractLife,
    ContractRow,
    ContractWindow,
    EvidenceTick,
    ExclusionAhead,
    ExclusionRow,
    TickRun,
    TickState,
)
from mara.core.timegrid import TimeGrid
from mara.errors import CommandError
from mara.store.encoding.codec import value_of
from mara.store.read.balance import metered_ticks
from mara.store.read.order_list import waiting_contract, waiting_contracts
from mara.store.read.read_model import ReadModel
from mara.store.schema.tables import Audit, NamedRow, SlaContractRow, SlaInterval, SlaWindow, columns_of, table_of

AskedState = Literal["waiting", "live", "ended", "all"]
MOST_CONTRACTS: Final = 1_000
MOST_EVIDENCE_TICKS: Final = 366 * 288
"""Judged ticks returned for one contract: a year of five-minute ticks."""
_STATES: Final[dict[int, TickState]] = {BAD: "bad", GOOD: "good", EXCLUDED: "excluded"}
_EXCLUDE: Final = Exclude.__name__
_RETRACT: Final = Retract.__name__


class OpenWindow(NamedTuple):
    """The open measurement window of a live contract, with the charge so far."""

    window_start_tick: int
    window_end_tick: int
    good_ticks: int
    bad_ticks: int
    excluded_ticks: int
    charge_micro_usd: int
    site: int


assert set(OpenWindow._fields) <= set(SlaAccounts.__dataclass_fields__)


def contracts(read_model: ReadModel, state: str = "all", limit: int = MOST_CONTRACTS) -> tuple[ContractRow, ...]:
    """List contracts, newest first; those that wait for their tick come first.

    Raises:
        CommandError: the state is none of waiting, live, ended and all, or the limit is below 1.
    """
    if state not in get_args(AskedState):
        raise CommandError(f"contracts may be waiting, live, ended or all, {state!r} came")
    if limit < 1:
        raise CommandError(f"a limit must be at least 1, {limit} came")
    limit = min(limit, MOST_CONTRACTS)
    waiting = waiting_contracts(read_model)[:limit] if state in ("waiting", "all") else ()
    if state == "waiting" or len(waiting) == limit:
        return waiting
    live = _open_windows(read_model)
    asked = _CONTRACTS
    if state != "all":
        is_live = _CONTRACT.contract_id.in_(live)
        asked = asked.where(is_live if state == "live" else ~is_live)
    found = read_model.ask(asked.order_by(_CONTRACT.number.desc()).limit(limit - len(waiting)))
    grid = read_model.run().config.grid
    rows = tuple(_contract_row(row, live.get(row.contract_id), grid) for row in found)
    just_obeyed = {row.id for row in rows}  # a tick may have been stored between the two queries
    return (*(row for row in waiting if row.id not in just_obeyed), *rows)


def contract(read_model: ReadModel, contract_id: str) -> ContractLife:
    """Read a contract's whole life so far.

    Raises:
        CommandError: no contract of that id was booked, or its booking was refused or withdrawn.
    """
    waiting = waiting_contract(read_model, contract_id)
    if waiting is not None:
        return ContractLife(row=waiting, windows=(), strip=(), exclusions=())
    grid, stored = read_model.run().config.grid, _stored(read_model, contract_id)
    window = _open_windows(read_model).get(contract_id)
    end = _end_tick(read_model, stored, is_live=window is not None)
    return ContractLife(
        row=_contract_row(stored, window, grid),
        windows=tuple(_windows(read_model, stored, window, grid)),
        strip=tuple(_strip(read_model, stored.number, end, grid)),
        exclusions=tuple(_exclusions(read_model, stored, stored.ends_tick if window is not None else end)),
    )


def evidence(read_model: ReadModel, contract_id: str) -> tuple[EvidenceTick, ...]:
    """List the judged ticks of a contract, oldest first.

    At most the newest `MOST_EVIDENCE_TICKS` are listed.

    Raises:
        CommandError: no contract of that id was booked.
    """
    grid, stored = read_model.run().config.grid, _stored(read_model, contract_id)
    end = _end_tick(read_model, stored, is_live=contract_id in _open_windows(read_model))
    return tuple(
        EvidenceTick(tick=tick, at=grid.at(tick), state=run.state, power_mw=stored.power_mw)
        for run in _strip(read_model, stored.number, end, grid)
        for tick in range(max(run.from_tick, end - MOST_EVIDENCE_TICKS), run.to_tick)
    )


def bad_ticks_reached(read_model: ReadModel, counts: Mapping[str, int]) -> dict[str, int]:
    """Find the tick in which live contracts reached so many bad ticks.

    Args:
        counts: bad ticks of the open window asked about, by contract id. Contracts with fewer are left out.
    """
    windows = _open_windows(read_model) if counts else {}
    found: dict[str, int] = {}
    for contract_id, count in counts.items():
        if contract_id in windows:
            tick = _bad_tick(read_model, contract_id, windows[contract_id].window_start_tick, count)
            found |= {} if tick is None else {contract_id: tick}
    return found


def _bad_tick(read_model: ReadModel, contract_id: str, first_tick: int, count: int) -> int | None:
    """Find the bad tick of that count since `first_tick`; None where there are fewer."""
    grid, stored, left = read_model.run().config.grid, _stored(read_model, contract_id), count
    for run in _strip(read_model, stored.number, read_model.next_tick(), grid):
        begins = max(run.from_tick, first_tick)
        if run.state != "bad" or begins >= run.to_tick:
            continue
        if run.to_tick - begins >= left:
            return begins + left - 1
        left -= run.to_tick - begins
    return None


def _open_windows(read_model: ReadModel) -> dict[str, OpenWindow]:
    """The open window of each live contract, by contract id."""
    world = read_model.world()
    columns = zip(*(getattr(world.accounts, name).tolist() for name in OpenWindow._fields), strict=True)
    return {c.id: OpenWindow(*row) for c, row in zip(world.book.contracts, columns, strict=True)}


def _stored(read_model: ReadModel, contract_id: str) -> NamedRow:
    found = read_model.ask(_CONTRACTS.where(_CONTRACT.contract_id == contract_id))
    if not found:
        raise CommandError(f"no contract {contract_id!r} was ever booked: ask for the list of contracts first")
    return found[0]


def _contract_row(stored: NamedRow, window: OpenWindow | None, grid: TimeGrid) -> ContractRow:
    good, bad, excluded = int(stored.good_ticks), int(stored.bad_ticks), int(stored.excluded_ticks)
    if window is not None:
        good, bad, excluded = good + window.good_ticks, bad + window.bad_ticks, excluded + window.excluded_ticks
    return ContractRow(
        id=stored.contract_id,
        tier=TIER_KEYS[stored.tier],
        customer=stored.customer,
        power_mw=stored.power_mw,
        rate_usd_per_mwh=stored.rate_usd_per_mwh,
        timezone=stored.timezone,
        booked_at=grid.at(stored.booked_tick),
        starts_at=grid.at(stored.starts_tick),
        ends_at=grid.at(stored.ends_tick),
        is_live=window is not None,
        closed_windows_count=int(stored.closed_windows_count),
        good_ticks=good,
        bad_ticks=bad,
        excluded_ticks=excluded,
        availability_share=good / (good + bad) if good + bad else None,
        charge_micro_usd=int(stored.charge_micro_usd),
        credit_micro_usd=int(stored.credit_micro_usd),
        state="ended" if window is None else "live",
    )


def _windows(
    read_model: ReadModel, stored: NamedRow, open_window: OpenWindow | None, grid: TimeGrid
) -> Iterator[ContractWindow]:
    """The closed windows of a contract in order, then its open one."""
    tier = Tier(stored.tier)
    columns = (_WINDOW[name] for name in (*OpenWindow._fields, "credit_micro_usd"))
    closed = select(*columns).where(_WINDOW.number == stored.number).order_by(_WINDOW.window_start_tick)
    for window in read_model.ask(closed):
        # A closed window is judged on its actual ticks, so cancelled contracts count only until they ended.
        counted_ticks = window.good_ticks + window.bad_ticks
        yield _contract_window(read_model, window, counted_ticks, window.credit_micro_usd, tier, grid)
    if open_window is not None:
        counted_ticks = open_window.window_end_tick - open_window.window_start_tick - open_window.excluded_ticks
        yield _contract_window(read_model, open_window, counted_ticks, None, tier, grid)


def _contract_window(
    read_model: ReadModel,
    window: "NamedRow | OpenWindow",
    counted_ticks: int,
    credit_micro_usd: int | None,
    tier: Tier,
    grid: TimeGrid,
) -> ContractWindow:
    first, end = window.window_start_tick, window.window_end_tick
    return ContractWindow(
        starts_at=grid.at(window.window_start_tick),
        ends_at=grid.at(window.window_end_tick),
        is_closed=credit_micro_usd is not None,
        good_ticks=window.good_ticks,
        bad_ticks=window.bad_ticks,
        excluded_ticks=window.excluded_ticks,
        budget_ticks=budget_ticks(counted_ticks, tier),
        charge_micro_usd=window.charge_micro_usd,
        credit_micro_usd=credit_micro_usd,
        metered_ticks=0 if window.site == UNPLACED else metered_ticks(read_model, first, end, window.site),
    )


def _end_tick(read_model: ReadModel, stored: NamedRow, *, is_live: bool) -> int:
    """The tick before which a contract was judged: now, its end, or its cancellation."""
    if is_live:
        return read_model.next_tick()
    closed = select(func.max(_WINDOW.closed_tick).label("tick")).where(_WINDOW.number == stored.number)
    (last,) = read_model.ask(closed)
    return int(stored.ends_tick) if last.tick is None else int(last.tick) + 1


def _strip(read_model: ReadModel, number: int, end: int, grid: TimeGrid) -> Iterator[TickRun]:
    """The runs of equal state in a contract's judged ticks, oldest first."""
    asked = select(_INTERVAL.from_tick, _INTERVAL.state).where(_INTERVAL.number == number)
    changes = read_model.ask(asked.order_by(_INTERVAL.from_tick))
    ends = [*(change.from_tick for change in changes[1:]), end][: len(changes)]  # none in its first tick
    for change, to_tick in zip(changes, ends, strict=True):
        if to_tick > change.from_tick:
            yield TickRun(
                state=_STATES[change.state],
                from_tick=change.from_tick,
                to_tick=to_tick,
                starts_at=grid.at(change.from_tick),
                ends_at=grid.at(to_tick),
            )


def exclusions_ahead(read_model: ReadModel) -> tuple[ExclusionAhead, ...]:
    """List the announcements whose last tick is still to come, by their first tick.

    Those that were taken back, and those of contracts that have ended, are left out.
    """
    live = {contract.id for contract in read_model.world().book.contracts}
    now = read_model.next_tick()
    found = [
        (order.from_tick, ExclusionAhead(contract_id=order.contract_id, row=row))
        for order, row in _announced(read_model)
        if order.to_tick > now and row.retracted_at is None and (not order.contract_id or order.contract_id in live)
    ]
    return tuple(ahead for _, ahead in sorted(found, key=lambda one: (one[0], one[1].contract_id)))


def _exclusions(read_model: ReadModel, stored: NamedRow, end: int) -> Iterator[ExclusionRow]:
    """Read the exclusions for a contract, or for all, within its life before `end`."""
    for order, row in _announced(read_model):
        is_about_it = order.contract_id in ("", stored.contract_id)
        if is_about_it and order.from_tick < end and order.to_tick > stored.starts_tick:
            yield row


def _announced(read_model: ReadModel) -> list[tuple[Exclude, ExclusionRow]]:
    """Read every exclusion from the audit, with its order, oldest first."""
    grid = read_model.run().config.grid
    is_one = or_(*(func.substr(_AUDIT.action, 1, len(kind) + 1) == f"{kind} " for kind in (_EXCLUDE, _RETRACT)))
    found: list[tuple[Exclude, ExclusionRow]] = []
    for line in read_model.ask(select(_AUDIT.tick, _AUDIT.action).where(is_one).order_by(_AUDIT.number)):
        kind, _, order = line.action.partition(" ")
        if kind == _EXCLUDE:
            announced: Exclude = value_of(Exclude, order)
            found.append((announced, _exclusion_row(announced, line.tick, grid)))
        else:
            retract: Retract = value_of(Retract, order)
            found = [_taken_back(told, row, retract, line.tick, grid) for told, row in found]
    return found


def _exclusion_row(order: Exclude, tick: int, grid: TimeGrid) -> ExclusionRow:
    return ExclusionRow(
        announced_at=grid.at(tick),
        starts_at=grid.at(order.from_tick),
        ends_at=grid.at(order.to_tick),
        is_fleet_wide=not order.contract_id,
        reason=order.reason,
        author=order.author,
        site_id=order.site_id,
    )


def _taken_back(
    told: Exclude, row: ExclusionRow, by: Retract, tick: int, grid: TimeGrid
) -> tuple[Exclude, ExclusionRow]:
    """Note on an announcement that an order took it back, where that is about it."""
    if row.retracted_at is not None or told.to_tick <= tick or not is_taken_back(told, by):
        return told, row
    return told, replace(row, retracted_at=grid.at(tick), retracted_by=by.by)


_CONTRACT: Final = table_of(SlaContractRow).c
_WINDOW: Final = table_of(SlaWindow).c
_INTERVAL: Final = table_of(SlaInterval).c
_AUDIT: Final = table_of(Audit).c
_CONTRACTS: Final[Select[Any]] = (
    select(
        *(_CONTRACT[name] for name in columns_of(SlaContractRow)[1]),
        func.count(_WINDOW.window_end_tick).label("closed_windows_count"),
        *(
            func.coalesce(func.sum(_WINDOW[name]), 0).label(name)
            for name in ("good_ticks", "bad_ticks", "excluded_ticks", "charge_micro_usd", "credit_micro_usd")
        ),
    )
    .select_from(table_of(SlaContractRow).outerjoin(table_of(SlaWindow), _WINDOW.number == _CONTRACT.number))
    .group_by(_CONTRACT.number)
)
"""Contracts with the sums over their closed windows."""
