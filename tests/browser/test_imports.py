"""Market files on the backtest page in a real browser: inspected, built and run."""

from collections.abc import Iterator, Mapping

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import FilePayload, Page, expect

from tests.assembly.imports.desks import PRICES, price_bytes
from tests.browser.conftest import LABEL_OF_FOCUS, MOST_TABS, PHONE, Visit, arrive, go_to, picture, running_app, settle
from tests.browser.test_accessibility import SERIOUS

pytestmark = pytest.mark.browser

WORK_TIMEOUT_MS = 60_000
FILLED = {
    "Latitude of Germany/Luxembourg": "50.1",
    "Longitude of Germany/Luxembourg": "8.7",
    "g/kWh": "380",
    "Renewable, %": "45",
    "Dry bulb, C": "14",
    "USD/PH/day": "50",
    "USD for 1 EUR": "1.08",
}
"""Fields of the form that files do not fill."""


@pytest.fixture(scope="module")
def apart() -> Iterator[str]:
    """A dashboard whose import folder and backtests no other test uses."""
    with running_app() as (address, _):
        yield address


@pytest.fixture
def page(tab: Visit, apart: str) -> Page:
    return arrive(tab, f"{apart}/backtest").page


OWN = "\n".join(["Beginn;Preis", *(f"2024-03-01 {hour:02d}:00;{20 + hour}.5" for hour in range(24))]).encode()
"""A table that no publisher writes."""


def send(page: Page, name: str, content: bytes) -> None:
    page.get_by_label("Choose files").set_input_files(FilePayload(name=name, mimeType="text/csv", buffer=content))


def fill_by_tab(page: Page, values: Mapping[str, str]) -> None:
    """Go from field to field by Tab, and type what is wanted of each."""
    left = dict(values)
    for _ in range(2 * MOST_TABS):
        page.keyboard.press("Tab")
        label = page.evaluate(LABEL_OF_FOCUS)
        found = next((name for name in left if name in label), None)
        if found is not None:
            page.keyboard.type(left.pop(found))
        if not left:
            return
    raise AssertionError(f"{sorted(left)} are not reached by Tab")


def test_the_first_visitor_runs_a_shipped_history_by_one_key(page: Page) -> None:
    page.get_by_role("button", name="Run four_markets_2023").focus()
    page.keyboard.press("Enter")
    state = page.locator(".bt-state")
    expect(state).to_have_attribute("data-state", "running", timeout=WORK_TIMEOUT_MS)
    expect(state).to_be_in_viewport()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(state).to_contain_text("Cancelled after")


def test_a_market_file_becomes_a_history_that_can_be_deleted_and_brought_back(page: Page) -> None:
    send(page, "photo.csv", b"\x89PNG\r\n\x1a\n" * 20)
    expect(page.get_by_label("Uploads")).to_contain_text("should be in a layout")
    send(page, "large.csv", b"x" * 1_100_000)
    expect(page.get_by_label("Uploads")).to_contain_text("at most 1 MB are taken")
    send(page, PRICES, price_bytes())
    chosen = page.get_by_role("checkbox", name=f"uploads/{PRICES}")
    expect(chosen).to_be_checked()
    chosen.focus()
    page.keyboard.press("Space")
    expect(chosen).not_to_be_checked()
    page.keyboard.press("Space")
    go_to(page, "See what they are")
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name=f"Series of uploads/{PRICES}")).to_contain_text("Germany/Luxembourg")
    form = page.get_by_role("form", name="History")
    fill_by_tab(page, FILLED)
    form.get_by_role("button", name="Add a reserve price").press("Enter")
    form.get_by_label("Name of reserve 1").fill("fcr_up")
    form.get_by_label("Price of fcr_up of Germany/Luxembourg, USD/MW/h").fill("7.5")
    form.get_by_text("The SPEC that this makes").click()
    expect(form.get_by_label("SPEC", exact=True)).to_contain_text("usd_per.EUR = 1.08")
    expect(form.get_by_label("SPEC", exact=True)).to_contain_text("[site.reserve.fcr_up]\nconstant = 7.5")
    faults = [rule["id"] for rule in Axe().run(page).response["violations"] if rule["impact"] in SERIOUS]
    assert faults == []
    picture(page, "import-1440x900", full_page=True)
    form.get_by_label("Name", exact=True).focus()
    go_to(page, "Build history")
    page.keyboard.press("Enter")
    expect(page.locator(".build-state")).to_contain_text("is built: 959 rows", timeout=WORK_TIMEOUT_MS)
    expect(form.get_by_role("button", name="Build history")).to_be_focused()
    go_to(page, "Run germany-luxembourg")
    page.keyboard.press("Enter")
    expect(page.locator(".bt-state")).to_be_in_viewport(timeout=WORK_TIMEOUT_MS)
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete germany-luxembourg").press("Enter")
    go_to(page, "Delete$")
    page.keyboard.press("Enter")
    cards = page.get_by_role("list", name="Histories")
    expect(cards).not_to_contain_text("germany-luxembourg")
    assert page.evaluate("document.activeElement !== document.body"), "the focus stays near what has gone"
    page.get_by_role("button", name="Bring back germany-luxembourg").click()
    expect(cards).to_contain_text("germany-luxembourg")


