"""Locks that keep other programs from damaging a live database."""

import subprocess
import sys
from pathlib import Path

from mara.store import maintenance
from mara.store.access.users import AccessEvent, User, UserStore
from mara.store.store import Store
from tests.store.databases import url_of
from tests.store.runs import go_on, stored_run

BY = AccessEvent(at_epoch_s=0, actor="test", address="", action="prepared")
LOOK = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT count(*) FROM ticks'); c.close()"
"""Program that only reads; the last connection to close deletes the log."""


def test_another_program_that_looks_takes_nothing_from_a_store_opened_beside_users(tmp_path: Path) -> None:
    database = tmp_path / "mara.db"
    stored_run(database, 3).close()
    people = UserStore.open(url_of(database))
    people.add(User(name="ada", role="viewer"), "", by=BY)
    store = Store.open(url_of(database))
    try:
        go_on(store, 2)
        subprocess.run([sys.executable, "-c", LOOK, str(database)], check=True, timeout=30)
        assert database.with_name("mara.db-wal").exists()
        go_on(store, 2)
        subprocess.run([sys.executable, "-c", LOOK, str(database)], check=True, timeout=30)
        assert maintenance.check(url_of(database)).ticks_count == 7
    finally:
        store.close()
        people.close()
    assert maintenance.check(url_of(database)).ticks_count == 7
