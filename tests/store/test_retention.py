"""Retention of rows, and reuse of their space."""

from pathlib import Path

from mara.core.events import Event
from mara.core.world import first_world
from mara.store import maintenance
from mara.store.store import Store
from mara.store.write.statements import RAW_TABLES
from tests.store.databases import asked, url_of
from tests.store.runs import first_steps, go_on, record, small_charter, stored_run

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


def test_stops_for_a_peak_are_kept_for_a_season_and_stay_under_seal(tmp_path: Path) -> None:
    path = tmp_path / "mara.db"
    store = Store.open(url_of(path), raw_days=2)
    store.begin(record(CHARTER), first_world(CHARTER))
    for step, plan, _ in first_steps(CHARTER, 4 * TICKS_A_DAY):
        kinds = ("peak", "curtailed") if step.tick % TICKS_A_DAY == 3 else ()
        told = [Event(tick=step.tick, severity="info", site=0, kind=kind, text=kind) for kind in kinds]
        store.append(step, plan, tuple(told))
    store.close()
    left = asked(path, "SELECT tick, kind FROM events ORDER BY tick, kind")
    of_peaks = [tick for tick, kind in left if kind == "peak"]
    assert of_peaks == [day * TICKS_A_DAY + 3 for day in range(4)]
    assert [tick for tick, kind in left if kind != "peak"] == of_peaks[-2:]
    assert maintenance.check(url_of(path), raw_days=2).is_sound
