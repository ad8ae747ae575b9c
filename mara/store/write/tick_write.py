"""One tick as it will be stored: all that goes into its transaction, worked out before the transaction begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints
from mara.core.contract import ContractBook
from mara.core.events import Event
from mara.core.plan import Plan, PlanStep
from mara.core.step import Step
from mara.core.timegrid import TimeGrid
from mara.core.units import SECONDS_PER_HOUR
from mara.core.world import RunConfig
from mara.store.encoding import rows
from mara.store.encoding.chain import Digests, audit_hash, kept_digest, link_of, raw_digest, world_digest
from mara.store.encoding.codec import bytes_of, commands_bytes, text_of
from mara.store.encoding.records import StoredTick
from mara.store.encoding.seal import Marks, market_digest, matrix_digest, part_digest, seal_of, together
from mara.store.schema import tables
from mara.store.schema.ledger import LedgerEntry
from mara.store.schema.order_tables import OrderOutcome
from mara.store.schema.sealed import marks_of
from mara.store.write.orders import Outcome, outcome_rows
from mara.store.write.plan_record import PlanRecord, adoption_of, optimization_row

WITHOUT_BOOK: Final = frozenset({"book"})
WORLD: Final = "world"
BOOK: Final = "book"
"""Parts of the engine's memory that are the store's own."""
NEVER: Final = -1
MONEY_COLUMNS: Final = slice(-3, None)
"""Of `allocations`: revenue, cost, energy cost."""

Inserts = tuple[tuple[type[tables.Row], list[rows.RowValues]], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WriterState:
    """The end of what is stored, remembered so that only changes are written.

    Attributes:
        tick_hash, audit_hash: the last links of both chains.
        plan_step, plan_content: the step in force, as the object last given and as bytes; None and empty before one.
        adopted: the plan last written down.
        states: how each live contract fared in the last tick.
        numbers: of live contracts.
        book, book_hash: the book last written.
        seal: of the last tick, empty before the first that has one.
        to_seal: what the next seal covers beside the rows of its own tick.
        part_hashes: SHA-256 of what others keep beside the world, by name.
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickWrite:
    """A tick ready to be written.

    Attributes:
        book: bytes of the book when it changed.
        parts: what others have kept for a restart.
        checkpoint: bytes of the whole world when a day has ended; `kept` when a month has.
        hour_epoch_s: the clock hour that ended with the tick, None for none.
        binding: whether the tick books or obeys something, so that it must survive a power cut.
        tail: after the tick.
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
    tail: WriterState


def page_of(
    step: Step,
    plan: Plan,
    events: Sequence[Event],
    parts: Mapping[str, bytes],
    tail: WriterState,
    config: RunConfig,
    *,
    outcomes: Sequence[Outcome] = (),
) -> TickWrite:
    """What storing `step` after `tail` means. Pure."""
    tick, world, grid = step.tick, step.world, config.grid
    book = None if world.book is tail.book else bytes_of(world.book)
    book_hash = tail.book_hash if book is None else sha256(book).digest()
    light = bytes_of(world, without=WITHOUT_BOOK)
    plan_content = tail.plan_content if step.plan is tail.plan_step else bytes_of(step.plan)
    facts = _facts(step, tail, plan_content, world_digest(light, book_hash), grid)
    promises, tail = _promises(step, tail)
    audits, last_audit = _audits(step, tail, facts.link)
    inserts: Inserts = (
        *facts.inserts,
        *promises,
        *_plans(step, plan, plan_content, tail, config),
        (tables.EventRow, rows.event_rows(events)),
        (tables.Audit, audits),
        (OrderOutcome, outcome_rows(tick, outcomes)),
    )
    part_hashes = tail.part_hashes | {name: sha256(content).digest() for name, content in parts.items()}
    seal = _seal(facts, tail, inserts, part_hashes)
    now, later = grid.at(tick), grid.at(tick + 1)
    return TickWrite(
        tick=tick,
        inserts=(
            (tables.Tick, [(*facts.tick_row, seal)]),
            *((table, values) for table, values in inserts if values),
        ),
        world=light,
        book=book,
        parts=parts,
        checkpoint=bytes_of(world) if now.date() != later.date() else None,
        kept=now.month != later.month,
        hour_epoch_s=_ended_hour(tick, grid),
        binding=bool(step.accepted or step.commands or outcomes),
        tail=replace(
            tail,
            next_tick=tick + 1,
            tick_hash=facts.link,
            audit_count=tail.audit_count + len(audits),
            audit_hash=last_audit,
            plan_step=step.plan,
            plan_content=plan_content,
            adopted=adoption_of(plan, tick, tail.adopted, grid),
            book=world.book,
            book_hash=book_hash,
            seal=seal,
            to_seal={},
            part_hashes=part_hashes,
        ),
    )


def digests_of(step: Step, stored: StoredTick | None = None) -> Digests:
    """The digests that storing this step would give: compare them with a stored tick's to prove a replay.

    The orders of a `stored` tick are taken as it has them: an older Mara wrote them with other fields.
    """
    light = bytes_of(step.world, without=WITHOUT_BOOK)
    world = world_digest(light, sha256(bytes_of(step.world.book)).digest())
    if stored is not None:
        return _Matrices.of(step).digests(stored.commands_content, stored.plan_content, world)
    return _Matrices.of(step).digests(commands_bytes(step.commands), bytes_of(step.plan), world)


@dataclass(frozen=True, slots=True)
class _Matrices:
    """The per-site tables of a tick."""

    prices: Floats
    market: rows.RowValues
    allocations: Ints
    ledger: Ints

    @classmethod
    def of(cls, step: Step) -> "_Matrices":
        prices = rows.price_matrix(step.observation)
        return cls(
            prices,
            rows.market_values(step.observation, prices),
            rows.allocation_matrix(step.allocation, step.settlement),
            rows.ledger_matrix(step.settlement),
        )

    def digests(self, commands: bytes | None, plan_content: bytes, world: bytes) -> Digests:
        return Digests(
            raw=raw_digest(self.prices, self.market, self.allocations),
            kept=kept_digest(self.ledger, commands, plan_content),
            world=world,
        )


@dataclass(frozen=True, slots=True)
class _Facts:
    """The rows that every tick has, its link in the chain, and what its seal knows of them."""

    tick_row: rows.RowValues
    inserts: Inserts
    link: bytes
    marks: Marks


def _facts(step: Step, tail: WriterState, plan_content: bytes, world: bytes, grid: TimeGrid) -> _Facts:
    tick, made, commands = step.tick, _Matrices.of(step), commands_bytes(step.commands)
    digests = made.digests(commands, plan_content, world)
    link = link_of(tail.tick_hash, tick, digests)
    totals = made.allocations[:, MONEY_COLUMNS].sum(axis=0).tolist()
    hashes = (digests.raw, digests.kept, digests.world, link)
    return _Facts(
        (tick, grid.epoch_s(tick), *totals, commands, *hashes),
        (
            (tables.PriceRow, rows.by_site(tick, made.prices)),
            (tables.Market, [(tick, *made.market)]),
            (tables.AllocationRow, rows.by_site(tick, made.allocations)),
            (LedgerEntry, rows.by_site(tick, made.ledger)),
        ),
        link,
        {
            "prices": (matrix_digest(made.prices),),
            "markets": (market_digest(made.market),),
            "allocations": (matrix_digest(made.allocations),),
            "ledger": (matrix_digest(made.ledger),),
        },
    )


def _plans(step: Step, plan: Plan, plan_content: bytes, tail: WriterState, config: RunConfig) -> Inserts:
    """The step of the plan where it is another than the last, and the plan where it came into force."""
    is_other = plan_content != tail.plan_content
    is_adopted = adoption_of(plan, step.tick, tail.adopted, config.grid) is not tail.adopted
    return (
        (tables.PlanStepRow, [(step.tick, plan.optimizer, plan.made_tick, plan_content)] if is_other else []),
        (tables.OptimizationRun, [optimization_row(step, plan, tail.adopted, config)] if is_adopted else []),
    )


def _seal(facts: _Facts, tail: WriterState, inserts: Inserts, part_hashes: Mapping[str, bytes]) -> bytes:
    """The tick's seal, after that of the tick before."""
    parts = {"engine_parts": tuple(part_digest(*part) for part in sorted(part_hashes.items()))}
    return seal_of(tail.seal, facts.link, together(facts.marks, tail.to_seal, marks_of(inserts), parts))


