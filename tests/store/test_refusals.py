"""A damaged or unknown database is refused in one line with the remedy.

It is never written over.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mara.errors import StoreRefused
from mara.store import maintenance
from mara.store.backends.backup import back_up_beside, backups_of, newest_good
from mara.store.store import Store
from tests.store.databases import url_of
from tests.store.runs import stored_run

pytestmark = pytest.mark.usefixtures("made_anew")

NOBODY = 65_534


@pytest.fixture(scope="module")
def run_made_anew(run_made_anew: Path) -> Path:
    """The same, with a backup."""
    back_up_beside(run_made_anew / "mara.db")
    return run_made_anew


def refusal_of(path: Path) -> str:
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreRefused) as refusal:
        Store.open(url_of(path))
    message = str(refusal.value)
    assert "\n" not in message
    assert (path.read_bytes() if path.is_file() else None) == before
    return message


def test_a_second_writer_is_refused_with_the_id_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "mara.db"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from mara.store.files.lock import WriterLock;"
            "lock = WriterLock.taken(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin
    assert holder.stdout
    with holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreRefused, match=f"process {holder.pid}"):
            Store.open(url_of(path))
        assert not path.exists()
        holder.stdin.close()
    Store.open(url_of(path)).close()


def test_two_stores_of_one_process_do_not_write_one_database_either(database: Path) -> None:
    store = Store.open(url_of(database))
    assert f"process {os.getpid()}" in refusal_of(database)
    store.close()
    Store.open(url_of(database)).close()


def test_an_empty_file_does_not_pass_for_a_fresh_start(database: Path) -> None:
    os.truncate(database, 0)
    message = refusal_of(database)
    assert "0 bytes" in message
    assert "mara.db.backup-0001" in message
    assert "mara db init --force" in message


def test_a_file_cut_short_is_refused(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)
    assert "is damaged" in refusal_of(database)


def test_a_page_of_noise_is_found_when_the_file_is_opened(database: Path) -> None:
    with database.open("r+b") as file:
        file.seek(5 * 4_096)
        file.write(os.urandom(8 * 4_096))
    message = refusal_of(database)
    assert "is damaged" in message
    assert "mara.db.backup-0001" in message


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no database " * 100, encoding="utf-8")
    assert "not an SQLite database" in refusal_of(text)

    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    assert "another program" in refusal_of(other)

    folder = tmp_path / "folder.db"
    folder.mkdir()
    assert "folder" in refusal_of(folder)


def test_a_write_ahead_log_without_its_database_is_not_swallowed_by_a_new_one(database: Path) -> None:
    log = database.with_name("mara.db-wal")
    log.write_bytes(b"left behind")
    database.unlink()
    assert "mara.db-wal" in refusal_of(database)
    assert log.read_bytes() == b"left behind"


def test_a_database_of_a_newer_mara_is_left_alone(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "newer Mara" in refusal_of(database)


def test_the_message_names_the_newest_backup_that_is_good(database: Path) -> None:
    newer = back_up_beside(database)
    newest = back_up_beside(database)
    os.truncate(newest, 5_000)
    os.truncate(database, 0)
    assert newest_good(database) == newer
    assert f"newest good backup is {newer.name}" in refusal_of(database)
    for backup in backups_of(database):
        os.truncate(backup, 0)
    assert "no good backup" in refusal_of(database)


@contextmanager
def powerless() -> Iterator[Path]:
    """A folder without the right to write into it; root becomes `nobody` for a while."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stored_run(folder / "mara.db", 3).close()
        folder.chmod(0o555)
        (folder / "mara.db").chmod(0o444)
        (folder / "mara.db.lock").chmod(0o666)
        was = os.geteuid()
        if was == 0:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(was)
            folder.chmod(0o755)


def test_a_read_only_database_is_refused() -> None:
    with powerless() as folder:
        assert "writable" in refusal_of(folder / "mara.db")


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_made() -> None:
    with powerless() as folder:
        assert "lock file" in refusal_of(folder / "new.db")


def test_init_makes_a_new_database_and_sets_the_old_one_aside(database: Path) -> None:
    with pytest.raises(StoreRefused, match="--force"):
        maintenance.init(url_of(database))
    os.truncate(database, 100)
    aside = maintenance.init(url_of(database), force=True)
    assert aside
    assert Path(aside).stat().st_size == 100
    store = Store.open(url_of(database))
    assert store.run is None
    store.close()
    assert maintenance.init(url_of(database), force=True) != aside
    assert maintenance.init(url_of(database.with_name("other.db"))) is None


def test_init_does_not_pull_a_database_from_under_a_running_mara(database: Path) -> None:
    store = Store.open(url_of(database))
    with pytest.raises(StoreRefused, match="process"):
        maintenance.init(url_of(database), force=True)
    store.close()


def test_a_backup_of_a_live_database_holds_what_its_log_holds(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with pytest.raises(StoreRefused, match="there is none"):
        maintenance.backup(url_of(tmp_path / "nothing.db"), copy)
    maintenance.backup(url_of(database), copy)
    with pytest.raises(StoreRefused, match="exists already"):
        maintenance.backup(url_of(database), copy)
    store = Store.open(url_of(copy))
    assert store.read_model.next_tick() == 30
    store.close()
    assert maintenance.check(url_of(copy)).is_sound
