import re
import signal
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import (
    DESK,
    PATIENCE_MS,
    PHONE,
    SEEN_THE_TOUR,
    Visit,
    look_at_each,
    picture,
    rest,
    running_app,
    settle,
    visit,
)

pytestmark = pytest.mark.browser

MOST_BYTES_A_TICK = 4_000
TICKS_WEIGHED = 5
MOMENT = "window.mara.read('moment').at"
MOST_FIRST_NUMBER_S = 2.0
MOST_BYTES_A_PAGE = 1_000_000
MOST_SECONDS_TO_END = 5.0


@pytest.fixture
def desk(kept_tab: Visit, address: str) -> Iterator[Visit]:
    """The overview, which tests in a row look at and leave as they found it."""
    if kept_tab.page.url != f"{address}/":
        visit(kept_tab, address)
    yield kept_tab
    rest(kept_tab)


def test_the_map_draws_a_circle_for_each_of_the_ten_sites(desk: Visit) -> None:
    expect(desk.page.locator("path.site")).to_have_count(10)
    bands = desk.page.locator("path.site").evaluate_all("paths => paths.map(path => path.dataset.band)")
    assert set(bands) == {"good", "fair", "down"}


def test_a_second_viewer_sees_every_site_drawn_at_once(address: str, desk: Visit) -> None:
    with desk.page.context.new_page() as second:
        visit(Visit(second), address)
        assert second.locator("path.site[data-band]").count() == 10


def test_numbers_change_between_ticks(desk: Visit) -> None:
    for shown in (desk.page.get_by_label("Time of the fleet"), desk.page.locator(".kpi-note").first):
        expect(shown).not_to_have_text(shown.inner_text())


def test_the_line_grows_without_being_drawn_anew(desk: Visit) -> None:
    newest = "document.querySelector('.line-chart').data[0].x.at(-1)"
    desk.page.evaluate("document.querySelector('.line-chart .main-svg').dataset.kept = 'yes'")
    before = desk.page.evaluate(newest)
    desk.page.wait_for_function(f"{newest} > {before!r}")
    assert desk.page.locator(".line-chart .main-svg[data-kept=yes]").count() == 1


def test_a_hovered_site_shows_its_numbers_with_units_and_keeps_showing_them_over_a_tick(desk: Visit) -> None:
    desk.page.locator("path.site[data-site=tokyo]").hover()
    card = desk.page.locator(".site-card")
    expect(card).to_be_visible()
    for text in ("Japan Tokyo", "USD/MWh", "°C", "g CO2/kWh", "of 45.0 MW", "USD/h", "Local time", "Contracts"):
        expect(card).to_contain_text(text)
    before = card.inner_text()
    expect(card).not_to_have_text(before)
    expect(card).to_be_visible()


def test_a_site_reached_by_keyboard_shows_its_card_and_has_a_name(desk: Visit) -> None:
    oslo = desk.page.locator("path.site[data-site=oslo]")
    oslo.focus()
    expect(desk.page.locator(".site-card")).to_contain_text("Norway Oslo")
    expect(oslo).to_have_accessible_name(re.compile(r"^Norway Oslo: Running, \d+\.\d megawatt, cooling efficiency"))
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator(".site-card")).to_be_hidden()


def test_names_that_look_like_html_are_shown_as_text(desk: Visit) -> None:
    expect(desk.page.locator(".live-table").get_by_text("<b>Granite</b>").first).to_be_attached()
    assert desk.page.locator(".live-table b").count() == 0


def test_a_key_figure_says_how_it_is_computed_on_hover_and_on_focus(desk: Visit) -> None:
    tile = desk.page.locator(".kpi", has_text="Cooling efficiency")
    explanation = tile.locator(".explanation")
    expect(explanation).to_be_hidden()
    tile.hover()
    expect(explanation).to_be_visible()
    desk.page.mouse.move(2, 2)
    expect(explanation).to_be_hidden()
    desk.page.keyboard.press("Tab")
    desk.page.locator(".kpi").nth(2).focus()
    desk.page.keyboard.press("Tab")
    expect(explanation).to_be_visible()


def test_no_request_leaves_this_machine_and_nothing_is_complained_about(tab: Visit, address: str) -> None:
    with tab.foreign_requests() as foreign:
        clock = visit(tab, address).page.get_by_label("Time of the fleet")
        for _ in range(2):
            expect(clock).not_to_have_text(clock.inner_text())
    assert foreign == []
    assert tab.complaints == []


def test_zoom_survives_updates(tab: Visit, address: str) -> None:
    page = visit(tab, address).page
    where = "document.querySelector('path.site[data-site=iceland]').getBoundingClientRect().x"
    at_first = page.evaluate(where)
    page.get_by_label("Zoom in").click()
    settle(page)
    zoomed = page.evaluate(where)
    assert abs(zoomed - at_first) > 20
    clock = page.get_by_label("Time of the fleet")
    expect(clock).not_to_have_text(clock.inner_text())
    assert abs(page.evaluate(where) - zoomed) < 2


