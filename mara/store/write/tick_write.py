"""Prepare a tick's transaction: its rows, hashes and seal, before it begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

import numpy as np

from mara.core.arrays import Ints
from mara.core.contract import ContractBook
from mara.core.day_gains import DayGains
from mara.core.events import Event
from mara.core.plan import Plan, PlanStep
from mara.core.step import Step
from mara.core.timegrid import TimeGrid
from mara.core.units import SECONDS_PER_HOUR
from mara.core.world import RunConfig
from mara.store.encoding.chain import Digests, audit_hash, kept_digest, link_of, raw_digest, world_digest
from mara.store.encoding.codec import bytes_of, commands_bytes, text_of
from mara.store.encoding.records import StoredTick
from mara.store.encoding.seal import Marks, market_digest, matrix_digest, merged, part_digest, seal_of
from mara.store.schema import rows, tables
from mara.store.schema.gain_table import DayGainsRow, day_gains_values
from mara.store.schema.ledger import LedgerDay, LedgerEntry
from mara.store.schema.order_tables import OrderOutcome
from mara.store.schema.sealed import marks_of
from mara.store.schema.signal_tables import MeterRow
from mara.store.write.orders import Outcome, outcome_rows
from mara.store.write.plan_record import PlanRecord, optimization_row, plan_record_of

WITHOUT_BOOK: Final = frozenset({"book"})
WORLD: Final = "world"
BOOK: Final = "book"
"""Names of the engine parts that are the store's own."""
NEVER: Final = -1
MONEY_COLUMNS: Final = slice(15, 18)
"""Columns of the allocation matrix: revenue, cost, energy cost [micro-USD]."""

