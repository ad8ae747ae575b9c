"""`mara db check` finds every change made without Mara, and reports no others."""

from pathlib import Path

import pytest

from mara.store import maintenance
from tests.store.databases import KINDS, ON_A_SERVER, copied, tamper, url_of
from tests.store.runs import stored_run


@pytest.fixture(scope="module", params=KINDS)
def pristine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pristine") / f"mara.{request.param}"
    stored_run(path, 100).close()
    return path


@pytest.fixture
def database(pristine: Path, tmp_path: Path) -> Path:
    return copied(pristine, tmp_path / pristine.name)


def tampered(database: Path, *statements: str) -> tuple[str, ...]:
    """The result of the check after an informed attacker changed the database."""
    tamper(database, statements)
    return maintenance.check(url_of(database)).findings


def test_a_database_that_nobody_touched_is_sound(pristine: Path) -> None:
    report = maintenance.check(url_of(pristine))
    assert report.is_sound
    assert report.ticks_count == 100


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_database_is_sound(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"mara.{kind}"
    maintenance.upgrade(url_of(path))
    assert maintenance.check(url_of(path)).is_sound


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
            "ledger, tick 7: not what was written",
        ),
        ("UPDATE ledger SET cooling_wh = 1 WHERE tick = 8 AND site = 1", "Wh"),
        ("DELETE FROM ledger WHERE tick = 9 AND site = 1", "ledger, tick 9 site 1"),
        ("UPDATE prices SET dry_bulb_c = dry_bulb_c + 0.1 WHERE tick = 9 AND site = 1", "prices, tick 9"),
        ("UPDATE markets SET demand = '[[],[]]' WHERE tick = 3", "markets, tick 3"),
        ("UPDATE allocations SET gpu_w = gpu_w + 1 WHERE tick = 4 AND site = 2", "allocations, tick 4"),
        ("UPDATE plans SET content = x'00' WHERE from_tick = 24", "plans, from_tick 24: not what was written"),
        ("UPDATE ticks SET commands = NULL WHERE tick = 40", "ticks, tick 40: its commands"),
        ("UPDATE ticks SET raw_hash = world_hash WHERE tick = 5", "ticks, tick 5: its hash does not follow"),
        ("UPDATE ticks SET revenue_micro_usd = revenue_micro_usd + 1 WHERE tick = 6", "ticks, tick 6: its totals"),
        ("DELETE FROM ticks WHERE tick = 99", "engine_state, number 1: the sequence stands at tick 100"),
        ("UPDATE audit SET actor = 'nobody' WHERE number = 1", "audit, number 1: not what was written"),
        (
            "UPDATE checkpoints SET content = (SELECT content FROM checkpoints LIMIT 1)",
            "checkpoints, tick 24: the stored world",
        ),
    ],
)
def test_a_row_that_was_changed_is_found(database: Path, statement: str, finding: str) -> None:
    findings = tampered(database, statement)
    assert any(finding in said for said in findings), findings


def test_a_damaged_page_is_reported_and_not_read_on(database: Path) -> None:
    if database.suffix == ON_A_SERVER:
        pytest.skip("a server's pages are its own: it refuses a damaged one when it reads it")
    with database.open("r+b") as file:
        file.seek(40 * 4_096)
        file.write(b"\xff" * 4_096)
    findings = maintenance.check(url_of(database)).findings
    assert findings[0].startswith("page fault")
