"""The order book: orders from their arrival to the tick that obeys them.

They are on disk before they are confirmed, and read again after a restart. A lock keeps ticks and orders apart: while
an order is checked and stored, no tick takes the waiting orders, so that the world in which an order is obeyed is the
one it was checked against.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from mara.core.commands import Book, Command, Receipt
from mara.core.plan import Plan
from mara.core.step import Step
from mara.core.world import RunConfig, World
from mara.errors import CommandError, EngineStopped
from mara.runtime.actor import REPEAT_KEY, signed
from mara.runtime.published_state import EngineState, StatePublisher
from mara.runtime.tick.command_validation import refuse_impossible
from mara.store.store import Store
from mara.store.write.orders import FirstAnswer, NewOrder, Outcome, WaitingOrder

MAX_WAITING: Final = 1_000
"""Orders that may wait for a tick."""
NOT_OPEN: Final = "the engine has not been started, or is ending: order when it runs"
STANDING_STILL: Final = {
    EngineState.DEGRADED: "is degraded",
    EngineState.HALTED: "has halted",
    EngineState.FINISHED: "has finished",
}

log = logging.getLogger("mara.orders")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CurrentState:
    """State against which a new order is checked: world, waiting commands and plan."""

    world: World
    waiting: tuple[Command, ...]
    plan: Plan | None
    """Plan in force."""


Make = Callable[[CurrentState], Sequence[tuple[Command, bytes]]]
"""Makes commands from the current state, with the answers for repeated requests.

Raises CommandError where that is impossible.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _OrderedRun:
    """The run that orders go to.

    Attributes:
        position: returns the world before the next tick to be computed, and the plan in force.
    """

    store: Store
    config: RunConfig
    position: Callable[[], tuple[World, Plan | None]]


