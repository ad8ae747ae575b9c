"""The pages of a site, the optimizer and the backtest in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import DESK, PHONE, Visit, arrive, look_at_each, picture, running_app, settle, visit
from tests.cli.console import small_history

pytestmark = pytest.mark.browser

WORK_TIMEOUT_MS = 300_000
PAGES = ("/sites/tokyo", "/optimizer", "/backtest")
NEWEST_X = "element => element.data[0].x.at(-1)"


@pytest.fixture(scope="module")
def workbench() -> Iterator[str]:
    """A dashboard whose backtests and studies no other test sees; none stays running."""
    with running_app() as (address, _):
        yield address


@pytest.fixture
def site(tab: Visit, address: str) -> Visit:
    arrive(tab, f"{address}/sites/tokyo").page.wait_for_selector(
        ".line-chart[data-empty=false] .main-svg", state="attached"
    )
    return tab


def order(page: Page, history: Path, *policies: str) -> None:
    form = page.get_by_role("form", name="Backtest")
    form.get_by_label("History", exact=True).fill(str(history))
    choose(form, *policies)
    form.get_by_role("button", name="Run backtest").click()


def choose(form: Locator, *policies: str) -> None:
    for box in form.get_by_role("group", name="Policies").get_by_role("checkbox").all():
        box.uncheck()
    for policy in policies:
        form.get_by_label(policy, exact=True).check()


def test_a_site_opens_from_the_map(tab: Visit, address: str) -> None:
    page = visit(tab, address).page
    page.locator("path.site[data-site=oslo]").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Norway Oslo")


def test_the_sites_lines_grow_and_the_forecast_begins_where_the_past_ends(site: Visit) -> None:
    price = site.page.locator(".line-chart").first
    before = price.evaluate(NEWEST_X)
    site.page.wait_for_function(f"document.querySelector('.line-chart').data[0].x.at(-1) > {before!r}")
    joined = "element => [element.data[0].x.at(-1), element.data[1].x[0], element.layout.xaxis.type]"
    newest, begins, kind = price.evaluate(joined)
    assert (newest, kind) == (begins, "date")
    load = site.page.locator(".line-chart").nth(1)
    assert load.evaluate("element => element.data.map(trace => trace.x.length > 280)") == [True] * 6
    assert site.complaints == []


def test_what_a_chart_shows_is_kept_as_a_csv_file(site: Visit) -> None:
    with site.page.expect_download() as download:
        site.page.get_by_role("button", name="Prices as a CSV file").click()
    assert download.value.suggested_filename == "mara-price.csv"
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "utc,Price [USD/MWh],Forecast [USD/MWh]"
    assert lines[1].startswith("2025-07-0")
    assert len(lines) > 300


def test_the_outage_button_asks_about_this_site(site: Visit) -> None:
    site.page.get_by_role("button", name="Outage").first.click()
    dialog = site.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("checkbox", checked=True)).to_have_value("tokyo")


def test_a_past_plan_opens_by_keyboard_and_tells_its_reasons(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/optimizer").page
    row = page.locator(".fold-button").first
    row.focus()
    page.keyboard.press("Enter")
    expect(row).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".fold-inside").first).to_contain_text("break-even of air")
    page.keyboard.press("Enter")
    expect(page.locator(".fold-inside")).to_have_count(0)


def test_shadow_prices_are_bars_and_numbers_and_follow_the_ticks(tab: Visit, address: str) -> None:
    visited = arrive(tab, f"{address}/optimizer")
    page = visited.page
    bars = page.locator(".bar-table")
    expect(bars.locator("tr")).to_have_count(10)
    expect(bars).not_to_have_text(bars.inner_text())
    with page.expect_download() as download:
        page.get_by_role("button", name="Shadow prices as a CSV file").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0] == ",Racks [USD/MWh],Grid connection [USD/MWh]"
    assert len(lines) == 11
    assert visited.complaints == []


def test_a_backtest_is_refused_run_and_cancelled(tab: Visit, workbench: str, tmp_path: Path) -> None:
    visited = arrive(tab, f"{workbench}/backtest")
    page = visited.page
    order(page, tmp_path / "nowhere", "Rules")
    refusal = page.get_by_role("alert").filter(has_text="the history should be a folder")
    expect(refusal).to_contain_text("correct the path")
    order(page, small_history(tmp_path / "past"), "Rules", "Static, break-even")
    state = page.locator(".bt-state")
    expect(state).to_contain_text("Done in", timeout=WORK_TIMEOUT_MS)
    expect(page.locator(".bt-results tbody tr").first).to_be_visible()
    page.wait_for_selector(".bt-results .line-chart[data-empty=false] .main-svg", state="attached")
    assert page.locator(".bt-results .line-chart").evaluate("e => e.data.map(t => t.x.length)") == [0, 3, 3, 0]
    with page.expect_download() as download:
        page.get_by_role("link", name="HTML report").click()
    assert "Mara backtest" in Path(download.value.path()).read_text(encoding="utf-8")
    picture(page, "backtest-done-1440x900", full_page=True)
    order(page, small_history(tmp_path / "long", 24 * 365), "Linear program")
    expect(page.locator(".bt-results")).to_be_hidden()
    page.get_by_role("button", name="Cancel").click()
    expect(state).to_contain_text("Cancelled after")
    assert visited.complaints == []


def test_a_study_draws_a_fan_and_is_cancelled_with_its_workers(tab: Visit, workbench: str) -> None:
    visited = arrive(tab, f"{workbench}/backtest")
    page, form = visited.page, visited.page.get_by_role("form", name="Study")
    choose(form, "Rules", "Static, break-even")
    form.get_by_label("Scenarios").fill("6")
    form.get_by_label("Days").fill("3")
    form.get_by_role("button", name="Run study").click()
    state = page.locator(".bt-state")
    expect(state).to_contain_text("Done in", timeout=WORK_TIMEOUT_MS)
    fan = page.locator(".st-results .line-chart")
    expect(fan.locator(".main-svg").first).to_be_attached()
    lengths = fan.evaluate("e => e.data.map(trace => trace.x.length)")
    assert lengths == [0, 0, 0, 4, 4, 4, 4, 4, 4, 0, 0, 0]
    assert fan.evaluate("e => e.layout.xaxis.type") == "linear"
    assert fan.evaluate("e => e.data[3].y[3] <= e.data[5].y[3] && e.data[5].y[3] <= e.data[4].y[3]")
    settle(page)
    picture(page, "study-done-1440x900", full_page=True)
    form.get_by_label("Scenarios").fill("2000")
    form.get_by_role("button", name="Run study").click()
    expect(page.locator(".st-results")).to_be_hidden()
    page.get_by_role("button", name="Cancel").click()
    expect(state).to_contain_text("Cancelled after")
    assert visited.complaints == []


def test_the_server_ends_while_a_backtest_is_under_way(tab: Visit, tmp_path: Path) -> None:
    with running_app() as (address, app):
        page = arrive(tab, f"{address}/backtest").page
        order(page, small_history(tmp_path / "long", 24 * 365), "Linear program")
        expect(page.locator(".bt-state[data-state=running]")).to_be_visible()
        app.terminate()
        assert app.wait(10) == 0


@pytest.mark.parametrize("path", PAGES)
def test_every_page_fits_phone_and_desk(tab: Visit, address: str, path: str) -> None:
    page = arrive(tab, f"{address}{path}", size=PHONE).page
    name = path.strip("/").replace("/", "-")
    for scheme, (width, height) in look_at_each(page, PHONE, DESK):
        picture(page, f"{name}-{scheme}-{width}x{height}", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (scheme, width)
