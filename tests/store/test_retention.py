"""Retention of rows, and reuse of their space."""

from pathlib import Path

from mara.store.write.statements import RAW_TABLES
from tests.store.databases import asked
from tests.store.runs import go_on, small_charter, stored_run

TICKS_A_DAY = 24
CHARTER = small_charter(tick_minutes=60)


def raw_rows(path: Path) -> int:
    return sum(int(asked(path, f"SELECT count(*) FROM {table}")[0][0]) for table in RAW_TABLES)


def pages(path: Path) -> tuple[int, int]:
    """Number of pages of the file, and of those that are free."""
    return int(asked(path, "PRAGMA page_count")[0][0]), int(asked(path, "PRAGMA freelist_count")[0][0])


def test_raw_rows_take_no_more_room_however_long_a_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "mara.db"
    store = stored_run(path, 4 * TICKS_A_DAY, CHARTER, raw_days=3)
    try:
        settled = raw_rows(path)
        go_on(store, 12 * TICKS_A_DAY)
        assert raw_rows(path) <= 1.1 * settled
        all_pages, free_pages = pages(path)
        assert free_pages < 0.1 * all_pages, "what goes makes room for what comes"
    finally:
        store.close()


def test_ninety_days_are_kept_unless_it_is_asked_otherwise(tmp_path: Path) -> None:
    store = stored_run(tmp_path / "mara.db", 92 * TICKS_A_DAY, CHARTER)
    try:
        oldest, newest = asked(tmp_path / "mara.db", "SELECT min(tick), max(tick) FROM allocations")[0]
        assert newest - oldest == 90 * TICKS_A_DAY
    finally:
        store.close()
