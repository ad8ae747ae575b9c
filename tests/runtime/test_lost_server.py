"""A live run whose PostgreSQL server fails, in each way in which servers fail.

It is cut off, restarted, crashed, frozen, silent, exchanged or taken over.
"""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import sqlalchemy

from mara.api.routes.reads import unreadiness_of
from mara.bootstrap import platform_of
from mara.core.commands import Outage
from mara.errors import EngineStopped, StoreError
from mara.runtime.live import loop
from mara.runtime.live.platform import Platform
from mara.runtime.live.supervisor import RetryPolicy
from mara.runtime.published_state import EngineState
from mara.settings import read_settings
from mara.store import maintenance, store
from mara.store.backends import server_connection
from mara.store.store import Store
from tests.postgres_server import Server, server_or_skip
from tests.runtime.made_up import shown_events, until
from tests.store.databases import asked, connected, url_of
from tests.store.proxy import line_to

PATIENCE_S = 30.0
STEP = 3


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SLOW_STORE_S", 0.3)
    monkeypatch.setattr(store, "ANSWER_S", 1.0)
    monkeypatch.setattr(server_connection, "CONNECT_TIMEOUT_S", 2)


@pytest.fixture
def server() -> Server:
    return server_or_skip()


@asynccontextmanager
async def stepped(url: str) -> AsyncIterator[Platform]:
    """A live run that is paused after some ticks."""
    settings = read_settings(env={}, options={"database_url": url, "speed": 1.0, "optimizer": "rules"})
    run = platform_of(settings, RetryPolicy(first_wait_s=0.05, longest_wait_s=0.05))
    await run.start()
    try:
        await on(run, STEP)
        yield run
    finally:
        await run.stop()


async def on(run: Platform, ticks: int) -> None:
    """Step on by some ticks, and wait until they are shown, whatever fails meanwhile."""
    wanted = shown_tick(run) + ticks
    run.step(ticks)
    await until(lambda: shown_tick(run) >= wanted and state(run) is EngineState.PAUSED, PATIENCE_S)


def shown_tick(run: Platform) -> int:
    snapshot = run.publisher.read().snapshot
    return -1 if snapshot is None else snapshot.tick


def state(run: Platform) -> EngineState:
    return run.publisher.read().state


