"""The map shows all sites of any fleet, until the user chooses another view."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import DESK, PHONE, TWO_FRAMES, Visit, deafen, rest, settle, visit

pytestmark = pytest.mark.browser

SIZES = (DESK, (768, 1024), PHONE)
PACIFIC = {
    "fiji": (-18.1, 178.4),
    "samoa": (-13.8, -171.8),
    "auckland": (-36.8, 174.8),
    "honolulu": (21.3, -157.9),
    "anchorage": (61.2, -149.9),
    "ushuaia": (-54.8, -68.3),
    "svalbard": (78.2, 15.6),
}
FLEETS = {
    "around the date line": (PACIFIC, 280),
    "on both sides of the date line": ({"east": (0.0, 179.9), "west": (0.0, -179.9), "on": (10.0, 180.0)}, 130),
    "pole to pole": ({"north": (90.0, 180.0), "south": (-90.0, -180.0), "middle": (0.0, 0.0)}, 720),
    "one site": ({"only": (59.9, 10.7)}, 200),
}
"""Places, and the most degrees of longitude that the view may show on a desktop."""
PLACE = """(places) => {
    const row = {
        status: "running", power_mw: 10, efficiency_share: 0.9, dry_bulb_c: 20, pue: 1.1, price_usd_per_mwh: 50,
        carbon_g_per_kwh: 100, revenue_usd_per_h: 1000, profit_usd_per_h: 500, gpu_mw: 1, asic_mw: 1, contracts_mw: 1,
    };
    const sites = {}, numbers = {};
    for (const [id, [lat, lon]] of Object.entries(places)) {
        sites[id] = {name: id, country: "", lat, lon, timezone: "UTC", cooling: "", grid_limit_mw: 20};
        numbers[id] = row;
    }
    window.told.show({sites, map: numbers, moment: {at: 1751328000}});
}"""
OUTSIDE = """() => {
    const frame = document.querySelector(".site-map-canvas").getBoundingClientRect();
    const marks = [...document.querySelectorAll("path.site, .site-cluster")];
    return marks.filter((mark) => mark.style.display !== "none").filter((path) => {
        const box = path.getBoundingClientRect();
        const isWithin = box.left >= frame.left && box.right <= frame.right;
        return !(box.width && isWithin && box.top >= frame.top && box.bottom <= frame.bottom);
    }).map((path) => path.dataset.site ?? path.ariaLabel);
}"""
MOVED_BELOW = "(y) => document.querySelector('path.site[data-site=oslo]').getBoundingClientRect().y > y"
PLACES = "[...document.querySelectorAll('path.site')].map((path) => path.getBoundingClientRect().toJSON())"
IS_PANNED = "document.querySelector('.leaflet-pan-anim') !== null"
PRESSED = "document.querySelector('path.site:active')?.dataset.site"
MOST_MS_TO_OPEN = 30_000
"""Longest wait for a click that may lead nowhere; others fail at once."""
SPREAD_PX = """() => {
    const at = [...document.querySelectorAll("path.site")].map((path) => path.getBoundingClientRect().x);
    return Math.max(...at) - Math.min(...at);
}"""


COVERED = """() => {
    const circles = [...document.querySelectorAll("path.site")].map((path) => {
        const box = path.getBoundingClientRect();
        return {site: path.dataset.site, x: box.x + box.width / 2, y: box.y + box.height / 2, radius: box.width / 2};
    });
    return circles.flatMap((one, place) => circles.slice(place + 1)
        .filter((other) => Math.hypot(one.x - other.x, one.y - other.y) < one.radius + other.radius - 1)
        .map((other) => `${one.site} ${other.site}`));
}"""


@pytest.fixture
def desk(tab: Visit, address: str) -> Visit:
    visit(tab, address)
    deafen(tab.page)
    return tab


@pytest.fixture
def fitted(kept_tab: Visit, address: str) -> Iterator[Visit]:
    """The map of a desk, where nobody has chosen a view; tests in a row put their own sites on it."""
    page = kept_tab.page
    if page.url != f"{address}/" or not page.evaluate("'told' in window"):
        deafen(visit(kept_tab, address).page)
    width, height = DESK
    page.set_viewport_size({"width": width, "height": height})
    settle(page)
    yield kept_tab
    page.evaluate("window.told.apply({cells: {notice: ''}})")
    rest(kept_tab)


def placed(page: Page, places: dict[str, tuple[float, float]]) -> None:
    page.evaluate(PLACE, {site: list(place) for site, place in places.items()})
    assert page.locator("path.site").count() == len(places)


def test_every_site_of_every_fleet_is_in_view_at_every_size(fitted: Visit) -> None:
    page = fitted.page
    for fleet, (places, _) in FLEETS.items():
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            placed(page, places)
            settle(page)
            assert page.evaluate(OUTSIDE) == [], (fleet, width)
    assert fitted.complaints == []


def test_marks_stand_where_they_are_as_soon_as_they_are_drawn(fitted: Visit) -> None:
    page = fitted.page
    for fleet, (places, _) in FLEETS.items():
        placed(page, places)
        at_once = page.evaluate(PLACES)
        settle(page)
        assert page.evaluate(PLACES) == at_once, fleet
    page.evaluate("window.told.apply({cells: {notice: {text: 'Degraded.', state: 'warn'}}})")
    page.evaluate(TWO_FRAMES)
    assert not page.evaluate(IS_PANNED)


def test_a_fleet_around_the_date_line_is_not_torn_apart(fitted: Visit) -> None:
    placed(fitted.page, FLEETS["on both sides of the date line"][0])
    assert fitted.page.evaluate(SPREAD_PX) < 20


def test_circles_that_would_overlap_on_a_desk_lie_side_by_side_and_where_they_belong_once_there_is_room(
    fitted: Visit,
) -> None:
    page = fitted.page
    towns = {"oslo": (59.9, 10.7), "berlin": (52.5, 13.4), "spandau": (52.5, 13.4), "lima": (-12.0, -77.0)}
    placed(page, towns)
    settle(page)
    assert page.evaluate(COVERED) == []
    for site in towns:
        page.locator(f"path.site[data-site={site}]").hover()
        assert page.locator(".site-card-name").inner_text() == site
    assert fitted.complaints == []


def test_a_view_that_somebody_chose_stays_when_the_window_changes(desk: Visit) -> None:
    page = desk.page
    placed(page, PACIFIC)
    fitted = page.evaluate(SPREAD_PX)
    page.set_viewport_size({"width": 1000, "height": 900})
    settle(page)
    assert page.evaluate(SPREAD_PX) != pytest.approx(fitted, abs=5)
    page.get_by_label("Zoom out").click()  # a mark beyond the edge would not be drawn
    settle(page)
    chosen = page.evaluate(SPREAD_PX)
    page.set_viewport_size({"width": 1300, "height": 900})
    settle(page)
    assert page.evaluate(SPREAD_PX) == pytest.approx(chosen, abs=2)


def test_circles_that_overlap_on_a_phone_are_one_mark_that_opens_by_keyboard(desk: Visit) -> None:
    page = desk.page
    width, height = PHONE
    page.set_viewport_size({"width": width, "height": height})
    towns = {"oslo": (59.9, 10.7), "stockholm": (59.3, 18.0), "gothenburg": (57.7, 12.0), "lima": (-12.0, -77.0)}
    placed(page, towns)
    settle(page)
    group = page.locator(".site-cluster")
    assert (group.count(), group.text_content()) == (1, "3")
    assert group.get_attribute("aria-label") == "3 sites: gothenburg, oslo, stockholm; opens by zooming in"
    group.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.site-cluster').length === 0")
    page.get_by_role("button", name="Whole world").click()
    page.wait_for_function("() => document.querySelectorAll('.site-cluster').length === 1")
    assert desk.complaints == []


def test_a_click_opens_the_site_on_which_it_began_even_if_a_notice_moves_the_map_meanwhile(
    tab: Visit, address: str
) -> None:
    page = visit(tab, address).page
    deafen(page)
    circle = page.locator("path.site[data-site=oslo]")
    circle.hover()
    page.mouse.down()
    assert page.evaluate(PRESSED) == "oslo"
    box = circle.bounding_box()
    assert box is not None
    page.evaluate("window.told.apply({cells: {notice: {text: 'Degraded.', state: 'warn'}}})")
    page.evaluate(TWO_FRAMES)
    assert page.evaluate(MOVED_BELOW, box["y"] + box["height"])
    page.mouse.up()
    page.wait_for_url("**/sites/oslo", wait_until="commit", timeout=MOST_MS_TO_OPEN)
