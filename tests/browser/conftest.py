"""Fixtures of a real chromium, and of a dashboard in a process of its own."""

import os
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest
from playwright.sync_api import Browser, Page, Request, WebSocket, expect, sync_playwright

from components.shared.theme import STATIC_URL
from tests.browser.nursery import Copy, Nursery
from tests.servers import ROOT, environment, free_port

ARTIFACTS = ROOT / "tests" / "artifacts"
FOREIGN = re.compile(r"(?!(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:)")
"""Pattern of addresses that are not on this machine."""
SEEN_THE_TOUR = "localStorage.setItem('mara-tour', 'seen');"
NURSERY = Nursery()
LONGEST_FIRST = (
    "steadiness",
    "accessibility",
    "run",
    "gate",
    "frame",
    "security",
    "pages",
    "overview",
    "map",
    "imports",
)
"""Modules by how long they take; one that is not named takes less."""
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
HOLD_BREATH = """{
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(".chip::before { animation-play-state: paused !important }");
    document.adoptedStyleSheets = [sheet];
}"""
"""Script that stops the one endless animation.

Without a GPU its frames take a tenth of a core a page.
"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DESK = (1440, 900)
PHONE = (390, 844)
END_TIMEOUT_S = 60
PATIENCE_MS = 180_000
"""Longest wait for what a test expects: a busy machine is no fault of a page."""
expect.set_options(timeout=PATIENCE_MS)
TWO_FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Script that waits until what has changed is drawn: charts draw once a frame."""
DEAFEN = """() => {
    const {apply, show} = window.mara;
    window.told = {apply, show};
    Object.assign(window.mara, {apply: () => {}, show: () => {}});
}"""


A_FULL_HOUR = re.compile(r"^2025-07-\d\d \d\d:00$")
"""Pattern of a begin that the form of maintenance proposes."""
MOST_TABS = 60
LABEL_OF_FOCUS = """() => {
    const element = document.activeElement;
    return (element.ariaLabel || element.labels?.[0]?.innerText || element.innerText || "").trim();
}"""
IS_SETTLED = """(width) => {
    const stands = (chart) => !chart.clientWidth || chart.querySelector(".main-svg");
    const moves = (one) => one.playState === "running" && one.effect.getTiming().iterations !== Infinity;
    return window.innerWidth === width && document.fonts.status === "loaded"
        && [...document.querySelectorAll(".line-chart, .doughnut")].every(stands)
        && !document.querySelector(".leaflet-zoom-anim, .leaflet-pan-anim") && !document.getAnimations().some(moves);
}"""


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Run the longest modules first, so that all workers end together."""
    yield
    places = {f"test_{name}.py": place for place, name in enumerate(LONGEST_FIRST)}
    here = Path(__file__).parent
    items.sort(key=lambda item: places.get(item.path.name, len(places)) if item.path.parent == here else -1)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the servers' imports begin while the browser starts."""
    if not session.config.option.collectonly and any(item.get_closest_marker("browser") for item in session.items):
        NURSERY.prepare(environment())


@dataclass
class Visit:
    """A page that is drawn, with its error messages."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    @contextmanager
    def foreign_requests(self) -> Iterator[list[str]]:
        """Addresses outside this machine that the page asks for meanwhile."""
        found: list[str] = []

        def look(request: Request | WebSocket) -> None:
            if FOREIGN.match(request.url):
                found.append(request.url)

        self.page.on("request", look)
        self.page.on("websocket", look)
        yield found
        self.page.remove_listener("request", look)
        self.page.remove_listener("websocket", look)


@pytest.fixture(scope="session", autouse=True)
def _nursery_ends() -> Iterator[None]:
    yield
    NURSERY.close()


@contextmanager
def running_app(
    words: Sequence[str] = ("tests.browser.fake_app",),
    folder: Path = ROOT,
    port: int = 0,
    settings: Mapping[str, str] = NO_SETTINGS,
) -> Iterator[tuple[str, Copy]]:
    """Run a module as a server process on a port; yield once it serves, end it after."""
    port = port or free_port()
    readable, writable = os.pipe()
    with open(readable) as said:
        try:
            app = NURSERY.begin([*words, str(port)], folder, environment() | dict(settings), writable)
        finally:
            os.close(writable)
        try:
            found = re.search(rf"https?://127\.0\.0\.1:{port}", said.readline())
            assert found is not None
            yield found[0], app
        finally:
            app.terminate()
            app.wait(END_TIMEOUT_S)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with running_app() as (where, _):
        yield where


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield started
        started.close()


@contextmanager
def new_tab(browser: Browser, *, knows_mara: bool = True) -> Iterator[Visit]:
    """A page of a browser without cookies, in which the introductory tour is closed."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(HOLD_BREATH)
    if knows_mara:
        context.add_init_script(SEEN_THE_TOUR)
    opened = Visit(context.new_page())
    page = opened.page
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on(
        "console",
        lambda line: opened.complaints.append(line.text) if line.type in {"error", "warning"} else None,
    )
    try:
        yield opened
    finally:
        context.close()


