"""Quotes of a live run hold for a time, are booked once, and see earlier bookings."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from mara.core.commands import Book, Exclude, Outage
from mara.core.history import ContractLife
from mara.core.quote import OutageRecord, Quote, QuoteRequest
from mara.errors import CommandError
from mara.optimizers.quoting.offer import quote_of
from mara.runtime.actor import ACTOR, Actor
from mara.runtime.live import quote_desk
from mara.runtime.live.quote_desk import QuoteDesk
from mara.runtime.tick.exclusions import ExclusionRequest
from mara.store.store import Store
from tests.runtime.made_up import TICK_S, MemoryStore, Stage, quiet, running, stage


class NoRows:
    """A database without raw rows."""

    def ask(self, query: object) -> Sequence[SimpleNamespace]:
        return [SimpleNamespace(tick=None)]


@dataclass
class Memory(MemoryStore):
    read_model: Any = field(default_factory=NoRows)


def ask(tier: str = "standard", power_mw: float = 4.0, hours: float = 12.0, **more: str) -> QuoteRequest:
    return QuoteRequest(tier=tier, power_mw=power_mw, duration_h=hours, **more)


async def standing(around: Stage) -> None:
    """Wait until a tick is stored, then pause the platform."""
    await around.stored(1)
    around.platform.pause()


async def test_a_quote_is_booked_at_its_price_and_stored_with_the_next_tick() -> None:
    async with running(stage(store=Memory())) as around:
        await standing(around)
        quote = await around.platform.quote(ask(customer="Acme"))
        assert not quote.refusal
        assert quote.landing is not None
        booking = await around.platform.book(quote.id)
        assert (booking.customer, booking.ordered_tick) == ("Acme", 1)
        around.platform.step(1)
        await around.stored(2)
        step = around.store.steps[1]
        (accepted,) = step.accepted
        assert (accepted.id, accepted.customer) == (booking.contract_id, "Acme")
        assert accepted.rate_usd_per_mwh == quote.price_usd_per_mwh
        assert accepted.starts_tick == 2
        (command,) = step.commands
        assert isinstance(command, Book)


async def test_two_quotes_that_do_not_fit_together_are_not_both_booked() -> None:
    async with running(stage(store=Memory())) as around:
        await standing(around)
        # Racks of 25 MW, of which 23 may be promised.
        first, second = await around.platform.quote(ask(power_mw=9.0)), await around.platform.quote(ask(power_mw=9.5))
        third = await around.platform.quote(ask(power_mw=8.0))
        assert [quote.refusal for quote in (first, second, third)] == ["", "", ""]
        await around.platform.book(first.id)
        await around.platform.book(second.id)
        with pytest.raises(CommandError, match=r"does not fit any more: 4\.5 MW of racks are left to promise"):
            await around.platform.book(third.id)
        again = await around.platform.quote(ask(power_mw=8.0))
        assert "4.5 MW" in again.refusal
        assert [other.power_mw for other in again.alternatives if other.kind == "smaller"] == [4.5]


async def test_a_repeated_booking_is_answered_as_the_first_time_and_ordered_once() -> None:
    async with running(stage(store=Memory())) as around:
        await standing(around)
        quote = await around.platform.quote(ask())
        first = await around.platform.book(quote.id, "Acme")
        assert await around.platform.book(quote.id, "Acme") == first
        assert await around.platform.book(quote.id) == first
        with pytest.raises(CommandError, match="was booked by Acme"):
            await around.platform.book(quote.id, "Basalt")
        around.platform.step(1)
        await around.stored(2)
        assert len(around.store.steps[1].accepted) == 1
        assert await around.platform.book(quote.id, "Acme") == first


async def test_an_unknown_an_expired_and_a_refused_quote_cannot_be_booked() -> None:
    async with running(stage(store=Memory())) as around:
        await standing(around)
        quote = await around.platform.quote(ask())
        refused = await around.platform.quote(ask(power_mw=200.0))
        assert refused.refusal
        assert refused.alternatives
        for unknown in ("q-none", refused.id):
            with pytest.raises(CommandError, match="there is no open quote"):
                await around.platform.book(unknown)
        around.platform.step(quote.expires_tick - quote.made_tick)
        await around.stored(quote.expires_tick)
        with pytest.raises(CommandError, match=r"held until 1 Jul 2025 \d\d:\d\d UTC, it is 1 Jul 2025"):
            await around.platform.book(quote.id)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (ask(tier="gold"), "a tier is one of premium, standard, flexible, spot, got 'gold'"),
        (ask(power_mw=0.0), "a contract has 0.01 to 100,000 MW, got 0"),
        (ask(power_mw=float("nan")), "got nan"),
        (ask(hours=float("inf")), "a contract lasts"),
        (ask(hours=-1.0), "got -1"),
        (ask(region="atlantis"), "a region is one of americas, europe, asia-pacific"),
        (ask(customer="x" * 100), "at most 80 printable characters"),
        (ask(customer="a\x07b"), "printable"),
    ],
)
async def test_what_is_no_request_is_refused_in_one_line(asked: QuoteRequest, said: str) -> None:
    async with running(stage(store=Memory())) as around:
        with pytest.raises(CommandError) as refusal:
            await around.platform.quote(asked)
        assert said in str(refusal.value)
        assert "\n" not in str(refusal.value)


async def test_before_the_start_nothing_is_quoted() -> None:
    with pytest.raises(CommandError, match="has not been started"):
        await stage().platform.quote(ask())


async def test_a_quote_that_takes_long_holds_up_no_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Event()

    def slow(*given: Any, **named: Any) -> Quote:
        assert gate.wait(10)
        return quote_of(*given, **named)

    monkeypatch.setattr(quote_desk, "quote_of", slow)
    async with running(stage(store=Memory())) as around:
        await around.stored(1)
        asking = asyncio.create_task(around.platform.quote(ask()))
        await quiet()
        await around.pass_time(TICK_S)
        await around.stored(2)
        assert not asking.done()
        gate.set()
        assert (await asking).made_tick == 1


async def test_a_cancelled_contract_ends_with_the_next_tick() -> None:
    async with running(stage(store=Memory())) as around:
        await standing(around)
        booking = await around.platform.book((await around.platform.quote(ask())).id)
        around.platform.step(1)
        await around.stored(2)
        await around.platform.cancel(booking.contract_id)
        around.platform.step(1)
        await around.stored(3)
        assert [closed.contract_id for closed in around.store.steps[2].world.closed] == [booking.contract_id]
        with pytest.raises(CommandError, match="there is no live contract"):
            await around.platform.cancel(booking.contract_id)


async def test_an_announced_exclusion_is_stored_with_its_author_and_its_ticks_do_not_count() -> None:
    async with running(stage(store=Memory())) as around:
        await standing(around)
        booking = await around.platform.book((await around.platform.quote(ask())).id)
        around.platform.step(1)
        await around.stored(2)

        async def unknown(contract_id: str) -> ContractLife:
            raise CommandError(f"no contract {contract_id!r} was booked")

        around.platform.archive.contract = unknown  # type: ignore[method-assign]
        asked = ExclusionRequest(
            kind="grid order", contract_id=booking.contract_id, from_tick=3, to_tick=5, reason="limit"
        )
        looked = await around.platform.exclude(asked, only_look=True)
        assert looked.numbers == (), "nothing is announced by looking"
        token = ACTOR.set(Actor(name="ada"))
        announced = await around.platform.exclude(asked)
        ACTOR.reset(token)
        assert (len(announced.numbers), announced.tick) == (1, 2)
        around.platform.step(4)
        await around.stored(6)
        world = around.store.steps[5].world
        column = world.book.index_of[booking.contract_id]
        assert int(world.accounts.excluded_ticks[column]) == 2
        (stored,) = [command for command in around.store.steps[2].commands if isinstance(command, Exclude)]
        assert (stored.author, stored.reason) == ("ada", "grid order: limit")


async def test_after_a_restart_a_booking_is_repeated_and_an_open_quote_is_booked() -> None:
    store = Memory()
    async with running(stage(store=store)) as around:
        await standing(around)
        taken, kept = await around.platform.quote(ask()), await around.platform.quote(ask(power_mw=3.0))
        booking = await around.platform.book(taken.id, "Acme")
        desk = QuoteDesk(around.platform._opened.desk._engine, around.platform.orders, cast(Store, store), no_outages)
        await desk.open()  # as a new process would
        assert await desk.book(taken.id, "Acme") == booking
        with pytest.raises(CommandError, match="was booked by Acme"):
            await desk.book(taken.id, "Basalt")
        assert (await desk.book(kept.id)).quote == kept
        around.platform.step(1)
        await around.stored(2)
        assert len(store.steps[1].accepted) == 2
        assert [outcome.reason for outcome in store.outcomes] == ["", ""]


def no_outages() -> OutageRecord:
    return OutageRecord(seen_ticks=0, lost_ticks=np.zeros(3), fall_count=np.zeros(3, dtype=np.int64))


async def test_a_quote_is_looked_at_again_as_things_stand_when_it_is_booked() -> None:
    """Installed racks do not change in an outage: only a new check finds no room."""
    async with running(stage(store=Memory())) as around:
        await standing(around)
        quote = await around.platform.quote(ask(power_mw=9.0))
        assert not quote.refusal
        await around.platform.order(
            *(Outage(site_id=site.id, duration_ticks=200) for site in around.config.fleet.sites)
        )
        around.platform.step(1)
        await around.stored(2)
        with pytest.raises(CommandError, match="it does not fit any more"):
            await around.platform.book(quote.id)
        around.platform.step(1)
        await around.stored(3)
        assert around.store.steps[-1].commands == ()
