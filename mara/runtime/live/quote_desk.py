"""Quotes for new contracts of a live run: pricing, expiry and booking.

A quote is computed while ticks go on, stays open for a limited time, and can be booked once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from secrets import token_hex
from typing import Final, TypeAlias, TypeVar

from mara.core.commands import Book, Command, Receipt
from mara.core.contract import TIER_KEYS, ContractRequest, Tier
from mara.core.history import ContractLife, ExclusionRow
from mara.core.plan import Plan, Problem, problem_of
from mara.core.quote import Booking, OutageRecord, Quote, QuoteRequest
from mara.core.step import observed
from mara.core.timegrid import moment_text
from mara.core.world import World
from mara.errors import CommandError, FeedError, PlanError
from mara.optimizers.lp.solve import Basis
from mara.optimizers.quoting.context import QuoteContext, fits_surely
from mara.optimizers.quoting.offer import quote_of
from mara.optimizers.quoting.pricing import EXACT_SITES, ContractDemand, PricedSolution, solution_in_force, solution_of
from mara.runtime.live.quote_validation import (
    contract_id_of,
    customer_name,
    demand_of,
    refuse_unaskable,
    refuse_unfit,
    timezone_of,
)
from mara.runtime.tick.engine import TickEngine
from mara.runtime.tick.exclusions import ExclusionRequest, exclusions_of
from mara.runtime.tick.order_book import CurrentState, OrderBook
from mara.store.encoding.codec import bytes_of, record_of
from mara.store.store import Store

MAX_OPEN_QUOTES: Final = 1_000
MAX_ASKING: Final = 32
"""Most requests that may wait for a quote at once."""
SOLVE_DEADLINE_S: Final = 60.0
ID_BYTES: Final = 6

log = logging.getLogger("mara.quotes")
T = TypeVar("T")
_Grounds: TypeAlias = tuple[int, bytes, tuple[str, ...]]
"""State that an offer rests on: live contracts, waiting bookings, machines up."""


class QuoteDesk:
    """Desk that prices and books contracts of an open run, one quote at a time.

    All methods belong to the event loop's thread.

    Args:
        orders: gives the state of the run, and takes bookings as orders.
        store: keeps offers and bookings; `open` reads them again.
        record: counts past outages for the risk of a quote; it may read the database.
    """

    def __init__(self, engine: TickEngine, orders: OrderBook, store: Store, record: Callable[[], OutageRecord]) -> None:
        self._engine = engine
        self._orders = orders
        self._store = store
        self._record = record
        self._one_at_a_time = asyncio.Lock()
        self._asking_count = 0
        self._open: dict[str, tuple[QuoteRequest, Quote]] = {}
        self._made_on: dict[str, _Grounds] = {}  # by the quote's id
        self._basis: Basis | None = None
        self._context: QuoteContext | None = None
        self._context_for: CurrentState | None = None

    async def open(self) -> None:
        """Read the open offers that were made before a restart.

        Raises:
            StoreError: the database cannot be read.
        """
        for ask, quote in await self._stored(self._store.orders.quotes):
            self._keep(ask, quote)

    async def quote(self, ask: QuoteRequest) -> Quote:
        """Price a contract that starts with the next tick.

        The quote holds price, site and risk, or the reason for a refusal and what would fit instead.

        Raises:
            CommandError: the request is invalid, too many wait, or there is no forecast to price it by.
            StoreError: the offer could not be stored, so it could not be booked after a restart.
        """
        ticks = refuse_unaskable(ask, self._engine.config)
        if self._asking_count >= MAX_ASKING:
            raise CommandError(f"{MAX_ASKING} requests wait for their quote already: ask again in a moment")
        self._asking_count += 1
        try:
            async with self._one_at_a_time:
                # Anyone who knows a quote's id may book it at its price, so the id must not be guessable, nor be used
                # again after a restart.
                quote = await self._priced(ask, ticks, f"q-{token_hex(ID_BYTES)}")
        finally:
            self._asking_count -= 1
        if not quote.refusal:
            await self._stored(partial(self._store.orders.keep_quote, ask, quote))
            self._keep(ask, quote)
        return quote

    async def book(self, quote_id: str, customer: str = "") -> Booking:
        """Book an open quote at its price, after checking again that the contract fits.

        Repeating the call returns the first booking again.

        Raises:
            CommandError: the quote is unknown, expired or booked by another customer, or it does not fit any more.
        """
        name = customer_name(customer)
        async with self._one_at_a_time:
            if quote_id not in self._open:
                taken = await self._stored(partial(self._store.orders.booking, contract_id_of(quote_id)))
                if taken is not None:
                    if customer and name != taken.customer:
                        raise CommandError(f"quote {quote_id} was booked by {taken.customer}: ask for a new one")
                    return taken
            ask, quote = self._open_quote(quote_id)
            if not (self._still_holds(quote) or await self._fits(ask, quote)):
                fresh = await self._priced(ask, quote.ends_tick - quote.starts_tick, quote_id)
                if fresh.refusal:
                    raise CommandError(f"it does not fit any more: {fresh.refusal}; ask for a new quote")
            return await self._take(quote, name if customer else customer_name(quote.customer))

    async def exclude(
        self,
        asked: Sequence[ExclusionRequest],
        life_of: Callable[[str], Awaitable[ContractLife]],
        *,
        only_look: bool = False,
    ) -> Receipt:
        """Announce exclusions: ticks that will not count towards contracts' availability.

        Either all are announced or none; they are on disk when this returns. The acting user is recorded as author.

        Args:
            life_of: reads the stored history of a contract.
            only_look: check all, and announce nothing; the receipt then has no numbers.

        Raises:
            CommandError: see `exclusion_of`; the message names each contract that refuses.
            StoreError: earlier exclusions cannot be read, or the new ones cannot be stored.
        """
        stored: dict[str, tuple[ExclusionRow, ...]] = {}
        for one in asked:
            with suppress(CommandError):  # a contract that was just booked is not stored yet
                stored[one.contract_id] = (await life_of(one.contract_id)).exclusions
        config = self._engine.config

        def exclusions(now: CurrentState) -> list[tuple[Command, bytes]]:
            made = exclusions_of(asked, now.world, config, waiting=now.waiting, stored=stored)
            return [(command, b"") for command in made]

        if only_look:
            now = self._orders.current
            exclusions_of(asked, now.world, config, waiting=now.waiting, stored=stored)
            return Receipt(numbers=(), tick=now.world.tick)
        placed = await self._orders.place(exclusions)
        return Receipt(numbers=tuple(order.number for order in placed), tick=placed[0].ordered_tick)

    def _open_quote(self, quote_id: str) -> tuple[QuoteRequest, Quote]:
        found = self._open.get(quote_id)
        if found is None:
            raise CommandError(f"there is no open quote {quote_id!r}: ask for one, and book it before it expires")
        tick = self._orders.current.world.tick
        if tick >= found[1].expires_tick:
            held, now = self._engine.config.grid.at(found[1].expires_tick), self._engine.config.grid.at(tick)
            raise CommandError(
                f"quote {quote_id} held until {moment_text(held)}, it is {moment_text(now)}: ask for a new one"
            )
        return found

    async def _take(self, quote: Quote, customer: str) -> Booking:
        """Order a quoted contract, if the next tick would accept it.

        No tick and no other order comes between the check and the order.
        """
        request = ContractRequest(
            id=contract_id_of(quote.id),
            tier=Tier(TIER_KEYS.index(quote.tier)),
            customer=customer,
            power_mw=quote.power_mw,
            duration_ticks=quote.ends_tick - quote.starts_tick,
            timezone=timezone_of(quote.region),
        )
        order = Book(request=request, rate_usd_per_mwh=quote.price_usd_per_mwh)

        def fitted(now: CurrentState) -> list[tuple[Command, bytes]]:
            refuse_unfit(order, now, self._engine.config)
            starts_at = self._engine.config.grid.at(now.world.tick + 1)
            booking = Booking(
                contract_id=request.id,
                customer=customer,
                ordered_tick=now.world.tick,
                starts_at=starts_at,
                quote=quote,
            )
            return [(order, bytes_of(booking))]

        (placed,) = await self._orders.place(fitted)
        self._open.pop(quote.id, None)
        return record_of(Booking, placed.answer)

    async def _stored(self, work: Callable[[], T]) -> T:
        """Run a call on the store in the store's own thread, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._store.executor, work)

    async def _fits(self, ask: QuoteRequest, quote: Quote) -> bool:
        """Return whether a plan with the contract surely keeps every promise.

        False also where that cannot be shown: no plan was found, or the fleet is too large to solve exactly.
        """
        problem, now = self._problem()
        if problem.config.fleet.site_count > EXACT_SITES:
            return False
        waiting = tuple(demand_of(command, problem.tick) for command in now.waiting if isinstance(command, Book))
        first = problem.tick + 1
        ends = first + quote.ends_tick - quote.starts_tick
        tier = Tier(TIER_KEYS.index(ask.tier))
        demand = ContractDemand(tier=tier, power_mw=ask.power_mw, starts_tick=first, ends_tick=ends)

        def work() -> bool:
            served = solution_of(problem, (*waiting, demand), basis=self._basis, deadline_s=SOLVE_DEADLINE_S)
            context = QuoteContext(problem=problem, before=served, waiting=waiting, record=self._record())
            return fits_surely(context, demand)

        with suppress(PlanError):  # pricing, which follows, reports the failure
            return await asyncio.to_thread(work)
        return False

    async def _priced(self, ask: QuoteRequest, ticks: int, quote_id: str) -> Quote:
        problem, now = self._problem()
        waiting = tuple(demand_of(command, problem.tick) for command in now.waiting if isinstance(command, Book))
        if (
            self._context_for is None
            or self._context_for.world is not now.world
            or self._context_for.waiting != now.waiting
        ):
            self._context = None

        def work() -> tuple[QuoteContext, Quote]:
            context = self._context
            if context is None:
                before = _before(problem, waiting, now.plan, self._basis)
                context = QuoteContext(problem=problem, before=before, waiting=waiting, record=self._record())
            zone = timezone_of(ask.region)
            return context, quote_of(ask, ticks, context, quote_id=quote_id, timezone=zone)

        try:
            context, quote = await asyncio.to_thread(work)
        except PlanError as error:
            raise CommandError(f"no price could be worked out ({error}): ask again in a moment") from error
        self._context = context
        self._context_for = now
        self._basis = context.before.basis
        self._made_on[quote_id] = self._grounds(now)
        log.info("quote", extra={"quote": quote.id, "tick": quote.made_tick, "reason": quote.refusal})
        return quote

    def _problem(self) -> tuple[Problem, CurrentState]:
        """Build the planning problem of the next tick, in the thread that owns the feeds."""
        now = self._orders.current
        return next_problem(self._engine, now.world), now

    def _still_holds(self, quote: Quote) -> bool:
        """Return whether nothing that an offer rests on has changed.

        It has not within the same hour, with the same machines up and the same contracts.
        """
        then, now = self._made_on.get(quote.id), self._orders.current
        if then is None or now.world.tick - quote.made_tick >= self._engine.config.grid.ticks_per_hour:
            return False
        return then == self._grounds(now)

    def _grounds(self, now: CurrentState) -> _Grounds:
        try:
            seen = self._engine.metered(self._engine.feed.observe(now.world.tick), now.world)
        except FeedError as error:
            raise CommandError(f"no look without an observation ({error}): ask again when the feed answers") from error
        seen = observed(seen, now.world, self._engine.config.fleet)
        bookings = tuple(command.request.id for command in now.waiting if isinstance(command, Book))
        return now.world.book_changes_count, seen.availability_share.tobytes(), bookings

    def _keep(self, ask: QuoteRequest, quote: Quote) -> None:
        """Keep an offer open; expired ones are dropped, and the oldest when too many are."""
        tick = quote.made_tick
        self._open = {key: kept for key, kept in self._open.items() if kept[1].expires_tick > tick}
        if len(self._open) >= MAX_OPEN_QUOTES:
            self._open.pop(next(iter(self._open)))
        self._open[quote.id] = (ask, quote)
        self._made_on = {key: kept for key, kept in self._made_on.items() if key in self._open}


