"""The dashboard over a thousand ticks, with two viewers, and a thousand sites."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit, arrive, running_app, settle, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TICKS = 10_000 if os.environ.get("SOAK") else 1_000  # `make soak` takes the long way
TICK_S = 300
LARGE_FLEET_SITES = 1_000
LARGE_TICK_S = 0.5
MOST_MS_A_LARGE_TICK = 100.0  # of the page's own work, on the two cores that server, browser and others share

TAG_AND_WATCH = """() => {
    const map = document.querySelector(".leaflet-container");
    const marks = [...document.querySelectorAll("path.site, path.ring, .site-sign")];
    const others = document.querySelectorAll(".kpi, .spark, .line-chart .main-svg, .doughnut .main-svg");
    const nodes = [map, ...marks, ...others];
    nodes.forEach((node, i) => (node.seenBefore = i + 1));
    const circles = [...document.querySelectorAll("path.site")];
    const bands = circles.map(() => new Set()), radii = circles.map(() => new Set());
    const look = () => circles.forEach((path, i) => {
        bands[i].add(path.dataset.band);
        radii[i].add(path.getAttribute("d").match(/a([\\d.]+)/)[1]); // measuring would compute the layout once more
    });
    window.steady = {nodes, circles, map, bands, radii, look, added: 0, removed: 0};
    new MutationObserver((records) => records.forEach((record) => {
        const marker = (node) => node.nodeType === 1 && node.matches("path, .site-sign");
        window.steady.added += [...record.addedNodes].filter(marker).length;
        window.steady.removed += [...record.removedNodes].filter(marker).length;
    })).observe(map, {subtree: true, childList: true});
}"""
FOUND = """() => {
    const {nodes, circles, map, bands, radii, added, removed} = window.steady;
    return {
        connected: nodes.every((node, i) => node.isConnected && node.seenBefore === i + 1),
        same: document.querySelector(".leaflet-container") === map,
        added, removed,
        recoloured: bands.filter((seen) => seen.size > 1).length,
        resized: radii.filter((seen) => seen.size > 1).length,
        count: circles.length,
    };
}"""
STEP = """async (ticks) => {
    const button = document.querySelector("[aria-label='Step one tick']");
    const { onChange } = await import("mara");
    let shown = () => {};
    const stop = onChange("moment", () => shown());
    for (let i = 0; i < ticks; i++) {
        await new Promise((resolve) => ((shown = resolve), button.click()));
        window.steady.look();
    }
    stop();
}"""
"""Script that requests each tick once the one before is shown.

A slow machine thus passes as well as a fast one.
"""
STATE = ".chip:not(.mode-chip)"
"""Place of the engine's state in the head."""
PLACE = "document.querySelector('path.site[data-site=iceland]').getBoundingClientRect().x"


@pytest.fixture
def own(tab: Visit) -> Iterator[Visit]:
    """A page on a server of its own, because what others look at would be over after so many ticks."""
    with running_app() as (address, _):
        yield visit(tab, address)


def moment(page: Page) -> int:
    """Simulated time that the page has reached [epoch seconds]."""
    at: int = page.evaluate("window.mara.read('moment').at")
    return at


def test_a_thousand_ticks_keep_every_element_the_zoom_and_the_open_card(own: Visit) -> None:
    page = own.page
    page.keyboard.press("p")
    expect(page.locator(STATE)).to_have_text("Paused")
    page.get_by_label("Zoom out").click()
    settle(page)
    page.locator("path.site[data-site=sydney]").hover()
    card = page.locator(".site-card")
    expect(card).to_contain_text("Australia Sydney")
    page.evaluate(TAG_AND_WATCH)
    place, begun_at, said = page.evaluate(PLACE), moment(page), card.inner_text()
    page.evaluate(STEP, TICKS)
    assert moment(page) == begun_at + TICKS * TICK_S
    found = page.evaluate(FOUND)
    assert found == {**found, "connected": True, "same": True, "added": 0, "removed": 0, "count": 10}
    assert found["recoloured"] >= 1
    assert found["resized"] >= 1
    assert page.evaluate(PLACE) == pytest.approx(place, abs=1)
    expect(card).to_be_visible()
    expect(card).to_contain_text("Australia Sydney")
    assert card.inner_text() != said
    assert own.complaints == []


def test_two_who_look_see_the_same_moment_and_one_who_leaves_disturbs_nobody(tab: Visit, address: str) -> None:
    second = visit(tab, address).page
    with second.context.new_page() as first:
        visit(Visit(first), address)
        first.get_by_role("button", name="Pause").click()
        for page in (first, second):
            expect(page.locator(STATE)).to_have_text("Paused")
        newest = max(moment(first), moment(second))
        for page in (first, second):  # the last tick may come to one of them later
            page.wait_for_function("at => window.mara.read('moment').at === at", arg=newest)
    second.get_by_role("button", name="Resume").click()
    expect(second.locator(STATE)).to_have_text("Running")


@pytest.fixture
def large(tab: Visit) -> Iterator[Visit]:
    with running_app(("tests.browser.fake_app", str(LARGE_FLEET_SITES), str(LARGE_TICK_S))) as (address, _):
        arrive(tab, address).page.wait_for_selector(".site-find")
        yield tab


@pytest.mark.timed
def test_a_thousand_sites_are_painted_found_and_opened(large: Visit) -> None:
    page = large.page
    assert page.locator("path.site").count() == 0
    page.evaluate(
        """() => {
            const {apply} = window.mara;
            window.spent = [];
            window.mara.apply = (changes) => {
                const begun = performance.now();
                apply(changes);
                window.spent.push(performance.now() - begun);
            };
        }"""
    )
    page.get_by_label("Find one of 1000 sites").fill("Site 421")
    page.keyboard.press("Enter")
    card = page.locator(".site-card")
    expect(card).to_contain_text("Site 421")
    page.wait_for_function("window.spent.length >= 5")
    spent_ms = sorted(page.evaluate("window.spent"))
    assert spent_ms[len(spent_ms) // 2] < MOST_MS_A_LARGE_TICK
    page.get_by_label("Find one of 1000 sites").fill("nowhere")
    page.keyboard.press("Enter")
    expect(card).to_be_hidden()
    assert large.complaints == []
