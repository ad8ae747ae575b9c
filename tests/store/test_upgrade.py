"""The schema equals the declared tables; an upgrade makes a backup and is atomic."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory

from mara.errors import StoreError
from mara.store import maintenance
from mara.store.backends import upgrade
from mara.store.backends.backup import KEPT_BACKUPS, back_up_beside, backups_of
from mara.store.backends.sqlite_connection import writer_engine
from mara.store.store import Store
from tests.store.databases import contents, url_of

pytestmark = pytest.mark.usefixtures("made_anew")

NEXT = "9999"
HARMLESS = 'op.execute("ALTER TABLE events ADD COLUMN colour TEXT")'
FAILING = HARMLESS + '\n    op.execute("DELETE FROM prices")\n    op.execute("no SQL at all")'
COMMITTING = (
    'op.get_bind().connection.driver_connection.execute("DELETE FROM prices")\n'
    '    op.get_bind().connection.driver_connection.execute("COMMIT")\n    raise ValueError("too late")'
)
ORPHANING = 'op.execute("DROP TRIGGER sla_contracts_no_delete")\n    op.execute("DELETE FROM sla_contracts")'
REBUILDING = (
    'with op.batch_alter_table("sla_contracts") as batch:\n        batch.alter_column("customer", nullable=True)'
)


def migrations_with(folder: Path, body: str) -> Path:
    copy = folder / "migrations"
    shutil.copytree(upgrade.MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    head = f'revision = "{NEXT}"\ndown_revision = "{upgrade.HEAD}"'
    text = f"from alembic import op\n\n{head}\n\n\ndef upgrade():\n    {body}\n"
    (copy / "versions" / f"{NEXT}_more.py").write_text(text, encoding="utf-8")
    return copy


def migrated(path: Path) -> Path:
    """A database made by all migrations, one after another, from an empty file."""
    path.touch()
    upgrade.migrate(path, upgrade.MIGRATIONS)
    return path


def everything_in(path: Path) -> tuple[list[tuple[object, ...]], ...]:
    """Tables, indices and triggers as they were declared, the version, and what the file itself says."""
    asked = (
        "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid",
        "SELECT * FROM alembic_version",
        *(f"PRAGMA {name}" for name in ("journal_mode", "page_size", "encoding", "auto_vacuum", "user_version")),
    )
    with closing(sqlite3.connect(path)) as connection:
        return tuple(connection.execute(query).fetchall() for query in asked)


def test_a_new_database_is_what_all_migrations_make(tmp_path: Path) -> None:
    made, new = migrated(tmp_path / "migrated.db"), tmp_path / "mara.db"
    upgrade.create(new)
    assert everything_in(new) == everything_in(made), "run: python scripts/new_database.py"
    with closing(sqlite3.connect(new)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert [n for n in names if connection.execute(f"SELECT 1 FROM {n}").fetchone()] == ["alembic_version"]


def test_the_migrations_make_the_tables_that_the_code_has(tmp_path: Path) -> None:
    path = migrated(tmp_path / "mara.db")
    engine = writer_engine(path)
    with engine.connect() as connection:
        config = upgrade.alembic_config(upgrade.MIGRATIONS, connection)
        command.check(config)
        assert ScriptDirectory.from_config(config).get_heads() == [upgrade.HEAD]
    engine.dispose()
    assert upgrade.revision_of(path) == upgrade.HEAD


def test_every_table_is_strict_so_that_text_never_lands_in_a_number(tmp_path: Path) -> None:
    path = tmp_path / "mara.db"
    upgrade.create(path)
    with closing(sqlite3.connect(path)) as connection:
        made = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
        del made["alembic_version"]
        assert made
        assert [name for name, sql in made.items() if "STRICT" not in sql] == []
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO engine_state VALUES (1, 'abc', 0, x'00')")


def test_nothing_of_an_unfinished_database_stands_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mara.db"

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(upgrade, "sync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Store.open(url_of(path))
    assert not path.exists()
    monkeypatch.undo()
    Store.open(url_of(path)).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mara.db", "mara.db.lock"]


def test_an_upgrade_makes_a_good_backup_first(database: Path, tmp_path: Path) -> None:
    before = contents(database)
    backup = upgrade.upgrade(database, migrations_with(tmp_path, HARMLESS))
    assert backup
    assert upgrade.revision_of(database) == NEXT
    assert upgrade.revision_of(backup) == upgrade.HEAD
    assert contents(backup) == before


def test_an_upgrade_may_rebuild_a_table_that_others_refer_to(database: Path, tmp_path: Path) -> None:
    before = contents(database)["sla_contracts"]
    upgrade.upgrade(database, migrations_with(tmp_path, REBUILDING))
    assert contents(database)["sla_contracts"] == before != []


@pytest.mark.parametrize("body", [FAILING, ORPHANING, COMMITTING], ids=["failing", "orphaning", "committing"])
def test_a_migration_that_fails_leaves_the_database_as_it_was(database: Path, tmp_path: Path, body: str) -> None:
    before = contents(database)
    with pytest.raises(StoreError, match="it is as it was") as error:
        upgrade.upgrade(database, migrations_with(tmp_path, body))
    assert "\n" not in str(error.value)
    assert contents(database) == before
    assert maintenance.check(url_of(database)).is_sound


def test_five_backups_are_kept(database: Path) -> None:
    made = [back_up_beside(database) for _ in range(KEPT_BACKUPS + 2)]
    assert backups_of(database) == made[:1:-1]


def test_a_database_of_this_mara_is_not_backed_up_or_changed_by_an_upgrade(database: Path) -> None:
    assert maintenance.upgrade(url_of(database)) is None
    assert backups_of(database) == []


def test_upgrade_makes_a_database_where_there_is_none(tmp_path: Path) -> None:
    assert maintenance.upgrade(url_of(tmp_path / "mara.db")) is None
    assert (tmp_path / "mara.db").exists()
