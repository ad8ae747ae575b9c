"""Market files on the backtest page in a real browser: from the first look to a history that runs."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import FilePayload, Page, expect

from tests.assembly.imports.desks import PRICES, price_bytes
from tests.browser.conftest import Visit, arrive, picture, running_app
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
    """A dashboard whose import folder and workbench no other test uses."""
    with running_app() as (address, _):
        yield address


@pytest.fixture
def page(tab: Visit, apart: str) -> Page:
    return arrive(tab, f"{apart}/backtest").page


def send(page: Page, name: str, content: bytes) -> None:
    page.get_by_label("Choose files").set_input_files(FilePayload(name=name, mimeType="text/csv", buffer=content))


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
    page.get_by_role("button", name="See what they are").click()
    expect(page.get_by_role("table", name=f"Series of uploads/{PRICES}")).to_contain_text("Germany/Luxembourg")
    form = page.get_by_role("form", name="History")
    for label, value in FILLED.items():
        form.get_by_label(label).last.fill(value)
    form.get_by_text("The SPEC that this makes").click()
    expect(form.get_by_label("SPEC", exact=True)).to_contain_text("usd_per.EUR = 1.08")
    faults = [rule["id"] for rule in Axe().run(page).response["violations"] if rule["impact"] in SERIOUS]
    assert faults == []
    picture(page, "import-1440x900", full_page=True)
    form.get_by_role("button", name="Build history").click()
    expect(page.locator(".build-state")).to_contain_text("is built: 959 rows", timeout=WORK_TIMEOUT_MS)
    page.locator(".build-run").click()
    expect(page.locator(".bt-state")).to_be_in_viewport(timeout=WORK_TIMEOUT_MS)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Delete germany-luxembourg").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    cards = page.get_by_role("list", name="Histories")
    expect(cards).not_to_contain_text("germany-luxembourg")
    page.get_by_role("button", name="Bring back germany-luxembourg").click()
    expect(cards).to_contain_text("germany-luxembourg")
