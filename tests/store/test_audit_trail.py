"""`mara db check` finds what was changed behind Mara's back, and finds nothing where nothing was."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mara.store import upkeep
from tests.store.runs import stored_run, url_of


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pristine") / "mara.db"
    stored_run(path, 100).close()
    return path


@pytest.fixture
def database(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(pristine, tmp_path / "mara.db"))


def tampered(database: Path, *statements: str) -> tuple[str, ...]:
    """What the check says after somebody who knows how has been at the file."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
    return upkeep.check(url_of(database)).findings


def test_a_database_that_nobody_touched_is_sound(pristine: Path) -> None:
    report = upkeep.check(url_of(pristine))
    assert report.is_sound
    assert report.ticks_count == 100


def test_an_empty_database_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "mara.db"
    upkeep.init(url_of(path))
    assert upkeep.check(url_of(path)).is_sound


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        (
            "UPDATE ledger SET mining_micro_usd = mining_micro_usd + 1 WHERE tick = 7 AND site = 0",
            "out of balance by 1",
        ),
        (
            "UPDATE ledger SET mining_micro_usd = mining_micro_usd + 1, cash_micro_usd = cash_micro_usd - 1"
            " WHERE tick = 7 AND site = 0",
            "tick 7: its ledger, commands or plan",
        ),
        ("UPDATE ledger SET cooling_wh = 1 WHERE tick = 8 AND site = 1", "Wh"),
        ("DELETE FROM ledger WHERE tick = 9", "tick 9: its ledger"),
        ("UPDATE prices SET dry_bulb_c = dry_bulb_c + 0.1 WHERE tick = 9 AND site = 1", "tick 9: its prices"),
        ("UPDATE markets SET demand = '[[],[]]' WHERE tick = 3", "tick 3: its prices, market"),
        ("UPDATE allocations SET gpu_w = gpu_w + 1 WHERE tick = 4 AND site = 2", "tick 4: its prices, market or alloc"),
        ("UPDATE plans SET content = x'00' WHERE from_tick = 24", "tick 24: its ledger, commands or plan"),
        ("UPDATE ticks SET commands = NULL WHERE tick = 40", "tick 40: its ledger, commands or plan"),
        ("UPDATE ticks SET raw_hash = world_hash WHERE tick = 5", "tick 5: its hash does not follow"),
        ("UPDATE ticks SET revenue_micro_usd = revenue_micro_usd + 1 WHERE tick = 6", "tick 6: its totals"),
        ("DELETE FROM ticks WHERE tick = 99", "do not end there"),
        ("UPDATE audit SET actor = 'nobody' WHERE number = 1", "audit entry 1"),
        ("UPDATE checkpoints SET content = (SELECT content FROM checkpoints LIMIT 1)", "the stored world"),
    ],
)
def test_a_row_that_was_changed_is_found(database: Path, statement: str, finding: str) -> None:
    findings = tampered(database, statement)
    assert any(finding in said for said in findings), findings


def test_a_damaged_page_is_reported_and_not_read_on(database: Path) -> None:
    with database.open("r+b") as file:
        file.seek(40 * 4_096)
        file.write(b"\xff" * 4_096)
    findings = upkeep.check(url_of(database)).findings
    assert findings[0].startswith("page fault")
