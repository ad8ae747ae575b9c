"""A run on a PostgreSQL server equals the run in a file, and is as safe.

It is as hard to lose, to tear or to take over.
"""

import errno
import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import NoReturn

import pytest
from alembic import command

from mara.core.world import first_world
from mara.errors import ConfigError, StoreBlocked, StoreError, StoreRefused
from mara.store import maintenance
from mara.store.backends import postgres, server_connection, upgrade
from mara.store.backends.database import database_of
from mara.store.backends.postgres import PostgresServer
from mara.store.read.read_model import ReadModel
from mara.store.store import Store
from tests.forks import begun
from tests.postgres_server import Server, server_or_skip
from tests.store.databases import asked, connected, contents, tables_of, url_of
from tests.store.runs import append_until_killed, go_on, parts_at, small_charter, steps, stored_run
from tests.store.test_append_only import KEPT

SAME_ON_BOTH = ("ledger", "ticks", "plans", "sla_windows", "sla_intervals", "engine_parts", "checkpoints")
"""Tables that are equal in both kinds of databases.

Others hold a -0.0, which a file gives back as 0.0, or averages, whose last digit each rounds its own way.
"""


@pytest.fixture
def server() -> Server:
    return server_or_skip()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    server_or_skip()
    return tmp_path / "mara.pg"


@pytest.fixture
def empty(server: Server, tmp_path: Path) -> str:
    """An empty database, as an operator creates it."""
    return server.fresh(f"empty{abs(hash(str(tmp_path)))}", template="template0")


def test_a_run_has_the_same_ledger_and_hash_chain_on_a_server_as_in_a_file(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "mara.db"
    for place in (path, file):
        stored_run(place, 90).close()
    on_server, in_file = contents(path), contents(file)
    for stored in (on_server, in_file):
        stored["ticks"] = [row[:-1] for row in stored["ticks"]]
    assert on_server.keys() == in_file.keys()
    for table in SAME_ON_BOTH:
        assert on_server[table] == in_file[table] != [], table
    assert maintenance.check(url_of(path)).findings == ()


def test_many_sites_are_written_by_column_and_read_back_bit_for_bit(path: Path, tmp_path: Path) -> None:
    config = small_charter(postgres.MANY_ROWS)
    file = tmp_path / "mara.db"
    for place in (path, file):
        stored_run(place, 14, config).close()
    assert contents(path)["ledger"] == contents(file)["ledger"]
    report = maintenance.check(url_of(path))
    assert (report.ticks_count, report.findings) == (14, ())


def test_a_new_database_is_made_by_the_migrations_and_is_what_the_tables_say(empty: str) -> None:
    server = database_of(empty)
    assert not server.is_there()
    with pytest.raises(StoreRefused, match="there are none: run `mara simulate`"):
        ReadModel.open(empty)
    assert maintenance.upgrade(empty) is None
    assert server.revision() == upgrade.HEAD
    engine = server.editor()
    with engine.connect() as connection:
        command.check(upgrade.alembic_config(upgrade.MIGRATIONS, connection))
    engine.dispose()


def test_a_database_with_tables_of_another_program_is_left_alone(empty: str, server: Server) -> None:
    name = empty.partition("@/")[2].partition("?")[0]
    server.sql("CREATE TABLE cats (name text)", database=name)
    with pytest.raises(StoreRefused, match="tables of another program"):
        Store.open(empty)
    assert server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=name) == [(1,)]


def test_a_database_of_a_newer_mara_is_left_alone(path: Path) -> None:
    stored_run(path, 2).close()
    with connected(path) as other:
        other.execute("UPDATE alembic_version SET version_num = '9998'")
    with pytest.raises(StoreRefused, match="newer Mara"):
        Store.open(url_of(path))


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    empty: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("no SQL at all")

    monkeypatch.setattr("mara.store.schema.append_only._postgres", fails)
    with pytest.raises(StoreError, match="it is as it was"):
        maintenance.upgrade(empty)
    name = empty.partition("@/")[2].partition("?")[0]
    assert server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=name) == [(0,)]
    monkeypatch.undo()
    assert maintenance.upgrade(empty) is None


def test_a_second_writer_is_refused_with_the_process_of_the_first(path: Path) -> None:
    store = stored_run(path, 3)
    with pytest.raises(StoreRefused, match=rf"another Mara \(process {os.getpid()} on "):
        Store.open(url_of(path))
    go_on(store, 1)
    store.close()
    Store.open(url_of(path)).close()


def test_a_writer_that_closes_lets_the_next_one_in_at_once_however_busy_the_server_is(path: Path) -> None:
    store = stored_run(path, 3)
    held = "locktype = 'advisory' AND datname = current_database()"
    ((pid,),) = asked(path, f"SELECT pid FROM pg_stat_activity JOIN pg_locks USING (pid) WHERE {held}")
    os.kill(pid, signal.SIGSTOP)
    goes_on = Timer(0.2, os.kill, (pid, signal.SIGCONT))
    goes_on.start()
    store.close()
    Store.open(url_of(path)).close()
    goes_on.join()


def test_a_server_that_never_ends_a_connection_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_connection, "END_S", 0.2)
    line, server = socket.socketpair()
    with line, server, ThreadPoolExecutor() as beside:
        ended = beside.submit(server_connection._wait_for_the_end, line)
        with suppress(OSError):
            while not ended.done():
                server.sendall(b"more")
                time.sleep(0.01)
        ended.result()