@pytest.fixture(scope="session")
def kept_tab(browser: Browser) -> Iterator[Visit]:
    """The page that all tests share, because it has compiled the scripts already.

    Compiling them is most of the cost of a first visit.
    """
    with new_tab(browser) as opened:
        yield opened


@pytest.fixture
def tab(kept_tab: Visit, address: str) -> Iterator[Visit]:
    """The shared page, which is emptied when the test is over."""
    yield kept_tab
    leave(kept_tab, address)


def leave(tab: Visit, address: str) -> None:
    """Close the dialogs in a page and clear its recorded requests and errors."""
    page = tab.page
    page.goto(f"{address}{STATIC_URL}/favicon.svg")
    page.evaluate("localStorage.clear(), sessionStorage.clear()")
    page.context.clear_cookies()
    page.unroute_all()
    page.mouse.move(0, 0)
    tab.complaints.clear()


def rest(tab: Visit) -> None:
    """Take pointer and focus off a page that the next test looks at too, and forget its errors."""
    tab.page.mouse.move(0, 0)
    tab.page.evaluate("document.activeElement.blur(), scrollTo(0, 0)")
    tab.complaints.clear()


def visit(tab: Visit, address: str, *, size: tuple[int, int] = DESK, scheme: str = "dark") -> Visit:
    """Open the overview and wait until map and chart are drawn."""
    page = arrive(tab, address, size=size, scheme=scheme).page
    page.wait_for_selector("[data-land=drawn][data-borders=drawn]")
    page.wait_for_selector(".line-chart .main-svg", state="attached")
    page.wait_for_selector("path.site")
    return tab


def arrive(tab: Visit, address: str, *, size: tuple[int, int] = DESK, scheme: str = "dark") -> Visit:
    """Open any page, and wait until it is drawn."""
    width, height = size
    page = tab.page
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(address)
    page.wait_for_selector("html[data-engine]")
    return tab


def go_to(page: Page, label: str) -> None:
    """Press Tab until the element whose label begins so has the focus."""
    wanted = re.compile(label)
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if wanted.match(page.evaluate(LABEL_OF_FOCUS)):
            return
    raise AssertionError(f"{label} is not reached by Tab")


def choose(page: Page, option: str) -> None:
    """Press Down in the list that has the focus until the option that begins so is chosen."""
    page.keyboard.press("Home")
    for _ in range(MOST_TABS):
        if page.evaluate("document.activeElement.selectedOptions[0].label").startswith(option):
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"{option} is not among the options")


def settle(page: Page) -> None:
    """Wait until charts are drawn and nothing moves: resizing, zooming, fading.

    Each of them begins within two frames.
    """
    page.evaluate(TWO_FRAMES)
    assert page.viewport_size is not None
    page.wait_for_function(IS_SETTLED, arg=page.viewport_size["width"])


def look_at_each(page: Page, *sizes: tuple[int, int]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield each theme and size of the window once a page that stays open is drawn so."""
    for width, height in sizes:
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_selector(f"html[data-theme={scheme}]")
            settle(page)
            yield scheme, (width, height)


def deafen(page: Page) -> None:
    """Let a page ignore its server, so that only `window.told` of a test changes it."""
    page.evaluate(DEAFEN)


def picture(page: Page, name: str, *, full_page: bool = False) -> None:
    """Save a screenshot for people to judge, if PICTURES is set; no test reads it."""
    if os.environ.get("PICTURES"):
        page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=full_page)
