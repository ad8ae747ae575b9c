"""Accessibility of every page: axe-core in both themes, and a walk by the Tab key."""

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

from pages.frame import PAGES
from tests.browser.conftest import Visit, arrive, deafen, settle

pytestmark = pytest.mark.browser

SERIOUS = {"serious", "critical"}
EVERY_RULE: dict[str, object] = {"resultTypes": ["violations"]}
RULES_OF_COLOUR = EVERY_RULE | {"runOnly": ["color-contrast", "link-in-text-block"]}
"""Rules whose result the theme can change."""
AXE = Axe()
AXE_OF_THE_PAGE = Axe("void axe")
"""The axe that an earlier run has loaded: compiling it takes a tenth of a run."""
PRESSES_AT_ONCE = 20
MOST_PRESSES = 400
LISTEN = """(whole) => {
    const place = whole ? document : document.getElementById("page");
    if (!whole) place.focus();
    window.walk = { place, reached: new Set(), faults: [], isOver: false };
    const nameOf = ({ ariaLabel, labels, textContent, title }) =>
        ariaLabel || labels?.[0]?.innerText || textContent || title;
    document.addEventListener("focusin", ({ target }) => {
        if (target === window.walk.last) return; // a date has a stop for each of its parts
        window.walk.last = target;
        if (!place.contains(target) || window.walk.reached.has(target)) return (window.walk.isOver = true);
        window.walk.reached.add(target);
        const { outlineStyle, outlineWidth, strokeWidth } = getComputedStyle(target);
        const isThick = target.matches("path") && strokeWidth === "3px";
        const isRinged = isThick || (outlineStyle !== "none" && outlineWidth !== "0px");
        const box = target.getBoundingClientRect();
        const isBetween = (begin, end, edge) => begin < end && end > 0 && begin < edge;
        const isInSight = isBetween(box.left, box.right, innerWidth) && isBetween(box.top, box.bottom, innerHeight);
        const told = target.outerHTML.slice(0, 120);
        if (!isRinged) window.walk.faults.push(`no ring: ${told}`);
        if (!isInSight) window.walk.faults.push(`out of sight: ${told}`);
        if (!nameOf(target)?.trim()) window.walk.faults.push(`no name: ${told}`);
    });
}"""
"""Script that judges each control as it gets the focus: of the page, or also of its frame."""
FAULTS = """() => {
    const { place, reached, faults } = window.walk;
    const controls = place.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
    const isMissed = (control) => !control.disabled && !reached.has(control) && control.type !== "radio"
        && control.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const missed = [...controls].filter(isMissed);
    return [...faults, ...missed.map((control) => `not reached: ${control.outerHTML.slice(0, 120)}`)];
}"""


@pytest.mark.parametrize("path", [*(path for path, _ in PAGES), "/calendar", "/what-if", "/sites/oslo"])
def test_axe_finds_nothing_serious_and_tab_reaches_every_control(tab: Visit, address: str, path: str) -> None:
    page = arrive(tab, address + path, scheme="dark").page
    settle(page)
    assert found_by_axe(page, EVERY_RULE) == []
    page.emulate_media(color_scheme="light")
    page.wait_for_selector("html[data-theme=light]")
    settle(page)
    assert found_by_axe(page, RULES_OF_COLOUR, AXE_OF_THE_PAGE) == []
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector("html[data-theme=dark]")
    assert faults_by_tab(page, whole=path == "/") == []


def found_by_axe(page: Page, options: dict[str, object], axe: Axe = AXE) -> list[tuple[str, str, list[str]]]:
    return [
        (rule["id"], rule["impact"], [node["html"][:120] for node in rule["nodes"][:3]])
        for rule in axe.run(page, options=options).response["violations"]
        if rule["impact"] in SERIOUS
    ]


def faults_by_tab(page: Page, *, whole: bool) -> list[str]:
    """What is wrong for somebody who has no pointer: in the page, or also in its frame."""
    deafen(page)  # a row that comes or goes meanwhile is not reached
    page.evaluate(LISTEN, whole)
    for _ in range(MOST_PRESSES // PRESSES_AT_ONCE):
        for _ in range(PRESSES_AT_ONCE):
            page.keyboard.press("Tab")
        if page.evaluate("window.walk.isOver"):
            break
    faults: list[str] = page.evaluate(FAULTS)
    return faults
