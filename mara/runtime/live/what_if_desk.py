"""Questions to a live run about changed conditions, answered beside its ticks.

A question reads the state that the next tick begins with, and changes nothing of it (decision 0208).
"""

import asyncio
import logging
from collections.abc import Sequence
from math import isfinite
from typing import Final

from mara.core.commands import Book
from mara.core.contract import TIER_KEYS, Tier
from mara.core.fleet import Fleet, site_index
from mara.core.plan import Problem
from mara.core.what_if import WhatIf, WhatIfRequest
from mara.core.world import RunConfig, World
from mara.errors import CommandError, PlanError
from mara.optimizers.quoting.pricing import EXACT_SITES, ContractDemand
from mara.optimizers.what_if import MadePlan, SolvedCase, compared, solved_changed, solved_now
from mara.runtime.live.quote_desk import next_problem
from mara.runtime.live.quote_validation import demand_of, refuse_unaskable
from mara.runtime.tick.engine import TickEngine
from mara.runtime.tick.order_book import OrderBook

MOST_ASKING: Final = 8
"""Most questions that may wait for their answer at once."""
SOLVE_DEADLINE_S: Final = 120.0
BLOCKS_DEADLINE_S: Final = 600.0
"""Time [s] for each plan of a fleet that is solved in blocks."""
MOST_EXACT_SITES: Final = EXACT_SITES
MOST_SITES: Final = 1_000
"""Largest fleet that is asked about. Chosen: two plans of it take minutes."""
MOST_CHANGE_RATIO: Final = 10.0
"""Largest change of a price, as a share of its size. Chosen."""
MOST_DEARER_USD_PER_MWH: Final = 10_000.0
"""Largest change of a price of power, about the caps of markets. Chosen."""
MOST_SITES_OFF: Final = 100

log = logging.getLogger("mara.what_if")


class WhatIfDesk:
    """Desk that answers what-if questions about an open run, one at a time.

    All methods belong to the event loop's thread.

    Args:
        orders: gives the state of the run.
    """

    def __init__(self, engine: TickEngine, orders: OrderBook) -> None:
        self._engine = engine
        self._orders = orders
        self._one_at_a_time = asyncio.Lock()
        self._asking_count = 0
        self._solved: SolvedCase | None = None
        self._solved_for: tuple[World, tuple[ContractDemand, ...]] | None = None

    async def answer(self, asked: WhatIfRequest) -> WhatIf:
        """Solve the next tick without and with some changes, in a thread beside the run.

        Raises:
            CommandError: the question is invalid or changes nothing, too many wait, or there is no forecast.
        """
        refuse_unanswerable(asked, self._engine.config)
        if self._asking_count >= MOST_ASKING:
            raise CommandError(f"{MOST_ASKING} what-if questions wait for their answer already: ask again in a moment")
        self._asking_count += 1
        try:
            async with self._one_at_a_time:
                return await self._answered(asked)
        finally:
            self._asking_count -= 1

    async def _answered(self, asked: WhatIfRequest) -> WhatIf:
        now = self._orders.current
        problem = next_problem(self._engine, now.world)
        waiting = tuple(demand_of(command, problem.tick) for command in now.waiting if isinstance(command, Book))
        demands, deadline_s = (*waiting, *_demands(asked, problem)), _deadline_s(problem)
        is_known = self._solved_for is not None and self._solved_for[0] is now.world and self._solved_for[1] == waiting
        known = self._solved if is_known else None

        basis = self._solved.basis if self._solved is not None else None

        def work() -> tuple[SolvedCase, SolvedCase]:
            solved = known or solved_now(problem, waiting, deadline_s, basis)
            return solved, solved_changed(solved, asked, demands, deadline_s)

        try:
            solved, changed = await asyncio.to_thread(work)
        except PlanError as error:
            raise CommandError(f"no plan could be worked out ({error}): ask again in a moment") from error
        self._solved, self._solved_for = solved, (now.world, waiting)
        log.info("what if", extra={"tick": problem.tick})
        return compared(solved, changed, now.plan)


def what_if_now(
    engine: TickEngine, asked: WhatIfRequest, bookings: Sequence[Book], in_force: MadePlan | None
) -> WhatIf:
    """Answer a question about a run that is not being advanced, as the desk would.

    Args:
        bookings: those that wait for the next tick.
        in_force: the plan that the run last followed.

    Raises:
        CommandError: the question is invalid or changes nothing, or there is no forecast.
        PlanError: no plan could be worked out.
    """
    refuse_unanswerable(asked, engine.config)
    problem = next_problem(engine, engine.world)
    waiting = tuple(demand_of(command, problem.tick) for command in bookings)
    deadline_s = _deadline_s(problem)
    solved = solved_now(problem, waiting, deadline_s)
    changed = solved_changed(solved, asked, (*waiting, *_demands(asked, problem)), deadline_s)
    return compared(solved, changed, in_force)


def _deadline_s(problem: Problem) -> float:
    return BLOCKS_DEADLINE_S if problem.config.fleet.site_count > EXACT_SITES else SOLVE_DEADLINE_S


def refuse_unanswerable(asked: WhatIfRequest, config: RunConfig) -> None:
    """Look whether a question can be answered.

    Raises:
        CommandError: it changes nothing, a change is out of bounds, or a site or the contract is none.
    """
    shares = {
        "power": asked.price_change_share,
        "hashprice": asked.hashprice_change_share,
        "the token price": asked.token_price_change_share,
    }
    for name, share in shares.items():
        if not (isfinite(share) and -1.0 <= share <= MOST_CHANGE_RATIO):
            raise CommandError(
                f"{name} changes by -100 to +{MOST_CHANGE_RATIO:.0%}, got {share:.4g} times its size: correct it"
            )
    usd = asked.price_change_usd_per_mwh
    if not (isfinite(usd) and abs(usd) <= MOST_DEARER_USD_PER_MWH):
        raise CommandError(
            f"power changes by at most {MOST_DEARER_USD_PER_MWH:,.0f} USD/MWh, got {usd:.6g}: correct it"
        )
    if config.fleet.site_count > MOST_SITES:
        raise CommandError(
            f"what-if questions are answered for up to {MOST_SITES:,} sites, this fleet has "
            f"{config.fleet.site_count:,}: ask about a part of it, in a run of its own"
        )
    if len(asked.off_site_ids) > MOST_SITES_OFF:
        raise CommandError(f"at most {MOST_SITES_OFF} sites are off, got {len(asked.off_site_ids)}: name fewer")
    _refuse_unknown_sites(asked, config.fleet)
    if asked.contract is not None:
        refuse_unaskable(asked.contract, config)
    if asked == WhatIfRequest(price_site_id=asked.price_site_id):
        raise CommandError("nothing would change: enter a price, a site that is off, or a contract")


def _refuse_unknown_sites(asked: WhatIfRequest, fleet: Fleet) -> None:
    for named in (*asked.off_site_ids, *filter(None, (asked.price_site_id,))):
        site_index(fleet.sites, named)


def _demands(asked: WhatIfRequest, problem: Problem) -> tuple[ContractDemand, ...]:
    """Return the contract that is asked about as plans see it, from the next tick on."""
    if asked.contract is None:
        return ()
    first = problem.tick + 1
    return (
        ContractDemand(
            tier=Tier(TIER_KEYS.index(asked.contract.tier)),
            power_mw=asked.contract.power_mw,
            starts_tick=first,
            ends_tick=first + problem.config.grid.ticks_of_hours(asked.contract.duration_h),
        ),
    )
