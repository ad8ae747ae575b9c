"""Contracts from booking to end: how each tick fared, what each window owed, and what was left out of the count."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, get_args

from mara.core.commands import Exclude
from mara.core.contract import BAD, EXCLUDED, GOOD, TIER_KEYS, SlaAccounts, Tier, budget_ticks
from mara.core.history import ContractLife, ContractRow, ContractWindow, EvidenceTick, ExclusionRow, TickRun, TickState
from mara.core.timegrid import TimeGrid
from mara.errors import CommandError
from mara.store.encoding.codec import value_of
from mara.store.read.order_list import waiting_contract, waiting_contracts
from mara.store.read.read_model import ReadModel

AskedState = Literal["waiting", "live", "ended", "all"]
Account = tuple[int, ...]
"""Window start and end, good, bad and excluded ticks, and what was billed, of a live contract."""
MOST_CONTRACTS: Final = 1_000
MOST_EVIDENCE_TICKS: Final = 366 * 288
"""Judged ticks of one contract that are given out: a year of five minutes."""
_STATES: Final[dict[int, TickState]] = {BAD: "bad", GOOD: "good", EXCLUDED: "excluded"}
_EXCLUDE: Final = Exclude.__name__


def contracts(reading: ReadModel, state: str = "all", limit: int = MOST_CONTRACTS) -> tuple[ContractRow, ...]:
    """What was booked, newest first; what waits for its tick comes before all else.

    Raises:
        CommandError: a state that is none of waiting, live, ended and all, or a limit below 1.
    """
    if state not in get_args(AskedState):
        raise CommandError(f"contracts may be waiting, live, ended or all, {state!r} came")
    if limit < 1:
        raise CommandError(f"a limit must be at least 1, {limit} came")
    limit = min(limit, MOST_CONTRACTS)
    waiting = waiting_contracts(reading)[:limit] if state in ("waiting", "all") else ()
    if state == "waiting" or len(waiting) == limit:
        return waiting
    live = _live_windows(reading)
    marks = ", ".join("?" for _ in live)
    where = {"live": f"contract_id IN ({marks})", "ended": f"contract_id NOT IN ({marks})", "all": "0 = 0"}[state]
    query = f"{_ROWS} WHERE {where} GROUP BY c.number ORDER BY c.number DESC LIMIT ?"
    found = reading.ask(query, *(() if state == "all" else live), limit - len(waiting))
    grid = reading.run().config.grid
    rows = tuple(_row(row, live.get(row[1]), grid) for row in found)
    just_obeyed = {row.id for row in rows}  # the tick came between the two questions
    return (*(row for row in waiting if row.id not in just_obeyed), *rows)


def contract(reading: ReadModel, contract_id: str) -> ContractLife:
    """A contract's whole life so far.

    Raises:
        CommandError: none of that id was booked, or it was refused or withdrawn.
    """
    waiting = waiting_contract(reading, contract_id)
    if waiting is not None:
        return ContractLife(row=waiting, windows=(), strip=(), exclusions=())
    grid, stored = reading.run().config.grid, _stored(reading, contract_id)
    now = _live_windows(reading).get(contract_id)
    number, tier, starts_tick = stored[0], Tier(stored[2]), stored[6]
    end = _end_tick(reading, number, ends_tick=stored[7], is_live=now is not None)
    return ContractLife(
        row=_row(stored, now, grid),
        windows=tuple(_windows(reading, number, now, tier, grid)),
        strip=tuple(_strip(reading, number, end, grid)),
        exclusions=tuple(_exclusions(reading, contract_id, starts_tick, end, grid)),
    )


def evidence(reading: ReadModel, contract_id: str) -> tuple[EvidenceTick, ...]:
    """Each judged tick of a contract, oldest first; of a very long one the newest `MOST_EVIDENCE_TICKS`.

    Raises:
        CommandError: none of that id was booked.
    """
    grid, stored = reading.run().config.grid, _stored(reading, contract_id)
    is_live = contract_id in _live_windows(reading)
    end = _end_tick(reading, stored[0], ends_tick=stored[7], is_live=is_live)
    return tuple(
        EvidenceTick(tick=tick, at=grid.at(tick), state=run.state, power_mw=stored[4])
        for run in _strip(reading, stored[0], end, grid)
        for tick in range(max(run.from_tick, end - MOST_EVIDENCE_TICKS), run.to_tick)
    )


def _live_windows(reading: ReadModel) -> dict[str, Account]:
    """The open window of each live contract."""
    world = reading.world()
    columns = zip(*(getattr(world.accounts, name).tolist() for name in _ACCOUNT), strict=True)
    return {c.id: row for c, row in zip(world.book.contracts, columns, strict=True)}


_ACCOUNT: Final = (
    "window_start_tick",
    "window_end_tick",
    "good_ticks",
    "bad_ticks",
    "excluded_ticks",
    "charge_micro_usd",
)
assert set(_ACCOUNT) <= set(SlaAccounts.__dataclass_fields__)
_ROWS: Final = """
SELECT c.number, contract_id, tier, customer, power_mw, rate_usd_per_mwh, starts_tick, ends_tick, timezone, booked_tick,
       count(window_end_tick), coalesce(sum(good_ticks), 0), coalesce(sum(bad_ticks), 0),
       coalesce(sum(excluded_ticks), 0), coalesce(sum(charge_micro_usd), 0), coalesce(sum(credit_micro_usd), 0)
