"""Confirmed orders are on disk, survive any end of the process, and apply once."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from mara.api.routes.reads import unreadiness_of
from mara.assembly.runs import open_run
from mara.bootstrap import platform_of
from mara.core.commands import Command, Outage
from mara.core.quote import QuoteRequest
from mara.errors import CommandError, EngineStopped, StoreBlocked, StoreError
from mara.runtime.live.platform import Platform
from mara.runtime.published_state import EngineState
from mara.runtime.tick.engine import simulate
from mara.settings import Settings, read_settings
from mara.store import maintenance
from mara.toolbox import ListContracts, Toolbox
from tests.runtime.made_up import IMPATIENT, TICK_S, MemoryStore, quiet, running, shown_events, stage, until
from tests.store.databases import KINDS, asked, url_of

OUTAGE = Outage(site_id="west", duration_ticks=1)


def settings_of(path: Path) -> Settings:
    return read_settings(env={}, options={"database_url": url_of(path), "speed": 1.0, "optimizer": "rules"})


@asynccontextmanager
async def paused(path: Path, ticks: int = 0) -> AsyncIterator[Platform]:
    """A live run that is paused after some ticks."""
    run = platform_of(settings_of(path), IMPATIENT)
    await run.start()
    run.pause()
    try:
        await on(run, ticks)
        yield run
    finally:
        await run.stop()


async def on(run: Platform, ticks: int) -> None:
    await until(lambda: run.publisher.read().state is EngineState.PAUSED)
    wanted = shown_tick(run) + ticks
    if ticks:
        run.step(ticks)
    await until(lambda: shown_tick(run) >= wanted and run.publisher.read().state is EngineState.PAUSED, 20.0)


def shown_tick(run: Platform) -> int:
    snapshot = run.publisher.read().snapshot
    return -1 if snapshot is None else snapshot.tick


def site_of(run: Platform) -> str:
    snapshot = run.publisher.read().snapshot
    assert snapshot is not None
    return snapshot.sites[0].id


@pytest.mark.parametrize("kind", KINDS)
async def test_orders_of_a_paused_run_are_obeyed_after_its_end_and_repeated_as_the_first_time(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"mara.{kind}"
    async with paused(path, 2) as run:
        receipt = await run.order(Outage(site_id=site_of(run), duration_ticks=3))
        quote = await run.quote(QuoteRequest(tier="standard", power_mw=1.0, duration_h=12.0, customer="Acme"))
        still_open = await run.quote(QuoteRequest(tier="standard", power_mw=1.5, duration_h=12.0))
        booking = await run.book(quote.id)
        life = await run.archive.contract(booking.contract_id)
        assert (life.row.state, life.row.customer, life.windows) == ("waiting", "Acme", ())
        assert [row.id for row in await run.archive.contracts("waiting")] == [booking.contract_id]
    toolbox = Toolbox(settings_of(path))
    told = toolbox.contracts(ListContracts(state="waiting"))["contracts"]
    toolbox.close()
    assert [(row["id"], row["state"]) for row in told] == [(booking.contract_id, "waiting")]
    async with paused(path) as run:
        assert run.publisher.read().waiting_count == 2
        assert await run.book(quote.id) == booking
        assert (await run.book(still_open.id)).quote == still_open
        await on(run, 1)
        assert [row.state for row in await run.archive.orders()] == ["obeyed"] * 3
        assert (await run.archive.order(receipt.numbers[0])).tick == 2
        assert (await run.archive.contract(booking.contract_id)).row.state == "live"
        assert run.publisher.read().waiting_count == 0
        assert await run.book(quote.id) == booking
    assert maintenance.check(url_of(path)).findings == ()
    assert asked(path, "SELECT count(*) FROM sla_contracts WHERE customer = 'Acme'") == [(1,)]


async def test_a_simulation_obeys_what_waits_where_a_live_run_ended(tmp_path: Path) -> None:
    path = tmp_path / "mara.db"
    async with paused(path, 2) as run:
        await run.order(Outage(site_id=site_of(run), duration_ticks=3))
    store, engine = open_run(settings_of(path))
    simulate(engine, store, 2)
    assert store.orders.waiting() == ()
    assert [len(store.read_model.stored_tick(tick).commands) for tick in range(4)] == [0, 0, 1, 0]
    store.close()


async def test_an_order_is_confirmed_only_when_it_is_on_disk() -> None:
    here = stage(store=MemoryStore(order_refusals=[]))
    async with running(here):
        await here.stored(1)
        here.store.order_refusals.append(StoreBlocked("disk full at an order: nothing was lost: free space"))
        with pytest.raises(StoreBlocked, match="disk full at an order"):
            await here.platform.order(OUTAGE)
        await here.platform.order(OUTAGE)
        here.platform.step(2)
        await here.stored(3)
        assert [step.commands for step in here.store.steps] == [(), (OUTAGE,), ()]


async def test_an_order_whose_confirmation_was_lost_is_found_again() -> None:
    here = stage()
    async with running(here):
        await here.stored(1)
        add = here.store.orders.add

        def answered_by_an_error(*orders: object) -> None:
            add(*orders)  # type: ignore[arg-type]
            raise StoreError("the server went away at COMMIT")

        here.store.orders.add = answered_by_an_error  # type: ignore[assignment,method-assign]
        with pytest.raises(StoreError, match="COMMIT"):
            await here.platform.order(OUTAGE)
        here.platform.step(2)
        await here.stored(3)
        assert [step.commands for step in here.store.steps] == [(), (OUTAGE,), ()]


async def test_nothing_is_ordered_while_the_engine_is_degraded_halted_or_over() -> None:
    here = stage(store=MemoryStore(refusals=[StoreError("disk full at tick 0")] * 6))
    async with running(here):
        await here.in_state(EngineState.HALTED)
        with pytest.raises(EngineStopped, match=r"has halted \(halted at tick 0 after 6 tries: disk full.*order again"):
            await here.platform.order(OUTAGE)
        here.platform.resume()
        await here.stored(1)
        here.store.refusals += [StoreBlocked("disk full at tick 1")] * 100
        here.platform.step(1)
        await here.in_state(EngineState.DEGRADED)
        with pytest.raises(EngineStopped, match="is degraded"):
            await here.platform.order(OUTAGE)
        here.store.refusals.clear()
    with pytest.raises(EngineStopped, match="is ending"):
        await here.platform.order(OUTAGE)


async def test_several_orders_are_written_down_all_or_none() -> None:
    here = stage()
    async with running(here):
        await here.stored(1)
        with pytest.raises(CommandError, match="no site 'nowhere'"):
            await here.platform.order(OUTAGE, Outage(site_id="nowhere", duration_ticks=1))
        assert here.store.orders.waiting() == ()


async def test_a_waiting_order_can_be_withdrawn_and_an_obeyed_one_cannot() -> None:
    here = stage()
    async with running(here):
        await here.stored(1)
        here.platform.pause()
        first, second = await here.platform.order(OUTAGE), await here.platform.order(OUTAGE)
        await here.platform.orders.withdraw(first.numbers[0], "a slip")
        here.platform.step(1)
        await here.stored(2)
        assert [outcome.number for outcome in here.store.outcomes] == list(second.numbers)
        with pytest.raises(CommandError, match="does not wait"):
            await here.platform.orders.withdraw(second.numbers[0], "")


async def test_an_order_that_came_to_be_impossible_is_refused_by_its_tick_and_stops_nothing() -> None:
    here = stage()
    async with running(here):
        await here.stored(1)
        here.platform.pause()
        await here.platform.order(OUTAGE)
        waits = here.platform.orders._waiting

        def moved(command: Command) -> Command:
            return Outage(site_id="gone", duration_ticks=1)

        here.platform.orders._waiting = [replace(order, command=moved(order.command)) for order in waits]
        here.platform.step(1)
        await here.stored(2)
        assert [step.commands for step in here.store.steps] == [(), ()]
        assert "no site 'gone'" in here.store.outcomes[0].reason


async def test_an_order_that_comes_while_its_tick_is_stored_waits_for_the_next() -> None:
    here = stage()
    async with running(here):
        await here.stored(1)
        here.store.gate.clear()
        here.platform.step(2)
        await quiet()
        ordering = asyncio.create_task(here.platform.order(OUTAGE))
        await quiet()
        assert not ordering.done()  # one thread writes: the tick first
        here.store.gate.set()
        assert (await ordering).tick == 2
        await here.stored(3)
        assert [step.commands for step in here.store.steps] == [(), (), (OUTAGE,)]


async def test_a_tick_that_does_not_come_makes_the_engine_unready() -> None:
    here = stage()
    async with running(here):
        await here.stored(1)
        assert here.platform.overdue_s == 0.0
        here.store.gate.clear()
        await here.pass_time(TICK_S)
        assert unreadiness_of(here.platform.publisher.read(), here.platform.overdue_s) == ""
        await here.pass_time(6.0)
        assert "a tick has been due for 6 s" in unreadiness_of(here.platform.publisher.read(), here.platform.overdue_s)
        here.store.gate.set()
        await here.stored(2)
        here.platform.pause()
        await here.in_state(EngineState.PAUSED)
        await here.pass_time(100.0)
        assert here.platform.overdue_s == 0.0


async def test_a_file_that_was_put_back_is_gone_back_to(tmp_path: Path) -> None:
    """The run resumes from an older file, as after the loss of its write-ahead log."""
    path, older = tmp_path / "mara.db", tmp_path / "older.db"
    async with paused(path, 3) as run:
        maintenance.backup(url_of(path), older)
        await on(run, 2)
        with closing(sqlite3.connect(older)) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)
        run.step(2)
        await until(lambda: any("went back from tick 5 to 3" in event.text for event in shown_events(run)), 20.0)
        await until(lambda: shown_tick(run) == 4 and run.publisher.read().state is EngineState.PAUSED)
    assert maintenance.check(url_of(path)).findings == ()
    shutil.rmtree(tmp_path)
