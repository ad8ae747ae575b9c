"""`mara db check` names any change in a stored run, or declares it not covered.

SOAK=1 in the environment takes the long form: each column of each table, 100 changes, and 400 bits, of which some 160
mean something.
"""

import os
import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mara.errors import MaraError, StoreRefused
from mara.store import maintenance
from mara.store.backends.database import database_of
from mara.store.check.coverage import COVERAGE
from mara.store.check.findings import findings_in
from mara.store.check.schema_check import schema_columns
from mara.store.store import Store
from mara.store.write.statements import RAW_DAYS
from tests.store.changes import DELETE, INSERT, UPDATE, Change, drawn, dump, flip, full_run, make, make_in
from tests.store.databases import KINDS, columns_of, connected, copied, tamper, url_of

IS_LONG = os.environ.get("SOAK", "") not in {"", "0"}
CHANGES, ON_A_SERVER, BITS = (100, 100, 400) if IS_LONG else (60, 10, 40)
TICKS = 62


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = full_run(tmp_path_factory.mktemp("pristine") / "mara.db", TICKS)
    assert maintenance.check(url_of(path)).findings == ()
    return path


def told(path: Path) -> tuple[str, ...]:
    """The findings of the check, or its refusal to open; other errors fail the test."""
    try:
        return maintenance.check(url_of(path)).findings
    except MaraError as error:
        return (f"refused: {error}",)


def unseen(source: Path, target: Path, changes: list[tuple[Change, int]]) -> list[str]:
    """Changes whose table was neither reported nor declared as not covered."""
    left: list[str] = []
    for change, seed in changes:
        path = copied(source, target)
        if not make(path, change, Random(seed)):
            continue
        findings = told(path)
        if change.column in COVERAGE[change.table].not_covered:
            continue
        if not any(change.table in finding for finding in findings):
            left.append(f"{change} {seed}: {findings[:3]}")
    return left


def test_random_changes_over_all_tables_are_found_and_named(pristine: Path, tmp_path: Path) -> None:
    random = Random(11)
    changes = [(change, random.randrange(1_000)) for change in drawn(pristine, random, CHANGES)]
    assert unseen(pristine, tmp_path / "mara.db", changes) == []


def test_random_changes_on_a_server_are_found_and_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    source = full_run(tmp_path_factory.mktemp("pristine") / "mara.pg", TICKS)
    assert maintenance.check(url_of(source)).findings == ()
    random, database = Random(12), database_of(url_of(source))
    engine = database.editor()
    for change in drawn(source, random, ON_A_SERVER):
        with engine.connect() as connection:  # each change is taken back, which is faster than a copy for each
            driver: Any = connection.connection.driver_connection
            driver.execute("SET LOCAL session_replication_role = replica")
            driver.execute("SAVEPOINT before")
            if make_in(driver, columns_of(source, change.table), change, random):
                findings = findings_in(database, connection, RAW_DAYS).said
                named = any(change.table in finding for finding in findings)
                assert named or change.column in COVERAGE[change.table].not_covered, (change, findings)
            driver.rollback()
    engine.dispose()


@pytest.mark.skipif(not IS_LONG, reason="each column of each table: the long form, with SOAK=1")
def test_a_change_of_any_column_is_found_or_declared_as_not_covered(pristine: Path, tmp_path: Path) -> None:
    changes = [
        (change, seed)
        for table, columns in schema_columns().items()
        for change in (Change(DELETE, table), Change(INSERT, table), *(Change(UPDATE, table, c) for c in columns))
        for seed in range(2)
    ]
    assert unseen(pristine, tmp_path / "mara.db", changes) == []


def is_found_without_its_rows(table: str) -> bool:
    """True if the check claims to notice that all rows of a table are gone.

    It does not where rows can be removed from an end that nothing else records.
    """
    return not COVERAGE[table].by.startswith("nothing") and "taken from its end" not in COVERAGE[table].by


@pytest.mark.parametrize("table", sorted(filter(is_found_without_its_rows, schema_columns())))
def test_a_table_without_its_rows_is_found(pristine: Path, tmp_path: Path, table: str) -> None:
    path = copied(pristine, tmp_path / "mara.db")
    tamper(path, [f"DELETE FROM {table}"])
    assert any(table in finding for finding in told(path)[:-1])


def test_a_missing_table_is_found(pristine: Path, tmp_path: Path) -> None:
    path = copied(pristine, tmp_path / "mara.db")
    with_rows = "DROP TABLE claude_runs"
    with pytest.raises(AssertionError):  # a table that goes counts no rows
        tamper(path, [with_rows])
    assert told(path) == ("table claude_runs: missing",)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_columns_and_tables_are_found_in_both_kinds(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"mara.{kind}"
    Store.open(url_of(path)).close()
    with connected(path) as connection:
        for change in ("ALTER TABLE alert_log DROP COLUMN subject", "DROP TABLE quotes"):
            connection.execute(change)
    assert told(path)[:2] == ("table alert_log: its column subject is missing", "table quotes: missing")


@pytest.mark.parametrize("table", ["engine_state", "runs", "checkpoints"])
def test_a_run_without_its_first_rows_is_not_gone_on_with(pristine: Path, tmp_path: Path, table: str) -> None:
    path = copied(pristine, tmp_path / "mara.db")
    tamper(path, [f"DELETE FROM {table}"])
    with pytest.raises(StoreRefused, match="run `mara db check`"):
        Store.open(url_of(path))


def test_random_bits_are_found_or_mean_nothing(pristine: Path, tmp_path: Path) -> None:
    as_it_was = dump(pristine)
    counts = {"found": 0, "refused": 0, "without effect": 0}
    for seed in range(BITS):
        path = Path(shutil.copy(pristine, tmp_path / "mara.db"))
        where = flip(path, Random(seed))
        findings, now = told(path), dump(path)
        if not findings:
            assert now == as_it_was, (where, findings)
        counts[
            "refused" if findings and findings[0].startswith("refused") else "found" if findings else "without effect"
        ] += 1
    assert counts["found"] > counts["without effect"] / 2
