"""The live run on a real database that is locked, full or taken over.

The state is shown within a tick, and nothing is lost.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest

from mara.bootstrap import platform_of
from mara.errors import CommandError
from mara.runtime.live.platform import Platform
from mara.runtime.live.supervisor import RetryPolicy
from mara.runtime.published_state import EngineState
from mara.runtime.replay_check import replayed
from mara.runtime.tick.site_maintenance import grid_of, maintenance_at, retraction_of
from mara.settings import read_settings
from mara.store import maintenance
from mara.store.backends.sqlite_connection import pragma
from tests.runtime.made_up import quiet, until
from tests.store.databases import KINDS, connected, url_of


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mara.store.backends.sqlite_connection.BUSY_TIMEOUT_S", 0.02)


@asynccontextmanager
async def stepped(folder: Path, ticks: int, *, kind: str = "db") -> AsyncIterator[Platform]:
    """A live run on a real database, paused after some ticks."""
    options = {"database_url": url_of(folder / f"mara.{kind}"), "speed": 1.0, "optimizer": "rules"}
    settings = read_settings(env={}, options=options)
    run = platform_of(settings, RetryPolicy(first_wait_s=0.05, longest_wait_s=0.05))
    await run.start()
    try:
        await step(run, ticks)
        yield run
    finally:
        await run.stop()
    report = maintenance.check(settings.database_url)
    assert report.findings == ()


async def step(run: Platform, ticks: int) -> None:
    run.step(ticks)
    await asyncio.sleep(0)
    await until(lambda: run.publisher.read().state is EngineState.PAUSED)


def shown_tick(run: Platform) -> int:
    snapshot = run.publisher.read().snapshot
    assert snapshot is not None
    return snapshot.tick


async def test_a_database_locked_by_another_program_is_shown_and_gone_on_with(tmp_path: Path) -> None:
    async with stepped(tmp_path, 3) as run:
        with closing(sqlite3.connect(tmp_path / "mara.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            run.step(2)
            await until(lambda: run.publisher.read().state is EngineState.DEGRADED)
            assert "locked by another program at tick 3" in run.publisher.read().reason
            assert len(await run.series(24)) == 3
            assert shown_tick(run) == 2
            other.execute("ROLLBACK")
        await until(lambda: run.publisher.read().state is EngineState.PAUSED)
        assert shown_tick(run) == 4
        assert run.publisher.read().reason == ""


async def test_a_database_that_is_taken_away_halts_the_run_at_once_and_what_was_not_stored_is_not_shown(
    tmp_path: Path,
) -> None:
    file, away = tmp_path / "mara.db", tmp_path / "away"
    async with stepped(tmp_path, 3) as run:
        file.rename(away)
        await until(lambda: run.publisher.read().state is EngineState.HALTED)  # nobody stepped: it looks by itself
        assert "mara.db was removed while it was in use" in run.publisher.read().reason
        run.step(2)
        await asyncio.sleep(0.05)
        await until(lambda: run.publisher.read().state is EngineState.HALTED)
        assert shown_tick(run) == 2
        away.rename(file)
        await step(run, 2)
        assert shown_tick(run) == 4


async def test_a_full_disk_is_shown_reads_go_on_and_the_run_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async with stepped(tmp_path, 3) as run:
        store = run._opened.store
        pragma(store._connection, "max_page_count = 1")  # no more pages than there are
        run.step(200)
        await until(lambda: run.publisher.read().state is EngineState.DEGRADED)
        await until(lambda: run.metrics.restarts_count > 2 * RetryPolicy().most_tries)
        assert run.publisher.read().state is EngineState.DEGRADED
        full = run.publisher.read().reason
        assert "disk full at tick" in full
        frozen = shown_tick(run)
        assert len(await run.series(24)) == frozen + 1
        pragma(store._connection, "max_page_count = 1000000")
        await until(lambda: run.publisher.read().state is EngineState.PAUSED, within_s=30.0)
        assert shown_tick(run) == 202


async def test_a_server_that_is_away_for_a_while_is_shown_and_gone_on_with(tmp_path: Path) -> None:
    async with stepped(tmp_path, 3, kind="pg") as run:
        before = await run.archive.ledger()
        with connected(tmp_path / "mara.pg") as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        run.step(3)
        await until(lambda: run.publisher.read().state is EngineState.DEGRADED)
        assert "cannot be reached at tick 3" in run.publisher.read().reason
        await until(lambda: run.publisher.read().state is EngineState.PAUSED)
        assert shown_tick(run) == 5
        after = await run.archive.ledger()
        assert (before.ticks_count, after.ticks_count) == (3, 6)
        assert after.balance_micro_usd == after.balance_wh == 0


async def test_a_run_taken_over_by_another_writer_halts_and_says_so(tmp_path: Path) -> None:
    async with stepped(tmp_path, 2) as run:
        with closing(sqlite3.connect(tmp_path / "mara.db", isolation_level=None)) as other:
            other.execute("UPDATE engine_state SET writer_run = writer_run + 1")
        run.step(1)
        await until(lambda: run.publisher.read().state is EngineState.HALTED)
        assert "another writer" in run.publisher.read().reason
        await quiet()
        assert shown_tick(run) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_maintenance_that_is_taken_back_stays_so_after_a_restart_and_its_ticks_replay(
    tmp_path: Path, kind: str
) -> None:
    async with stepped(tmp_path, 2, kind=kind) as run:
        snapshot = run.publisher.read().snapshot
        assert snapshot is not None
        site_id = next(contract.site_id for contract in snapshot.contracts if contract.site_id)
        begins_at = (snapshot.at + timedelta(days=4)).replace(minute=0)
        told = maintenance_at(site_id, begins_at, begins_at + timedelta(hours=2), "pump", snapshot)
        await run.exclude(*told.asked)
        run.step(1)
        await until(lambda: shown_tick(run) == 2)
        assert len(await run.archive.exclusions_ahead()) == len(told.asked)
        back = retraction_of(site_id, "", begins_at, grid_of(snapshot))
        assert (await run.order(back, only_look=True)).numbers == ()
        assert len((await run.order(back)).numbers) == 1
    async with stepped(tmp_path, 1, kind=kind) as again:
        await until(lambda: shown_tick(again) == 3)
        assert await again.archive.exclusions_ahead() == ()
        (row,) = (await again.archive.contract(told.asked[0].contract_id)).exclusions
        assert (row.retracted_by, row.site_id, row.starts_at) == ("operator", site_id, begins_at)
        assert row.retracted_at == snapshot.at + timedelta(minutes=2 * snapshot.tick_minutes)
        reading = again._opened.store.read_model
        assert replayed(reading, reading.run().run_id, 3).differs == ()
        with pytest.raises(CommandError, match="is over, is being taken back"):
            await again.order(back)