class OrderBook:
    """Takes orders while a run is open. All methods belong to the event loop's thread."""

    def __init__(self, publisher: StatePublisher) -> None:
        self._publisher = publisher
        self._run: _OrderedRun | None = None
        self._is_open = False
        self._one_at_a_time = asyncio.Lock()
        self._waiting: list[WaitingOrder] = []
        self._taken: tuple[WaitingOrder, ...] = ()  # by the tick under way
        self._refused: tuple[Outcome, ...] = ()  # orders that the tick under way could no longer obey
        self._is_known = False  # whether `_waiting` agrees with the store
        self._work: set[asyncio.Task[tuple[WaitingOrder, ...]]] = set()  # keeps a reference, for asyncio holds none

    async def open(self, store: Store, config: RunConfig, position: Callable[[], tuple[World, Plan | None]]) -> None:
        """Read the waiting orders from the store, and start to take new ones.

        Args:
            position: returns the world before the next tick to be computed, and the plan in force.

        Raises:
            StoreError: the orders cannot be read.
        """
        self._run = _OrderedRun(store=store, config=config, position=position)
        self._is_open = True
        await self._know()

    async def close(self) -> None:
        """Stop taking orders; harmless when repeated.

        An order that is being stored is still confirmed.
        """
        async with self._one_at_a_time:
            self._is_open = False

    @property
    def current(self) -> CurrentState:
        """The state against which a new order is checked, after the tick under way."""
        world, plan = self._given_to().position()
        under_way = self._under_way
        waiting = tuple(order.command for order in self._waiting if order.number not in under_way)
        return CurrentState(world=world, waiting=waiting, plan=plan)

    async def place(self, make: Make) -> tuple[WaitingOrder, ...]:
        """Store orders, all or none, for the next tick to obey.

        A request with an idempotency key that has ordered before orders nothing again.

        Raises:
            CommandError: no tick could obey one of them, or too many orders wait.
            EngineStopped: no run is open, or its engine has halted or finished.
            StoreError: the orders are not on disk, or it is not known whether they are.
        """
        work = asyncio.create_task(self._place(make), name="mara-order")
        self._work.add(work)  # a cancelled caller does not cancel the task
        work.add_done_callback(self._work.discard)
        return await asyncio.shield(work)

    async def order(self, *commands: Command) -> Receipt:
        """Store commands as orders, and return their receipt; see `place`."""
        placed = await self.place(lambda _: [(command, b"") for command in commands])
        return Receipt(numbers=tuple(order.number for order in placed), tick=placed[0].ordered_tick)

    def look(self, *commands: Command) -> Receipt:
        """Check whether the next tick could obey some commands, and order nothing.

        The receipt has no numbers.

        Raises:
            CommandError: it could not obey one of them.
            EngineStopped: no run is open.
        """
        config, now = self._given_to().config, self.current
        for n, command in enumerate(commands):
            refuse_impossible(command, (*now.waiting, *commands[:n]), now.world, config)
        return Receipt(numbers=(), tick=now.world.tick)

    async def withdraw(self, number: int, reason: str) -> None:
        """Withdraw a waiting order.

        Raises:
            CommandError: the order does not wait any more, or the tick under way obeys it.
            EngineStopped, StoreError: see `place`.
        """
        async with self._one_at_a_time:
            store = self._open_store()
            self._refuse_standing_still()
            await self._know()
            if number in self._under_way or all(order.number != number for order in self._waiting):
                raise CommandError(f"order {number} does not wait: only what waits can be withdrawn")
            self._is_known = False
            tick = self._given_to().position()[0].tick
            await _in_thread(store, lambda: store.orders.withdraw(number, tick, reason))
            self._waiting = [order for order in self._waiting if order.number != number]
            self._is_known = True
            self._publisher.set_waiting(len(self._waiting))

    async def first_answer(self, place: str) -> FirstAnswer | None:
        """Return the stored first answer to a request with an idempotency key.

        Raises:
            EngineStopped, StoreError: the answer cannot be looked up.
        """
        store = self._open_store()
        return await _in_thread(store, lambda: store.orders.first_answer(place))

    async def keep_answer(self, place: str, answer: FirstAnswer) -> None:
        """Store a first answer, to be given again when the request is repeated.

        Raises:
            EngineStopped, StoreError: the answer cannot be stored.
        """
        store = self._open_store()
        await _in_thread(store, lambda: store.orders.keep_answer(place, answer))

    async def take(self, work: Callable[[tuple[Command, ...]], T]) -> T:
        """Call `work` with the commands that wait, to compute a tick that obeys them.

        No order is taken meanwhile.
        """
        async with self._one_at_a_time:
            await self._know()
            run = self._given_to()
            good, refused = possible(tuple(self._waiting), run.position()[0], run.config)
            made = work(tuple(order.command for order in good))
            self._taken, self._refused = good, refused
            return made

    def outcomes(self, step: Step) -> tuple[Outcome, ...]:
        """List the outcomes of the orders that the tick under way took."""
        return self._refused + outcomes_of(step, self._taken)

    def obeyed(self) -> None:
        """Drop the orders of a tick that is stored."""
        self._waiting = [order for order in self._waiting if order.number not in self._under_way]
        self._taken, self._refused = (), ()
        self._publisher.set_waiting(len(self._waiting))

    def let_go(self) -> None:
        """Return the orders of an abandoned tick to those that wait."""
        self._taken = ()
        self._refused = ()
        self._is_known = False

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Keep orders and ticks waiting within the context."""
        async with self._one_at_a_time:
            yield

    @property
    def _under_way(self) -> set[int]:
        return {order.number for order in self._taken} | {outcome.number for outcome in self._refused}

    async def _place(self, make: Make) -> tuple[WaitingOrder, ...]:
        async with self._one_at_a_time:
            store, repeat_key = self._open_store(), REPEAT_KEY.get()
            self._refuse_standing_still()
            known = await _in_thread(store, lambda: store.orders.repeated(repeat_key)) if repeat_key else ()
            if known:
                return known
            await self._know()
            config, now = self._given_to().config, self.current
            made = make(now)
            if len(self._waiting) + len(made) > MAX_WAITING:
                raise CommandError(f"{MAX_WAITING} orders are waiting: let the engine go on first")
            before = list(now.waiting)
            for command, _ in made:
                refuse_impossible(command, before, now.world, config)
                before.append(command)
            tick = now.world.tick
            new = [
                NewOrder(command=signed(command), ordered_tick=tick, answer=answer, repeat_key=repeat_key)
                for command, answer in made
            ]
            self._is_known = False  # in case the store's answer is lost
            placed = await _in_thread(store, lambda: store.orders.add(*new))
            self._waiting.extend(placed)
            self._is_known = True
            self._publisher.set_waiting(len(self._waiting))
        for order in placed:
            log.info("command ordered", extra={"number": order.number, "command": repr(order.command)})
        return placed

    def _given_to(self) -> _OrderedRun:
        if self._run is None:
            raise EngineStopped(NOT_OPEN)
        return self._run

    def _open_store(self) -> Store:
        if not self._is_open:
            raise EngineStopped(NOT_OPEN)
        return self._given_to().store

    def _refuse_standing_still(self) -> None:
        current = self._publisher.read()
        if current.state in STANDING_STILL:
            how = STANDING_STILL[current.state]
            raise EngineStopped(
                f"nothing was ordered, because the engine {how} ({current.reason}): order again when it runs"
            )

    async def _know(self) -> None:
        """Read the waiting orders from the store, unless `_waiting` agrees with it."""
        if self._is_known or not self._is_open:
            return
        store = self._given_to().store
        found = await _in_thread(store, store.orders.waiting)
        self._waiting = list(found)
        self._is_known = True
        self._publisher.set_waiting(len(self._waiting))


def possible(
    orders: tuple[WaitingOrder, ...], world: World, config: RunConfig
) -> tuple[tuple[WaitingOrder, ...], tuple[Outcome, ...]]:
    """Split orders into those that the next tick can obey, and outcomes of the others."""
    good: list[WaitingOrder] = []
    refused: list[Outcome] = []
    for order in orders:
        try:
            refuse_impossible(order.command, [other.command for other in good], world, config)
        except CommandError as refusal:
            refused.append(Outcome(number=order.number, reason=str(refusal)))
        else:
            good.append(order)
    return tuple(good), tuple(refused)


def outcomes_of(step: Step, orders: tuple[WaitingOrder, ...]) -> tuple[Outcome, ...]:
    """List the outcomes of orders whose commands a tick obeyed."""
    return tuple(Outcome(number=order.number, reason=_refusal_in(step, order.command)) for order in orders)


def _refusal_in(step: Step, command: Command) -> str:
    """Say why a tick refused a command; empty where it obeyed."""
    if not isinstance(command, Book):
        return ""
    refused = (refusal.reason for refusal in step.refused if refusal.request is command.request)
    return next(refused, "")


async def _in_thread(store: Store, work: Callable[[], T]) -> T:
    """Run work in the store's own thread.

    The work runs to its end even if the caller is cancelled.
    """
    return await asyncio.shield(asyncio.get_running_loop().run_in_executor(store.executor, work))
