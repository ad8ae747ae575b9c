"""The SLA page in a browser: price while typing, booking, filters, contract sheet."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, Visit, arrive, look_at_each, picture

pytestmark = pytest.mark.browser

OFFERED, REFUSED, BOOKED = "[data-answer=offered]", "[data-answer=refused]", "[data-answer=booked]"


@pytest.fixture
def page(tab: Visit, address: str) -> Iterator[Page]:
    visited = arrive(tab, f"{address}/sla")
    visited.page.wait_for_selector(".promise-table")
    # what tests of another module ordered on this server a moment ago can be undone here too
    expect(visited.page.locator(".undo-row")).to_have_count(0)
    yield visited.page
    assert visited.complaints == []


def typed(page: Page, power: str, hours: str = "48") -> None:
    page.get_by_label("Power").fill(power)
    page.get_by_label("Duration").fill(hours)


def test_a_price_appears_while_one_types_and_follows_what_is_typed(page: Page) -> None:
    expect(page.locator(".request-answer")).to_contain_text("Enter power and duration")
    page.get_by_label("Tier", exact=True).first.select_option("flexible")
    typed(page, "5")
    page.wait_for_selector(OFFERED)
    first = page.locator(".request-big").inner_text()
    typed(page, "15")
    expect(page.locator(".request-big")).not_to_have_text(first)
    expect(page.locator(".request-answer")).to_contain_text("Texas USA")
    typed(page, "")
    expect(page.locator(".request-answer")).to_contain_text("Enter power and duration")


def test_enter_in_a_field_asks_for_a_price_and_never_books(page: Page) -> None:
    typed(page, "5")
    page.wait_for_selector(OFFERED)
    typed(page, "6")
    page.keyboard.press("Enter")
    expect(page.locator(".request-price")).to_contain_text("86.4 kUSD")
    for _ in range(3):
        page.wait_for_timeout(450)
        page.keyboard.press("Enter")
    expect(page.locator(BOOKED)).to_have_count(0)
    expect(page.get_by_role("button", name="Book it")).to_have_count(0)


def test_a_booking_asks_first_and_can_be_undone(page: Page) -> None:
    typed(page, "6")
    page.wait_for_selector(OFFERED)
    page.get_by_role("button", name="Book …").click()
    expect(page.locator(".request-question")).to_contain_text("Book 6 MW standard for 48 h at Texas USA")
    picture(page, "sla-question")
    page.get_by_role("button", name="Not yet").click()
    expect(page.locator(OFFERED)).to_have_count(1)
    page.get_by_role("button", name="Book …").click()
    page.wait_for_timeout(450)
    page.keyboard.press("Enter")  # the question has the focus
    expect(page.locator(BOOKED)).to_contain_text("Ordered: 6.0 MW Standard")
    bar = page.locator(".undo-bar")
    expect(bar).to_contain_text("booked for")
    picture(page, "sla-undo")
    bar.get_by_role("button", name="Undo").click()
    expect(page.locator(BOOKED)).to_have_text("Undone: it is not booked any more.")


def test_esc_closes_a_contract_and_cancels_nothing(page: Page) -> None:
    page.locator(".row-button").first.click()
    page.wait_for_selector("dialog.contract-sheet[open] .tick-strip")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.contract-sheet[open]")).to_have_count(0)
    page.locator(".row-button").first.click()
    page.get_by_role("button", name="Cancel …").click()
    page.get_by_role("button", name="Keep it").focus()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.contract-sheet[open]")).to_have_count(0)
    page.wait_for_timeout(500)
    expect(page.locator(".undo-row")).to_have_count(0)


def test_a_cancel_is_held_for_a_moment_and_undone(page: Page) -> None:
    page.locator(".row-button").first.click()
    page.get_by_role("button", name="Cancel …").click()
    page.get_by_role("button", name="Cancel the contract").click()
    bar = page.locator(".undo-bar")
    expect(bar).to_contain_text("goes out in")
    expect(page.locator("dialog.contract-sheet[open]")).to_have_count(0)
    bar.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: Cancel ")).to_be_visible()
    expect(page.locator(".undo-row")).to_have_count(0)


def test_a_refusal_says_what_would_fit_and_one_click_asks_for_it(page: Page) -> None:
    typed(page, "200")
    page.wait_for_selector(REFUSED)
    expect(page.locator(".request-go")).to_have_text("Quote")
    page.get_by_role("button", name="8.0 MW at one site.").click()
    page.wait_for_selector(OFFERED)
    expect(page.get_by_label("Power")).to_have_value("8")


def test_the_price_counts_down_with_simulated_time(page: Page) -> None:
    typed(page, "5")
    page.wait_for_selector(OFFERED)
    left = page.get_by_text("ticks more.")
    expect(left).not_to_have_text(left.inner_text())


def test_contracts_are_found_by_state_tier_and_name(page: Page) -> None:
    rows = page.locator(".promise-table tbody tr")
    expect(rows).to_have_count(41)
    page.get_by_role("button", name="Ended").click()
    expect(rows).to_have_count(12)
    page.get_by_role("button", name="All").click()
    page.get_by_label("Customer or contract").fill("c03")
    expect(rows).to_have_count(10)
    page.get_by_label("Tier", exact=True).last.select_option("spot")
    expect(rows).to_have_count(5)
    page.get_by_label("Customer or contract").fill("nobody")
    expect(page.get_by_text("No contract matches these filters")).to_be_visible()


def test_filters_and_order_stand_in_the_address_and_a_link_shows_the_same(page: Page) -> None:
    page.get_by_role("button", name="All").click()
    page.get_by_label("Customer or contract").fill("c03")
    power = page.locator(".promise-table th", has_text="MW")
    power.get_by_role("button").click()
    power.get_by_role("button").click()
    expect(power).to_have_attribute("aria-sort", "descending")
    page.wait_for_url("**/sla?state=all&search=c03&sort=-power")
    page.reload()
    expect(page.locator(".promise-table tbody tr")).to_have_count(10)
    expect(power).to_have_attribute("aria-sort", "descending")
    shown = [float(text) for text in page.locator(".promise-table tbody td:nth-child(3)").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    assert page.get_by_role("link", name="CSV").get_attribute("href") == "/api/contracts.csv?search=c03"


def test_a_contract_opens_by_keyboard_and_gives_the_focus_back(page: Page) -> None:
    row = page.locator(".row-button").first
    row.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.contract-sheet[open] .tick-strip")
    assert page.locator("rect.tick-bad").count() == 3
    page.get_by_role("button", name="Cancel …").click()
    page.get_by_role("button", name="Keep it").click()
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="Download evidence").click()
    assert downloaded.value.suggested_filename.endswith(".csv")
    page.keyboard.press("Escape")
    expect(row).to_be_focused()


def test_nothing_stands_out_of_the_screen(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/sla", size=PHONE).page
    page.wait_for_selector(".promise-table")
    typed(page, "5")
    page.wait_for_selector(OFFERED)
    for scheme, (width, _) in look_at_each(page, PHONE, DESK):
        picture(page, f"sla-{scheme}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth") == width, scheme
