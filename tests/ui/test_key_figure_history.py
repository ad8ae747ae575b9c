from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from components.overview.kpis import in_percent, in_points, kpi_cells
from components.shared.key_figure_history import BUCKET_S, FIGURES, MOST_BUCKETS, KeyFigureHistory
from mara.runtime.published_state import StatePublisher
from pages.serving.publisher import Publisher
from tests.ui.rows import row_of
from tests.ui.snapshots import START, TICK_MINUTES, series_until, snapshot_at

TICKS_A_DAY = 24 * 60 // TICK_MINUTES


def changes_after(ticks: int) -> list[object]:
    past = KeyFigureHistory()
    for tick in range(ticks + 1):
        past = past.after(snapshot_at(tick))
    cells = kpi_cells(snapshot_at(ticks), past)
    return [cells[f"kpi.{figure}.change"] for figure in FIGURES]


def test_a_day_of_figures_is_kept_with_a_point_each_quarter_of_an_hour() -> None:
    past = KeyFigureHistory()
    for tick in range(3 * TICKS_A_DAY):
        past = past.after(snapshot_at(tick))
    times = [int(at) for at in past.figures]
    assert len(times) == MOST_BUCKETS
    assert {later - earlier for earlier, later in pairwise(times)} == {BUCKET_S}
    assert len(past.money) == 600


def test_a_change_is_told_against_the_same_hour_of_the_day_before() -> None:
    day = kpi_cells(snapshot_at(288), KeyFigureHistory().after(snapshot_at(0)).after(snapshot_at(288)))
    then, now = snapshot_at(0).revenue_usd_per_h, snapshot_at(288).revenue_usd_per_h
    assert day["kpi.revenue.change"] == f"▼ down {100 * (1 - now / then):.1f} % in 24 h"
    assert day["kpi.cooling.change"] == "● steady in 24 h"


def test_a_shorter_past_says_how_long_it_is_and_less_than_an_hour_says_nothing() -> None:
    assert all(str(change).endswith("in 6 h") for change in changes_after(72))
    assert changes_after(6) == ["no comparison yet"] * len(FIGURES)


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (100.0, 108.2, "▲ up 8.2 %"),
        (100.0, 91.8, "▼ down 8.2 %"),
        (100.0, 100.01, "● steady"),
        (-2_000.0, 31_000.0, "▲ up from −2.00 kUSD/h"),
        (31_000.0, -400.0, "▼ down from 31.0 kUSD/h"),
    ],
)
def test_a_change_is_told_by_sign_and_word(then: float, now: float, said: str) -> None:
    assert in_percent(then, now) == said


def test_a_share_changes_by_points() -> None:
    assert in_points(0.612, 0.599) == "▼ down 1.3 points"
    assert in_points(0.9, 0.9001) == "● steady"


def test_stored_courses_stand_before_what_is_remembered_and_never_replace_it() -> None:
    newest = snapshot_at(288)
    course = [(START + timedelta(hours=hour), 300.0 + hour) for hour in range(25)]
    past = KeyFigureHistory().after(newest).before(series_until(288, 24), {"power": course})
    values = [row_of(row) for row in past.figures.values()]
    assert values[0]["power"] == 300.0
    assert values[-1]["power"] == round(newest.site_power_mw, 1)
    assert all("profit" in row for row in values)
    assert "power" not in values[1]  # between the stored hours


def test_a_fleet_without_promises_has_no_share_of_kept_ones() -> None:
    past = KeyFigureHistory().after(replace(snapshot_at(0), tiers=()))
    assert set(FIGURES) - row_of(next(iter(past.figures.values()))).keys() == {"contracts"}


def test_ticks_of_a_live_world_that_no_page_saw_are_told_of_once() -> None:
    state = StatePublisher()
    state.set_world("live")
    pages = Publisher(state)
    for tick, is_gap in ((4, False), (5, False), (9, True), (10, False)):
        state.publish(snapshot_at(tick))
        assert pages.takes_gap() is is_gap, tick
    state.set_world("synthetic")
    state.publish(snapshot_at(20))
    assert not pages.takes_gap(), "ticks of a fast world come faster than they are shown"