def _promises(step: Step, tail: WriterState) -> tuple[Inserts, WriterState]:
    """What changed for contracts: booked, gone from good to bad or back, closed; and the tail that knows it."""
    first = tail.contract_count + 1
    numbers = tail.numbers | {c.id: n for n, c in enumerate(step.accepted, start=first)}
    intervals, states = _intervals(step, tail)
    windows = [rows.window_row(numbers[w.contract_id], w, step.tick) for w in step.world.closed]
    if step.world.book is not step.before.book:
        numbers = {c.id: numbers[c.id] for c in step.world.book.contracts}
    inserts: Inserts = (
        (tables.SlaContractRow, rows.contract_rows(step.accepted, first, step.tick)),
        (tables.SlaInterval, intervals),
        (tables.SlaWindow, windows),
    )
    count = tail.contract_count + len(step.accepted)
    return inserts, replace(tail, numbers=numbers, states=states, contract_count=count)


def _intervals(step: Step, tail: WriterState) -> tuple[list[rows.RowValues], dict[str, int]]:
    """A row for each contract whose state changed with this tick."""
    ids = [contract.id for contract in step.before.book.contracts]
    now = rows.sla_states(step)
    was = np.fromiter((tail.states.get(contract_id, NEVER) for contract_id in ids), np.int64, len(ids))
    changed = np.flatnonzero(now != was).tolist()
    if not changed and len(ids) == len(tail.states):
        return [], tail.states
    values = now.tolist()
    return [(tail.numbers[ids[i]], step.tick, values[i]) for i in changed], dict(zip(ids, values, strict=True))


def _audits(step: Step, tail: WriterState, link: bytes) -> tuple[list[rows.RowValues], bytes]:
    """A chained row for each order that was obeyed in this tick."""
    audits: list[rows.RowValues] = []
    last = tail.audit_hash
    for number, command in enumerate(step.commands, start=tail.audit_count + 1):
        action = f"{type(command).__name__} {text_of(type(command), command)}"
        entry = (number, step.tick, command.by, command.address, action, tail.tick_hash, link)
        after = audit_hash(last, entry)
        audits.append((*entry, last, after))
        last = after
    return audits, last


def _ended_hour(tick: int, grid: TimeGrid) -> int | None:
    """The clock hour whose last tick this is [epoch s]."""
    hour = grid.epoch_s(tick) // SECONDS_PER_HOUR
    return None if grid.epoch_s(tick + 1) // SECONDS_PER_HOUR == hour else hour * SECONDS_PER_HOUR