@pytest.fixture
def steered(tab: Visit, address: str) -> Iterator[Visit]:
    """The overview of a server that runs on at the same speed after the test."""
    page = visit(tab, address).page
    speed = page.get_by_label("Speed of simulated time").input_value()
    yield tab
    page.get_by_label("Speed of simulated time").select_option(speed)
    if (resume := page.get_by_role("button", name="Resume")).is_visible():
        resume.click()
        expect(page.locator(".chip:not(.mode-chip)")).to_have_text("Running")


def test_pausing_stops_the_clock_and_resuming_starts_it(steered: Visit) -> None:
    page = steered.page
    clock = page.get_by_label("Time of the fleet")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".chip:not(.mode-chip)")).to_have_text("Paused")
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    stood = clock.inner_text()
    page.wait_for_timeout(2_000)
    assert clock.inner_text() == stood
    page.get_by_role("button", name="Step one tick").click()
    expect(clock).not_to_have_text(stood)
    page.get_by_label("Speed of simulated time").select_option("1 h/s")
    expect(page.get_by_label("Speed of simulated time")).to_have_value("1 h/s")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".chip:not(.mode-chip)")).to_have_text("Running")


@pytest.mark.timed
def test_the_server_ends_in_order_and_in_time_while_a_browser_is_connected(tab: Visit) -> None:
    with running_app() as (address, app):
        page = visit(tab, address).page
        began = time.monotonic()
        app.send_signal(signal.SIGTERM)
        assert app.wait(2 * MOST_SECONDS_TO_END) == 0
        assert time.monotonic() - began < MOST_SECONDS_TO_END
        expect(page.locator("html[data-link=lost]")).to_be_attached()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_theme_follows_the_system_and_then_the_operators_choice(tab: Visit, address: str, scheme: str) -> None:
    page = visit(tab, address, scheme=scheme).page
    expect(page.locator(f"html[data-theme={scheme}]")).to_be_attached()
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.get_by_role("button", name="Switch between dark and light").click()
    assert page.evaluate(ground) != before
    page.reload()
    assert page.evaluate(ground) != before


def test_the_screen_fits_every_width(tab: Visit, address: str) -> None:
    page = visit(tab, address, size=PHONE).page
    for scheme, (width, height) in look_at_each(page, PHONE, (768, 1024), (1280, 720), DESK, (1920, 1080)):
        picture(page, f"overview-{scheme}-{width}x{height}", full_page=width < DESK[0])
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (scheme, width)
        if (width, height) == DESK:
            assert page.evaluate("document.documentElement.scrollHeight") <= height, scheme


@pytest.fixture
def first(browser: Browser) -> Iterator[Page]:
    """A page of a browser that has loaded nothing yet, and has closed the tour."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(SEEN_THE_TOUR)
    yield context.new_page()
    context.close()


@pytest.mark.timed
def test_the_first_number_comes_soon(first: Page, address: str) -> None:
    begun_s = time.monotonic()
    first.goto(address, wait_until="commit")
    first.wait_for_function("/\\d/.test(document.querySelector('.kpi-value .figure')?.textContent ?? '')")
    assert time.monotonic() - begun_s < MOST_FIRST_NUMBER_S


def test_a_tick_and_the_page_stay_light(first: Page, address: str) -> None:
    network = first.context.new_cdp_session(first)
    network.send("Network.enable")
    loaded: list[float] = []
    received: list[int] = []
    network.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
    network.on("Network.webSocketFrameReceived", lambda event: received.append(len(event["response"]["payloadData"])))
    first.goto(address)
    first.wait_for_selector(".line-chart .main-svg", state="attached")
    first.wait_for_load_state("networkidle")
    first.get_by_role("button", name="Pause").click()
    expect(first.locator(".chip:not(.mode-chip)")).to_have_text("Paused")
    received.clear()
    try:
        for _ in range(TICKS_WEIGHED):  # by hand, so that no message holds two of them
            before = first.evaluate(MOMENT)
            first.get_by_role("button", name="Step one tick").click()
            first.wait_for_function(f"{MOMENT} > {before}")
    finally:  # other tests wait for its ticks
        first.get_by_role("button", name="Resume").click()
    expect(first.locator(".chip:not(.mode-chip)")).to_have_text("Running")
    assert len(received) >= TICKS_WEIGHED
    assert sum(received) / TICKS_WEIGHED < MOST_BYTES_A_TICK
    assert MOST_BYTES_A_PAGE / 10 < sum(loaded) < MOST_BYTES_A_PAGE