def test_a_writer_lets_go_of_its_lock_where_no_descriptor_is_free(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored_run(path, 0).close()
    lease = database_of(url_of(path)).lease()

    def full(_: int) -> NoReturn:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("mara.store.backends.server_connection.os.dup", full)
    lease.release()
    Store.open(url_of(path)).close()


def test_a_writer_that_is_killed_lets_the_next_one_in_and_loses_no_acknowledged_tick(path: Path) -> None:
    stored_run(path, 0).close()
    for ticks_alive in (25, 3):
        last = _killed_after(ticks_alive, url_of(path))
        store = _opened_when_the_lock_is_free(url_of(path))
        assert store.read_model.next_tick() in (last + 1, last + 2)
        store.close()
    store = Store.open(url_of(path))
    go_on(store, 5)
    ticks = store.read_model.next_tick()
    store.close()
    undisturbed = path.with_stem("undisturbed")
    stored_run(undisturbed, ticks).close()
    assert contents(path) == contents(undisturbed)
    assert maintenance.check(url_of(path)).findings == ()


def test_a_server_that_was_away_is_shown_as_such_and_gone_on_with(path: Path) -> None:
    config = small_charter()
    store = stored_run(path, 5, config)
    loaded = store.load()
    assert loaded
    following = next(iter(steps(config, loaded[1], 1)))
    with connected(path) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    with pytest.raises(StoreBlocked, match="cannot be reached at tick 5"):
        store.append(*following)
    for _ in range(2):  # what a run does anyway: the same tick again
        try:
            store.append(*following, parts_at(5))
            break
        except StoreBlocked:
            continue
    assert store.read_model.next_tick() == 6
    with pytest.raises(StoreRefused, match="another Mara"):
        Store.open(url_of(path))
    store.close()
    assert maintenance.check(url_of(path)).findings == ()


def test_a_disk_that_is_full_is_named() -> None:
    class Full(Exception):  # noqa: N818  as the driver has it
        sqlstate = "53100"

    said = postgres.refusal_of("here", "tick 7", Full("could not extend file"))
    assert isinstance(said, StoreBlocked)
    assert str(said).startswith("disk full at tick 7")


def test_a_value_that_no_server_takes_is_no_reason_to_wait(path: Path) -> None:
    store = stored_run(path, 1)
    with pytest.raises(StoreError, match="failed at a note") as error, store.aside("a note") as connection:
        connection.exec_driver_sql("UPDATE engine_parts SET part = ? WHERE part = 'often'", ("nul \0",))
    assert not isinstance(error.value, StoreBlocked)
    go_on(store, 1)
    store.close()


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_a_kept_row_cannot_be_changed_deleted_or_emptied(kept: Path, table: str, statement: str) -> None:
    column = asked(kept, f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' LIMIT 1")[0][
        0
    ]
    with connected(kept) as other, pytest.raises(Exception, match=r"\w+ is append-only"):
        other.execute(statement.format(table, column, column))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    server_or_skip()
    path = tmp_path_factory.mktemp("kept") / "mara.pg"
    stored_run(path, 90).close()
    return path


def test_readers_cannot_write(path: Path) -> None:
    store = stored_run(path, 3)
    with pytest.raises(StoreRefused, match="cannot be written"):
        store.read_model.ask("DELETE FROM prices RETURNING tick")
    store.close()


def test_a_booking_waits_for_the_disk_and_an_ordinary_tick_does_not(path: Path) -> None:
    config = small_charter()
    store = stored_run(path, 0, config)
    waited = set()
    for step, plan, events in steps(config, first_world(config), 9):
        store.append(step, plan, events)
        with store._connection.begin():
            setting = store._connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
        waited.add((bool(step.accepted or step.commands), setting))
    store.close()
    assert waited == {(True, "on"), (False, "off")}


def test_init_sets_aside_what_is_there_and_never_deletes_it(path: Path) -> None:
    stored_run(path, 4).close()
    with pytest.raises(StoreRefused, match="--force"):
        maintenance.init(url_of(path))
    assert maintenance.init(url_of(path), force=True) == "schema public_set_aside_1"
    store = Store.open(url_of(path))
    assert store.run is None
    store.close()
    assert asked(path, "SELECT count(*) FROM public_set_aside_1.ticks") == [(4,)]
    assert "ticks" in tables_of(path)
    assert maintenance.init(url_of(path), force=True) == "schema public_set_aside_2"


def test_a_backup_is_for_the_server_s_own_tool(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pg_dump"):
        maintenance.backup(url_of(path), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_password_is_in_no_message_and_a_server_that_is_not_there_is_a_sentence() -> None:
    url = "postgresql://ann:secret@127.0.0.1:1/mara?application_name=secret"
    assert database_of(url).name == "postgresql://ann@127.0.0.1:1/mara"
    with pytest.raises(StoreBlocked, match=r"postgresql://ann@127.0.0.1:1/mara cannot be reached") as error:
        Store.open(url)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_url_without_a_database_is_refused_and_a_missing_driver_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError, match="names no database"):
        database_of("postgresql://ann@host")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install 'mara\[postgres\]'"):
        database_of("postgresql://ann@host/mara")


def test_both_spellings_of_the_url_name_the_same_server() -> None:
    plain, full = database_of("postgresql://h/d"), database_of("postgresql+psycopg://h/d")
    assert isinstance(plain, PostgresServer)
    assert plain == full


def _killed_after(ticks: int, url: str) -> int:
    """Kill a writer after some ticks; return the last tick that it knew as stored."""
    child, here = begun(append_until_killed, url)
    acknowledged = [here.recv() for _ in range(ticks)]
    child.kill()
    with suppress(EOFError, OSError):  # it died between two messages, or within one
        while True:
            acknowledged.append(here.recv())
    child.join()
    here.close()
    return int(acknowledged[-1])


def _opened_when_the_lock_is_free(url: str) -> Store:
    """Open the database once the server has noticed that its writer was killed."""
    for _ in range(200):
        with suppress(StoreRefused):
            return Store.open(url)
    return Store.open(url)