def reason(run: Platform) -> str:
    return run.publisher.read().reason


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """Stop every process of the server, as moving its virtual machine does."""
    pids = [int(str(row[0])) for row in server.sql("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")]
    pids.append(int((server.folder / "data" / "postmaster.pid").read_text().splitlines()[0]))
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def test_a_server_that_crashed_and_lost_ticks_is_gone_back_to_and_the_run_goes_on(
    server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "mara.pg"
    async with stepped(url_of(path)) as run:
        ordered = await run.order(Outage(site_id=first_site(run), duration_ticks=2))
        await on(run, 1)  # waits for the disk, and with it all before it
        memory = shown_tick(run)
        kept = await lose_ticks(server, run, path)
        assert kept > memory
        run.step(STEP)
        await until(lambda: shown_tick(run) == kept + STEP - 1 and state(run) is EngineState.PAUSED, PATIENCE_S)
        assert any("went back from tick" in event.text for event in shown_events(run))
        assert (await run.archive.order(ordered.numbers[0])).state == "obeyed"
    assert maintenance.check(url_of(path)).findings == ()
    assert asked(path, "SELECT count(*) FROM events WHERE kind = 'store'") == [(1,)]


async def lose_ticks(server: Server, run: Platform, path: Path) -> int:
    """Crash the server before its last ticks are on disk, and return the kept count.

    It tries up to twenty times, because the server may be quick enough to keep them.
    """
    for _ in range(20):
        await on(run, STEP)
        stood = shown_tick(run) + 1
        server.crash()
        server.start()
        kept = asked(path, "SELECT seq FROM engine_state")[0][0]
        if kept < stood:
            return int(kept)
        await on(run, 1)
    pytest.skip("the server was never quick enough to lose a tick")


def first_site(run: Platform) -> str:
    snapshot = run.publisher.read().snapshot
    assert snapshot is not None
    return snapshot.sites[0].id


async def test_a_server_that_restarts_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "mara.pg"
    async with stepped(url_of(path)) as run:
        server.run("pg_ctl", "stop", "-m", "fast", "-w")
        with pytest.raises((EngineStopped, StoreError)):
            await run.order(Outage(site_id=first_site(run), duration_ticks=2))
        run.step(STEP)
        await until(lambda: state(run) is EngineState.DEGRADED, PATIENCE_S)
        assert "cannot be reached" in reason(run)
        with pytest.raises(EngineStopped, match="is degraded"):
            await run.order(Outage(site_id=first_site(run), duration_ticks=2))
        server.start()
        await until(lambda: state(run) is EngineState.PAUSED, PATIENCE_S)
        assert shown_tick(run) == 2 * STEP - 1
        await run.order(Outage(site_id=first_site(run), duration_ticks=2))
        await on(run, 1)
    assert maintenance.check(url_of(path)).findings == ()


async def test_a_frozen_server_is_shown_within_seconds_and_gone_on_with(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "mara.pg"
    async with stepped(url_of(path)) as run:
        with frozen(server):
            run.step(STEP)
            await until(lambda: bool(unreadiness_of(run.publisher.read(), run.overdue_s)), 2.0)
            assert "has not answered" in reason(run) or "cannot be reached" in reason(run)
            await until(lambda: "cannot be reached" in reason(run), PATIENCE_S)
        await until(lambda: state(run) is EngineState.PAUSED, PATIENCE_S)
        assert shown_tick(run) == 2 * STEP - 1
    assert maintenance.check(url_of(path)).findings == ()


async def test_a_network_that_swallows_everything_is_hung_up_on_and_gone_on_with(
    server: Server, tmp_path: Path
) -> None:
    path = tmp_path / "mara.pg"
    database = sqlalchemy.make_url(url_of(path)).database
    with line_to(server.folder / ".s.PGSQL.5432") as line:
        async with stepped(f"postgresql://{server.user}@127.0.0.1:{line.port}/{database}") as run:
            line.swallow()
            run.step(STEP)
            await until(lambda: "cannot be reached" in reason(run), PATIENCE_S)
            line.flow()
            await until(lambda: state(run) is EngineState.PAUSED, PATIENCE_S)
            assert shown_tick(run) == 2 * STEP - 1
    assert maintenance.check(url_of(path)).findings == ()


async def test_a_fresh_server_in_its_place_is_refused_with_the_remedy(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "mara.pg"
    async with stepped(url_of(path)) as run:
        with connected(path) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            other.execute("ALTER SCHEMA public RENAME TO kept")
            other.execute("CREATE SCHEMA public")
        run.step(1)
        await until(lambda: state(run) is EngineState.HALTED, PATIENCE_S)
        assert "point MARA_DATABASE_URL at the database that holds the run" in reason(run)
        with connected(path) as other:
            assert other.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
            other.execute("DROP SCHEMA public")
            other.execute("ALTER SCHEMA kept RENAME TO public")
        await on(run, STEP)
        assert shown_tick(run) == 2 * STEP - 1
    assert maintenance.check(url_of(path)).findings == ()


async def test_another_run_in_its_place_is_refused_with_the_remedy(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "mara.pg"
    async with stepped(url_of(path)) as run:
        with connected(path) as other:
            other.execute("SET session_replication_role = replica")
            other.execute("UPDATE runs SET run_id = 'another'")
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        run.step(1)
        await until(lambda: state(run) is EngineState.HALTED, PATIENCE_S)
        assert "holds run another" in reason(run)
        assert "MARA_DATABASE_URL" in reason(run)


async def test_a_lock_that_another_mara_took_halts_the_run_until_that_one_ends(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "mara.pg"
    async with stepped(url_of(path)) as run:
        with connected(path) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        thief = Store.open(url_of(path))
        run.step(1)
        await until(lambda: state(run) is EngineState.HALTED, PATIENCE_S)
        assert "is being written by another Mara" in reason(run)
        assert "stop that one" in reason(run)
        thief.close()
        await on(run, STEP)
        assert shown_tick(run) == 2 * STEP - 1
    assert maintenance.check(url_of(path)).findings == ()