def next_problem(engine: TickEngine, world: World) -> Problem:
    """Build the planning problem of a world's next tick.

    It belongs to the thread that owns the feeds.

    Raises:
        CommandError: the feed does not answer.
    """
    try:
        seen, ahead = engine.feed.observe(world.tick), engine.feed.forecast(world.tick, engine.horizon_hours)
    except FeedError as error:
        raise CommandError(f"no price without a forecast ({error}): ask again when the feed answers") from error
    seen = observed(engine.metered(seen, world), world, engine.config.fleet)
    return problem_of(engine.config, world, seen, ahead)


def _before(
    problem: Problem, waiting: tuple[ContractDemand, ...], plan: Plan | None, basis: Basis | None
) -> PricedSolution:
    """Solve for the best plan without the request.

    For a large fleet the plan in force stands in for it, if it has dual prices.
    """
    if problem.config.fleet.site_count > EXACT_SITES:
        in_force = solution_in_force(problem, plan)
        if in_force is not None:
            return in_force
    return solution_of(problem, waiting, basis=basis, deadline_s=SOLVE_DEADLINE_S)


def quote_now(engine: TickEngine, record: OutageRecord, ask: QuoteRequest) -> Quote:
    """Price a contract of a run that is not being advanced.

    The quote has no id and cannot be booked.

    Raises:
        CommandError: the request is invalid.
        FeedError: there is no forecast.
        PlanError: no plan, and so no price, could be computed from it.
    """
    ticks = refuse_unaskable(ask, engine.config)
    problem = engine.problem(engine.read_feed())
    before = solution_of(problem, deadline_s=SOLVE_DEADLINE_S)
    context = QuoteContext(problem=problem, before=before, waiting=(), record=record)
    return quote_of(ask, ticks, context, quote_id="", timezone=timezone_of(ask.region))