FROM sla_contracts c LEFT JOIN sla_windows w ON w.number = c.number
"""


def _stored(reading: ReadModel, contract_id: str) -> Sequence[Any]:
    found = reading.ask(f"{_ROWS} WHERE contract_id = ? GROUP BY c.number", contract_id)
    if not found:
        raise CommandError(f"no contract {contract_id!r} was ever booked: ask for the list of contracts first")
    return found[0]


def _row(stored: Sequence[Any], now: Account | None, grid: TimeGrid) -> ContractRow:
    _, name, tier, customer, power, rate, starts, ends, timezone, booked, *sums = stored
    windows, good, bad, excluded, charge, credit = (int(number) for number in sums)
    if now is not None:
        good, bad, excluded = good + now[2], bad + now[3], excluded + now[4]
    return ContractRow(
        id=name,
        tier=TIER_KEYS[tier],
        customer=customer,
        power_mw=power,
        rate_usd_per_mwh=rate,
        timezone=timezone,
        booked_at=grid.at(booked),
        starts_at=grid.at(starts),
        ends_at=grid.at(ends),
        is_live=now is not None,
        closed_windows_count=windows,
        good_ticks=good,
        bad_ticks=bad,
        excluded_ticks=excluded,
        availability_share=good / (good + bad) if good + bad else None,
        charge_micro_usd=charge,
        credit_micro_usd=credit,
        state="ended" if now is None else "live",
    )


def _windows(
    reading: ReadModel, number: int, now: Account | None, tier: Tier, grid: TimeGrid
) -> Iterator[ContractWindow]:
    closed = reading.ask(
        "SELECT window_start_tick, window_end_tick, good_ticks, bad_ticks, excluded_ticks, charge_micro_usd,"
        " credit_micro_usd FROM sla_windows WHERE number = ? ORDER BY window_start_tick",
        number,
    )
    still_open = () if now is None else ((*now, None),)
    for start, end, good, bad, excluded, charge, credit in (*closed, *still_open):
        # A closed window counts what came of it: a contract cancelled within one is judged on what it lived.
        counted = end - start - excluded if credit is None else good + bad
        yield ContractWindow(
            starts_at=grid.at(start),
            ends_at=grid.at(end),
            is_closed=credit is not None,
            good_ticks=good,
            bad_ticks=bad,
            excluded_ticks=excluded,
            budget_ticks=budget_ticks(counted, tier),
            charge_micro_usd=charge,
            credit_micro_usd=credit,
        )


def _end_tick(reading: ReadModel, number: int, *, ends_tick: int, is_live: bool) -> int:
    """The tick before which a contract was judged: now, its end, or when it was cancelled."""
    if is_live:
        return reading.next_tick()
    last = reading.ask("SELECT max(closed_tick) FROM sla_windows WHERE number = ?", number)[0][0]
    return ends_tick if last is None else int(last) + 1


def _strip(reading: ReadModel, number: int, end: int, grid: TimeGrid) -> Iterator[TickRun]:
    changes = reading.ask("SELECT from_tick, state FROM sla_intervals WHERE number = ? ORDER BY from_tick", number)
    ends = [*(from_tick for from_tick, _ in changes[1:]), end][: len(changes)]  # none yet in its first tick
    for (from_tick, state), to_tick in zip(changes, ends, strict=True):
        if to_tick > from_tick:
            yield TickRun(
                state=_STATES[state],
                from_tick=from_tick,
                to_tick=to_tick,
                starts_at=grid.at(from_tick),
                ends_at=grid.at(to_tick),
            )


def _exclusions(reading: ReadModel, contract_id: str, start: int, end: int, grid: TimeGrid) -> Iterator[ExclusionRow]:
    """What was announced for the contract, or for all, within its life, from the audit trail."""
    announced = reading.ask(
        "SELECT tick, action FROM audit WHERE substr(action, 1, ?) = ? ORDER BY number",
        len(_EXCLUDE) + 1,
        _EXCLUDE + " ",
    )
    for tick, action in announced:
        order: Exclude = value_of(Exclude, action.removeprefix(_EXCLUDE))
        if order.contract_id in ("", contract_id) and order.from_tick < end and order.to_tick > start:
            yield ExclusionRow(
                announced_at=grid.at(tick),
                starts_at=grid.at(order.from_tick),
                ends_at=grid.at(order.to_tick),
                is_fleet_wide=not order.contract_id,
                reason=order.reason,
                author=order.author,
            )