Inserts = tuple[tuple[type[tables.Row], list[rows.RowValues]], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WriterState:
    """The end of the stored run, kept by the writer so that only changes are written.

    Attributes:
        tick_hash, audit_hash: the last links of the two hash chains.
        plan_step, plan_content: the plan step in force, as object and as bytes; None and empty before one.
        adopted: the plan last stored in `optimization_runs`.
        states: the last state (bad, good, excluded) of each live contract, by contract id.
        numbers: the number of each live contract, by contract id.
        book, book_hash: the contract book last written.
        seal: the seal of the last tick; empty before the first.
        to_seal: digests that the next seal covers beside the rows of its own tick.
        part_hashes: SHA-256 of the callers' parts, by name.
        day_sums: sums of the ledger by site and leg over the stored ticks of the UTC day of the next tick.
    """

    next_tick: int
    tick_hash: bytes
    audit_count: int
    audit_hash: bytes
    plan_step: PlanStep | None
    plan_content: bytes
    adopted: PlanRecord
    states: dict[str, int]
    numbers: dict[str, int]
    contract_count: int
    book: ContractBook | None
    book_hash: bytes
    seal: bytes
    to_seal: Marks
    part_hashes: dict[str, bytes]
    day_sums: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickWrite:
    """The content of a tick's transaction.

    Attributes:
        book: the encoded contract book; None when it did not change.
        parts: the callers' parts to keep for a restart, by name.
        checkpoint: the encoded world when a day has ended, else None.
        kept: True when a month has ended, so that the checkpoint stays for ever.
        hour_epoch_s: the clock hour that ended with the tick; None for none.
        binding: True when the tick books a contract or obeys a command, so that it must survive a power cut.
        state: the writer's state after the tick.
    """

    tick: int
    inserts: Inserts
    world: bytes
    book: bytes | None
    parts: Mapping[str, bytes]
    checkpoint: bytes | None
    kept: bool
    hour_epoch_s: int | None
    binding: bool
    state: WriterState


def tick_write_of(
    step: Step,
    plan: Plan,
    events: Sequence[Event],
    parts: Mapping[str, bytes],
    state: WriterState,
    config: RunConfig,
    *,
    outcomes: Sequence[Outcome] = (),
    closed_day: DayGains | None = None,
) -> TickWrite:
    """Prepare the transaction that stores `step` after `state`; pure."""
    tick, world, grid = step.tick, step.world, config.grid
    book = None if world.book is state.book else bytes_of(world.book)
    book_hash = state.book_hash if book is None else sha256(book).digest()
    light = bytes_of(world, without=WITHOUT_BOOK)
    plan_content = state.plan_content if step.plan is state.plan_step else bytes_of(step.plan)
    facts = _facts(step, state, plan_content, world_digest(light, book_hash), grid)
    promises, state = _promises(step, state)
    audits, last_audit = _audits(step, state, facts.link)
    day_sums, day_rows = _day_sums(tick, facts.ledger, state.day_sums, grid)
    inserts: Inserts = (
        *facts.inserts,
        *promises,
        *_plans(step, plan, plan_content, state, config),
        (tables.EventRow, rows.event_rows(events)),
        *_told_with(tick, audits, outcomes, closed_day),
        (LedgerDay, day_rows),
    )
    part_hashes = state.part_hashes | _hashes_of(parts)
    seal = _seal(facts, state, inserts, part_hashes)
    now, later = grid.at(tick), grid.at(tick + 1)
    return TickWrite(
        tick=tick,
        inserts=((tables.Tick, [(*facts.tick_row, seal)]), *(one for one in inserts if one[1])),
        world=light,
        book=book,
        parts=parts,
        checkpoint=bytes_of(world) if now.date() != later.date() else None,
        kept=now.month != later.month,
        hour_epoch_s=_ended_hour(tick, grid),
        binding=bool(step.accepted or step.commands or outcomes),
        state=replace(
            state,
            next_tick=tick + 1,
            tick_hash=facts.link,
            audit_count=state.audit_count + len(audits),
            audit_hash=last_audit,
            plan_step=step.plan,
            plan_content=plan_content,
            adopted=plan_record_of(plan, tick, state.adopted, grid),
            book=world.book,
            book_hash=book_hash,
            seal=seal,
            to_seal={},
            part_hashes=part_hashes,
            day_sums=day_sums,
        ),
    )


def digests_of(step: Step, stored: StoredTick | None = None) -> Digests:
    """The digests that storing this step would give, to compare with a stored tick's.

    Args:
        stored: take its plan and commands as stored, because an older Mara wrote them with other fields.
    """
    light = bytes_of(step.world, without=WITHOUT_BOOK)
    world = world_digest(light, sha256(bytes_of(step.world.book)).digest())
    if stored is not None:
        return _Matrices.of(step).digests(stored.commands_content, stored.plan_content, world)
    return _Matrices.of(step).digests(commands_bytes(step.commands), bytes_of(step.plan), world)


@dataclass(frozen=True, slots=True)
class _Matrices:
    """The raw rows and the ledger of a tick, one matrix a per-site table."""

    prices: np.ndarray
    market: rows.MarketValues
    allocations: Ints
    ledger: Ints
    meters: np.ndarray | None

    @classmethod
    def of(cls, step: Step) -> "_Matrices":
        prices = rows.price_matrix(step.observation)
        return cls(
            prices,
            rows.market_values(step.observation, prices),
            rows.allocation_matrix(step.allocation, step.settlement),
            rows.ledger_matrix(step.settlement),
            rows.meter_matrix(step.observation.metering),
        )

    def digests(self, commands: bytes | None, plan_content: bytes, world: bytes) -> Digests:
        return Digests(
            raw=raw_digest(
                rows.hashed("prices", self.prices),
                rows.hashed_market(self.market),
                rows.hashed("allocations", self.allocations),
                self.meters,
            ),
            kept=kept_digest(rows.hashed("ledger", self.ledger), commands, plan_content),
            world=world,
        )


@dataclass(frozen=True, slots=True)
class _Facts:
    """The rows that every tick has, their link in the chain and their digests."""

    ledger: Ints
    tick_row: rows.RowValues
    inserts: Inserts
    link: bytes
    marks: Marks


def _facts(step: Step, state: WriterState, plan_content: bytes, world: bytes, grid: TimeGrid) -> _Facts:
    tick, made, commands = step.tick, _Matrices.of(step), commands_bytes(step.commands)
    digests = made.digests(commands, plan_content, world)
    link = link_of(state.tick_hash, tick, digests)
    totals = made.allocations[:, MONEY_COLUMNS].sum(axis=0).tolist()
    hashes = (digests.raw, digests.kept, digests.world, link)
    return _Facts(
        made.ledger,
        (tick, grid.epoch_s(tick), *totals, commands, *hashes),
        (
            (tables.PriceRow, rows.by_site(tick, made.prices)),
            (tables.Market, [(tick, *made.market)]),
            (tables.AllocationRow, rows.by_site(tick, made.allocations)),
            (LedgerEntry, rows.by_site(tick, made.ledger)),
            (MeterRow, rows.meter_rows(tick, made.meters)),
        ),
        link,
        {
            "prices": (matrix_digest(rows.hashed("prices", made.prices)),),
            "markets": (market_digest(rows.hashed_market(made.market)),),
            "allocations": (matrix_digest(rows.hashed("allocations", made.allocations)),),
            "ledger": (matrix_digest(rows.hashed("ledger", made.ledger)),),
            **({} if made.meters is None else {"meters": (matrix_digest(made.meters),)}),
        },
    )


def _plans(step: Step, plan: Plan, plan_content: bytes, state: WriterState, config: RunConfig) -> Inserts:
    """Rows for a changed plan step, and for a plan that came into force."""
    is_other = plan_content != state.plan_content
    is_adopted = plan_record_of(plan, step.tick, state.adopted, config.grid) is not state.adopted
    return (
        (tables.PlanStepRow, [(step.tick, plan.optimizer, plan.made_tick, plan_content)] if is_other else []),
        (tables.OptimizationRun, [optimization_row(step, plan, state.adopted, config)] if is_adopted else []),
    )


def _told_with(
    tick: int, audits: list[rows.RowValues], outcomes: Sequence[Outcome], closed_day: DayGains | None
) -> Inserts:
    """Rows of the audit, of orders' outcomes, and of gains of the day that ended."""
    return (
        (tables.Audit, audits),
        (OrderOutcome, outcome_rows(tick, outcomes)),
        (DayGainsRow, [day_gains_values(closed_day, tick)] if closed_day is not None else []),
    )


def _hashes_of(parts: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: sha256(content).digest() for name, content in parts.items()}


def _seal(facts: _Facts, state: WriterState, inserts: Inserts, part_hashes: Mapping[str, bytes]) -> bytes:
    """Make the tick's seal, which follows that of the tick before."""
    parts = {"engine_parts": tuple(part_digest(*part) for part in sorted(part_hashes.items()))}
    return seal_of(state.seal, facts.link, merged(facts.marks, state.to_seal, marks_of(inserts), parts))


def _promises(step: Step, state: WriterState) -> tuple[Inserts, WriterState]:
    """Rows for contracts booked, changed in state and closed; with the new state."""
    first = state.contract_count + 1
    numbers = state.numbers | {c.id: n for n, c in enumerate(step.accepted, start=first)}
    intervals, states = _intervals(step, state)
    windows = [rows.window_row(numbers[w.contract_id], w, step.tick) for w in step.world.closed]
    if step.world.book is not step.before.book:
        numbers = {c.id: numbers[c.id] for c in step.world.book.contracts}
    inserts: Inserts = (
        (tables.SlaContractRow, rows.contract_rows(step.accepted, first, step.tick)),
        (tables.SlaInterval, intervals),
        (tables.SlaWindow, windows),
    )
    count = state.contract_count + len(step.accepted)
    return inserts, replace(state, numbers=numbers, states=states, contract_count=count)


def _intervals(step: Step, state: WriterState) -> tuple[list[rows.RowValues], dict[str, int]]:
    """Rows for contracts whose state changed with this tick, with all states after it."""
    ids = [contract.id for contract in step.before.book.contracts]
    now = rows.sla_states(step)
    was = np.fromiter((state.states.get(contract_id, NEVER) for contract_id in ids), np.int64, len(ids))
    changed = np.flatnonzero(now != was).tolist()
    if not changed and len(ids) == len(state.states):
        return [], state.states
    values = now.tolist()
    return [(state.numbers[ids[i]], step.tick, values[i]) for i in changed], dict(zip(ids, values, strict=True))


def _day_sums(tick: int, ledger: Ints, before: Ints, grid: TimeGrid) -> tuple[Ints, list[rows.RowValues]]:
    """Add a tick's ledger to the sums of its day; rows of them where the day ends."""
    sums, first = before + ledger, grid.first_tick_of_day(tick)
    if grid.first_tick_of_day(tick + 1) == first:
        return sums, []
    return np.zeros_like(sums), rows.by_site(first, sums)


def _audits(step: Step, state: WriterState, link: bytes) -> tuple[list[rows.RowValues], bytes]:
    """Audit rows for the commands of this tick, with the last hash of their chain."""
    audits: list[rows.RowValues] = []
    last = state.audit_hash
    for number, command in enumerate(step.commands, start=state.audit_count + 1):
        action = f"{type(command).__name__} {text_of(type(command), command)}"
        entry = (number, step.tick, command.by, command.address, action, state.tick_hash, link)
        after = audit_hash(last, entry)
        audits.append((*entry, last, after))
        last = after
    return audits, last


def _ended_hour(tick: int, grid: TimeGrid) -> int | None:
    """The clock hour [epoch s] whose last tick this is; None within an hour."""
    hour = grid.epoch_s(tick) // SECONDS_PER_HOUR
    return None if grid.epoch_s(tick + 1) // SECONDS_PER_HOUR == hour else hour * SECONDS_PER_HOUR