def test_a_file_of_ones_own_is_described_by_keys_alone_on_a_phone_in_the_dark(tab: Visit, apart: str) -> None:
    page = arrive(tab, f"{apart}/backtest", size=PHONE, scheme="dark").page
    settle(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_label("Choose files").press("Enter")
    chooser.value.set_files(FilePayload(name="plant.csv", mimeType="text/csv", buffer=OWN))
    expect(page.get_by_role("checkbox", name="uploads/plant.csv")).to_be_checked()
    go_to(page, "See what they are")
    page.keyboard.press("Enter")
    form = page.get_by_role("form", name="Description of uploads/plant.csv")
    expect(form).to_be_visible()
    go_to(page, "Value column")
    page.keyboard.type("Preis")
    go_to(page, "Unit")
    page.keyboard.type("EUR/MWh")
    go_to(page, "Time column")
    page.keyboard.type("Beginn")
    go_to(page, "A time names the")
    page.keyboard.type("begin")
    go_to(page, "Step")
    page.keyboard.type("1 h")
    go_to(page, "Clock")
    page.keyboard.type("UTC")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    faults = [
        rule["id"] for rule in Axe().run(page, ".import-panel").response["violations"] if rule["impact"] in SERIOUS
    ]
    assert faults == []
    picture(page, "import-own-390x844", full_page=True)
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="Series of uploads/plant.csv")).to_contain_text("EUR")
    expect(page.get_by_role("form", name="History").get_by_label("Name of plant")).to_have_value("plant")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_a_site_stays_at_its_point_while_others_are_searched_for(page: Page) -> None:
    points = [f"NODE_{number:03d}" for number in range(120)]
    header = "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag"
    lines = [f"07/01/2024,{hour:02d}:00,{point},20.5,N" for point in points for hour in range(1, 25)]
    send(page, "nodes.csv", "\n".join([header, *lines]).encode())
    expect(page.get_by_role("checkbox", name="uploads/nodes.csv")).to_be_checked()
    page.get_by_role("button", name="See what they are").click()
    report = page.locator(".file-report")
    expect(report).to_contain_text("1 to 50 of 120 series")
    page.get_by_role("button", name="Next").click()
    expect(report).to_contain_text("51 to 100 of 120 series")
    page.get_by_role("button", name="Add a site at NODE_055").click()
    page.get_by_label("Find a point").fill("node_11")
    expect(report).to_contain_text("1 to 10 of 10 series with that in their names, of 120")
    page.get_by_role("button", name="Add a site at NODE_117").click()
    form = page.get_by_role("form", name="History")
    expect(form.get_by_text("Still open")).to_be_visible()
    expect(form.locator(".site-legend")).to_have_text(["NODE_055", "NODE_117"])
