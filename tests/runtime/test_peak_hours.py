"""Hours off for coincident peaks are counted from the stored events of the year."""

from datetime import UTC, datetime
from pathlib import Path

from mara.assembly.runs import open_run
from mara.core.events import Event
from mara.runtime.peak_hours import PeakHours
from tests.scenarios.test_power_terms import settings_of
from tests.store.databases import url_of


def counted(folder: Path, start: datetime, tick_minutes: int, peak_ticks: tuple[int, ...]) -> list[float]:
    """Run through the ticks, those given with a peak in Texas; count after each."""
    settings = settings_of(folder, database_url=url_of(folder / "mara.db"), start=start, tick_minutes=tick_minutes)
    store, engine = open_run(settings)
    hours = PeakHours()
    found = [hours.by_site(store.read_model).get("tx", -1.0)]
    for tick in range(max(peak_ticks) + 1):
        reading = engine.read_feed()
        done = engine.advance(reading, engine.optimizer.plan(engine.problem(reading)))
        told = Event(tick=tick, severity="info", site=0, kind="peak", text="Texas keeps off.")
        store.append(done.step, done.plan, (told,) if tick in peak_ticks else ())
        engine.keep(done)
        found.append(hours.by_site(store.read_model)["tx"])
        assert PeakHours().by_site(store.read_model)["tx"] == found[-1], "a count that begins later is the same"
    store.close()
    return found


def test_a_clock_hour_with_any_stop_for_a_peak_counts_once(tmp_path: Path) -> None:
    start = datetime(2025, 7, 10, 12, tzinfo=UTC)
    assert counted(tmp_path, start, 30, (1, 2, 3)) == [-1.0, 0.0, 1.0, 2.0, 2.0]


def test_the_count_begins_anew_with_the_local_year(tmp_path: Path) -> None:
    """Midnight in Texas is 06:00 UTC, in the third tick."""
    start = datetime(2026, 1, 1, 4, tzinfo=UTC)
    assert counted(tmp_path, start, 60, (0, 1, 2, 3)) == [-1.0, 1.0, 2.0, 1.0, 2.0]
