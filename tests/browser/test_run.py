import re
import signal
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit, picture, running_app, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MOST_SECONDS_TO_END = 5.0
ONE_O_CLOCK_EPOCH_S = int(datetime(2025, 7, 1, 1, tzinfo=UTC).timestamp())
IS_RENEWING = """() => document.documentElement.dataset.link === "renewing"
    && document.querySelector(".chip:not(.mode-chip)").textContent === "Starting"
    && document.getElementById("link-notice").textContent.startsWith("A new run is being started")"""
"""Script that checks what a page says until the new run shows itself; it is true for a moment only."""


@pytest.mark.timed
def test_the_whole_of_mara_runs_in_a_browser_ends_in_time_and_goes_on_where_it_stood(
    tab: Visit, tmp_path: Path
) -> None:
    with running_app(["pages", "run", "--no-browser", "--port"], folder=tmp_path) as (address, app):
        with tab.foreign_requests() as foreign:
            page = visit(tab, address).page
            clock = page.get_by_label("Time of the fleet")
            expect(page.locator("path.site")).to_have_count(10)
            expect(page.locator(".chip:not(.mode-chip)")).to_have_text("Running")
            expect(clock).not_to_have_text(clock.inner_text())
            page.locator("path.site[data-site=oslo]").hover()
            expect(page.locator(".site-card")).to_contain_text("USD/MWh")
            page.wait_for_timeout(3_000)
        picture(page, "run-dark-1440x900")
        assert foreign == []
        assert tab.complaints == []
        reached = clock.inner_text()
        began = time.monotonic()
        app.send_signal(signal.SIGTERM)
        assert app.wait(2 * MOST_SECONDS_TO_END) == 0
        assert time.monotonic() - began < MOST_SECONDS_TO_END

    with running_app(["pages", "run", "--no-browser", "--port"], folder=tmp_path) as (address, _):
        page = visit(tab, address).page
        expect(page.locator(".chip:not(.mode-chip)")).to_have_text("Running")
        assert minutes_of(page.get_by_label("Time of the fleet").inner_text()) >= minutes_of(reached)
        assert page.evaluate("document.querySelector('.line-chart').data[0].x.length") > 1


def minutes_of(clock: str) -> int:
    day, hours, minutes = re.fullmatch(r"(\d+) \w+ \d+ (\d+):(\d+) UTC", clock).groups()  # type: ignore[union-attr]
    return (int(day) * 24 + int(hours)) * 60 + int(minutes)


def test_a_site_is_taken_down_and_back_by_hand_and_a_click_opens_its_page(tab: Visit, tmp_path: Path) -> None:
    with running_app(["pages", "run", "--no-browser", "--speed", "900", "--port"], folder=tmp_path) as (address, _):
        page = visit(tab, address).page
        page.locator("path.site[data-site=oslo]").hover()
        page.keyboard.press("o")
        sheet = page.locator("dialog.sheet[open]")
        expect(sheet.get_by_label("Norway Oslo")).to_be_checked()
        sheet.get_by_role("button", name="Take down").click()
        expect(page.locator("path.site[data-site=oslo][data-band=down]")).to_be_attached()
        expect(page.locator(".events-panel")).to_contain_text("Norway Oslo is down.")
        page.get_by_role("button", name="Take sites down or back").click()
        expect(sheet).to_contain_text("ordered down until")
        sheet.get_by_label("Norway Oslo").check()
        sheet.get_by_role("button", name="End ordered outage").click()
        expect(page.locator(".events-panel")).to_contain_text("Norway Oslo is back")
        page.locator("path.site[data-site=oslo]").click()
        page.wait_for_url("**/sites/oslo")
        expect(page.locator("h1")).to_contain_text("Norway Oslo")


def test_a_new_run_begins_at_the_first_tick_and_the_old_one_is_kept(tab: Visit, tmp_path: Path) -> None:
    with running_app(["pages", "run", "--no-browser", "--speed", "3600", "--port"], folder=tmp_path) as (address, app):
        page = visit(tab, address).page
        page.wait_for_function(f"window.mara.read('moment').at >= {ONE_O_CLOCK_EPOCH_S}")
        process_id = app.pid
        page.get_by_role("button", name="Start the run anew").click()
        page.get_by_role("button", name="Start anew").last.click()
        page.wait_for_function(IS_RENEWING)
        page.wait_for_selector("html[data-link=up][data-engine=running]")
        page.wait_for_function("window.mara?.read('moment')?.at")
        assert app.poll() is None
        assert app.pid == process_id
    (old_first, old_last), (first, _) = (reach_of(tmp_path / name) for name in ("mara.db.set-aside-1", "mara.db"))
    assert old_last >= ONE_O_CLOCK_EPOCH_S
    assert first == old_first


def reach_of(database: Path) -> tuple[int, int]:
    """The first and the last tick of a run [epoch seconds]."""
    with closing(sqlite3.connect(database)) as connection:
        first, last = connection.execute("SELECT min(epoch_s), max(epoch_s) FROM ticks").fetchone()
        return first, last
