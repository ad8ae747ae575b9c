"""`mara db`: check finds changes, backup and init lose nothing, damage is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from tests.cli.console import everything_in, ran
from tests.cli.databases import STORED_TICKS, run_in, tampered


def test_a_sound_database_is_called_sound_with_its_run_and_its_ticks(database: Path) -> None:
    outcome = ran("db", "check")
    assert outcome.exit_code == 0
    assert outcome.err == ""
    assert f"run {run_in(database)}" in outcome.out
    assert f"{STORED_TICKS} ticks" in outcome.out
    assert "  sla_windows: seal of the tick" in outcome.out
    assert "  runs.stored_at: wall time" in outcome.out.partition("not covered:")[2]


def test_the_journal_of_live_values_is_checked_with_the_database(database: Path) -> None:
    journal = database.parent / "feed"
    journal.mkdir()
    text = b'{"known_at_s":1772524800}'
    (journal / "2026-03-03.jsonl").write_bytes(f"{crc32(text):08x} ".encode() + text + b"\n")
    outcome = ran("db", "check")
    assert (outcome.exit_code, outcome.err) == (0, "")
    assert f"the journal {journal} is sound: 1 lines until 2026-03-03T08:00" in outcome.out
    (journal / "2026-03-03.jsonl").write_bytes(b"00000000 " + text + b"\n")
    outcome = ran("db", "check")
    assert (outcome.exit_code, outcome.out) == (4, "")
    assert "line 1 should be as Mara wrote it, is not (the checksum differs)" in outcome.err


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ticks SET revenue_micro_usd = revenue_micro_usd + 1 WHERE tick = 7",
        "UPDATE ledger SET mining_micro_usd = mining_micro_usd + 1, cash_micro_usd = cash_micro_usd - 1 WHERE tick = 7",
        "UPDATE prices SET energy_price_usd_per_mwh = 0 WHERE tick = 7 AND site = 0",
        "DELETE FROM ticks WHERE tick = 7",
        "UPDATE plans SET content = x'00' WHERE from_tick = 0",
    ],
    ids=["money", "ledger", "price", "a tick gone", "plan"],
)
def test_a_check_finds_what_was_tampered_with(database: Path, statement: str) -> None:
    tampered(database, statement)
    outcome = ran("db", "check")
    assert outcome.exit_code == 4
    assert outcome.out == ""
    assert outcome.err.startswith("mara: ")
    assert "Traceback" not in outcome.err


def test_a_backup_is_a_sound_copy_and_the_run_goes_on_from_it(database: Path, here: Path) -> None:
    assert ran("db", "backup", "copy.db").exit_code == 0
    copy = "sqlite:///copy.db"
    assert ran("db", "check", database_url=copy).exit_code == 0
    on = [ran("simulate", "--ticks", 3, "--json", database_url=url).report for url in (copy, "sqlite:///mara.db")]
    assert on[0]["profit_usd"] == on[1]["profit_usd"]
    assert on[0]["from"] == on[1]["from"]


def test_a_backup_overwrites_nothing(database: Path, here: Path) -> None:
    (here / "copy.db").write_bytes(b"precious")
    outcome = ran("db", "backup", "copy.db")
    assert outcome.exit_code == 4
    assert "copy.db exists" in outcome.complaint
    assert (here / "copy.db").read_bytes() == b"precious"


@pytest.mark.parametrize("target", ["nowhere/copy.db", "."])
def test_a_backup_needs_a_place(database: Path, target: str) -> None:
    outcome = ran("db", "backup", target)
    assert outcome.exit_code == 2
    assert "should be a file" in outcome.complaint


def test_a_new_database_sets_the_old_one_aside_and_only_when_forced(database: Path, here: Path) -> None:
    before = database.read_bytes()
    refused = ran("db", "init")
    assert refused.exit_code == 4
    assert "--force" in refused.complaint
    assert database.read_bytes() == before
    outcome = ran("db", "init", "--force")
    assert outcome.exit_code == 0
    assert "mara.db.set-aside-1" in outcome.out
    assert (here / "mara.db.set-aside-1").read_bytes() == before
    assert ran("simulate", "--ticks", 1, "--json").report["from"] == "2025-07-01T00:00:00+00:00"


def test_an_upgrade_makes_a_database_where_there_is_none_and_leaves_a_new_one_alone(here: Path) -> None:
    assert ran("db", "upgrade").exit_code == 0
    assert (here / "mara.db").is_file()
    assert ran("db", "upgrade").out == "up to date\n"


def cut_short(database: Path) -> None:
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])


def emptied(database: Path) -> None:
    database.write_bytes(b"")


def overwritten(database: Path) -> None:
    content = bytearray(database.read_bytes())
    for page in range(8192, len(content), 8192):
        content[page : page + 64] = b"\xff" * 64
    database.write_bytes(bytes(content))


def not_a_database(database: Path) -> None:
    database.write_text(json.dumps(["a", "list"]) * 100, encoding="utf-8")


DAMAGES = [cut_short, emptied, overwritten, not_a_database]
WRITING = [("simulate", "--ticks", "1"), ("db", "upgrade"), ("db", "init")]
READING = [
    ("replay", "--run", "x", "--tick", "1"),
    ("export", "prices", "--out", "x.csv"),
    ("db", "backup", "copy.db"),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("words", [*WRITING, *READING], ids=lambda words: " ".join(words[:2]))
def test_a_damaged_database_is_refused_in_one_line_and_not_touched(
    database: Path, here: Path, words: tuple[str, ...], damage: Callable[[Path], None]
) -> None:
    damage(database)
    before = database.read_bytes()
    outcome = ran(*words)
    assert outcome.exit_code == 4
    assert "mara.db" in outcome.complaint
    assert database.read_bytes() == before
    left = set(everything_in(here)) - {"mara.db", "mara.db.lock", "mara.db-shm", "mara.db-wal", "app.log"}
    assert left == set()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_check_of_a_damaged_database_says_so(database: Path, damage: Callable[[Path], None]) -> None:
    damage(database)
    before = database.read_bytes()
    outcome = ran("db", "check")
    assert outcome.exit_code == 4
    assert "Traceback" not in outcome.err
    assert all(line.startswith("mara: ") for line in outcome.err.splitlines())
    assert outcome.err
    assert database.read_bytes() == before


@pytest.mark.parametrize("words", [*READING, ("db", "check")], ids=lambda words: " ".join(words[:2]))
def test_where_there_is_no_database_none_is_made_to_look_at(here: Path, words: tuple[str, ...]) -> None:
    outcome = ran(*words)
    assert outcome.exit_code == 4
    assert "there is none" in outcome.complaint
    assert everything_in(here) == {}


@pytest.mark.parametrize("folder", ["nowhere", "file"])
def test_a_folder_that_cannot_be_written_is_named(here: Path, folder: str) -> None:
    (here / "file").write_text("not a folder", encoding="utf-8")
    outcome = ran("simulate", "--ticks", 1, database_url=f"sqlite:///{folder}/mara.db")
    assert outcome.exit_code == 4
    assert f"{folder}/mara.db" in outcome.complaint


def test_a_database_that_may_only_be_read_is_not_gone_on_with(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Who runs the tests may be root, whom no permission stops: the answer of the system is made up.
    monkeypatch.setattr("mara.store.backends.integrity.os.access", lambda *_, **__: False)
    before = database.read_bytes()
    outcome = ran("simulate", "--ticks", 1)
    assert outcome.exit_code == 4
    assert "read-only" in outcome.complaint
    assert database.read_bytes() == before
