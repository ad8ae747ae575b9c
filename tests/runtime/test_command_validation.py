"""Orders that cannot be carried out are refused at once, and change nothing."""

import math

import pytest

from mara.core.commands import Book, Cancel, Command, Exclude, Outage, Restore
from mara.core.contract import ContractRequest, Tier
from mara.errors import CommandError
from mara.runtime.tick.command_validation import MAX_ORDER_TICKS
from tests.runtime.made_up import running, stage


def request(contract_id: str = "new", power_mw: float = 1.0, ticks: int = 12, timezone: str = "UTC") -> ContractRequest:
    return ContractRequest(
        id=contract_id,
        tier=Tier.STANDARD,
        customer="Acme",
        power_mw=power_mw,
        duration_ticks=ticks,
        timezone=timezone,
    )


def exclude(contract_id: str = "", from_tick: int = 5, to_tick: int = 8) -> Exclude:
    return Exclude(contract_id=contract_id, from_tick=from_tick, to_tick=to_tick, reason="grid order", author="ann")


IMPOSSIBLE = [
    (Outage(site_id="nowhere", duration_ticks=3), "there is no site 'nowhere', there is west, north, east"),
    (Outage(site_id="west", duration_ticks=0), "5 minutes to 83,333 hours, got 0 h"),
    (Outage(site_id="west", duration_ticks=10**30), "5 minutes to 83,333 hours"),
    (Restore(site_id=""), "no site ''"),
    (Cancel(contract_id="c9"), "no live contract 'c9', there is none"),
    (exclude("c9"), "no live contract 'c9'"),
    (exclude(to_tick=5), "an exclusion lasts 5 minutes to 83,333 hours, got 0 h"),
    (exclude(from_tick=-1), "before it begins, 30 Jun 2025 23:55 UTC is past: begin at 1 Jul 2025 00:00 UTC"),
    (Book(request=request(power_mw=math.nan), rate_usd_per_mwh=100.0), "power above 0 MW, got nan"),
    (Book(request=request(power_mw=-1.0), rate_usd_per_mwh=100.0), "power above 0 MW, got -1"),
    (Book(request=request(ticks=MAX_ORDER_TICKS + 1), rate_usd_per_mwh=100.0), "a contract lasts"),
    (Book(request=request(timezone="Mars/Olympus"), rate_usd_per_mwh=100.0), "IANA"),
    (Book(request=request(), rate_usd_per_mwh=math.nan), "a rate is 0 to 100,000 USD/MWh, got nan"),
    (Book(request=request(), rate_usd_per_mwh=-5.0), "a rate is"),
]


@pytest.mark.parametrize(("command", "said"), IMPOSSIBLE, ids=[f"{type(c).__name__} {said}" for c, said in IMPOSSIBLE])
async def test_an_impossible_order_is_refused_and_the_run_goes_on(command: Command, said: str) -> None:
    async with running(stage()) as here:
        with pytest.raises(CommandError) as refusal:
            await here.platform.order(command)
        assert said in str(refusal.value)
        here.platform.step(1)
        await here.stored(1)
        assert here.store.steps[0].commands == ()


async def test_a_booking_is_obeyed_and_the_same_contract_cannot_be_booked_again() -> None:
    book = Book(request=request(), rate_usd_per_mwh=100.0)
    async with running(stage()) as here:
        here.platform.pause()
        await here.platform.order(book)
        with pytest.raises(CommandError, match="ordered already"):
            await here.platform.order(book)
        here.platform.step(2)
        await here.stored(2)
        assert [contract.id for contract in here.store.steps[0].accepted] == ["new"]
        with pytest.raises(CommandError, match="live already"):
            await here.platform.order(book)
        await here.platform.order(Cancel(contract_id="new"))
        here.platform.step(2)
        await here.stored(4)
        assert here.store.steps[-1].before.book.contracts == ()


async def test_an_ordered_outage_can_be_ended_early() -> None:
    async with running(stage()) as here:
        here.platform.pause()
        await here.platform.order(Outage(site_id="west", duration_ticks=100))
        here.platform.step(1)
        await here.stored(1)
        await here.platform.order(Restore(site_id="west"))
        here.platform.step(1)
        await here.stored(2)
        assert [float(step.observation.availability_share[0]) for step in here.store.steps] == [0.0, 1.0]


async def test_nothing_can_be_ordered_before_the_start() -> None:
    with pytest.raises(CommandError, match="started"):
        await stage().platform.order(Outage(site_id="west", duration_ticks=1))


async def test_several_orders_are_obeyed_in_one_tick_or_none_is() -> None:
    async with running(stage()) as here:
        with pytest.raises(CommandError, match="there is no site 'nowhere'"):
            await here.platform.order(Outage(site_id="west", duration_ticks=3), Restore(site_id="nowhere"))
        await here.platform.order(Outage(site_id="west", duration_ticks=3), Outage(site_id="north", duration_ticks=3))
        here.platform.step(1)
        await here.stored(1)
        assert [type(command).__name__ for command in here.store.steps[0].commands] == ["Outage", "Outage"]


async def test_a_booking_is_undone_by_its_cancel_before_its_tick_and_after() -> None:
    async with running(stage()) as here:
        here.platform.pause()
        await here.platform.order(Book(request=request("early"), rate_usd_per_mwh=100.0))
        await here.platform.cancel("early")
        await here.platform.order(Book(request=request("late"), rate_usd_per_mwh=100.0))
        here.platform.step(1)
        await here.stored(1)
        assert [contract.id for contract in here.store.steps[0].accepted] == ["late"]
        await here.platform.cancel("late")
        here.platform.step(1)
        await here.stored(2)
        assert here.store.steps[1].world.book.contracts == ()


async def test_an_exclusion_outside_the_life_of_its_contract_is_refused_in_times() -> None:
    async with running(stage()) as here:
        here.platform.pause()
        await here.platform.order(Book(request=request("new", ticks=12), rate_usd_per_mwh=100.0))
        here.platform.step(1)
        await here.stored(1)
        await here.platform.order(exclude("new", from_tick=2, to_tick=13))
        with pytest.raises(
            CommandError, match="live from 1 Jul 2025 00:05 UTC to 1 Jul 2025 01:05 UTC, got 1 Jul 2025"
        ):
            await here.platform.order(exclude("new", from_tick=2, to_tick=14))
