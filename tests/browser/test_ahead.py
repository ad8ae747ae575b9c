"""Pages of what is to come, in a browser: the plan by hour, the calendar, and what-if questions."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import A_FULL_HOUR, PHONE, Visit, arrive, picture

pytestmark = pytest.mark.browser


def test_a_what_if_question_is_entered_by_keyboard_and_answered_beside_the_present_plan(
    tab: Visit, address: str
) -> None:
    page = arrive(tab, f"{address}/what-if", size=PHONE).page
    page.get_by_label("Turn off").select_option("oslo")
    page.get_by_role("button", name="Turn Norway Oslo on again").press("Enter")
    expect(page.get_by_role("button", name="Turn Norway Oslo on again")).to_have_count(0)
    page.get_by_label("Hashprice, %").fill("lots")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text(
        "the hashprice in percent should be a number, 'lots' came: correct it"
    )
    page.get_by_label("Hashprice, %").fill("-30")
    ask = page.get_by_role("button", name="Ask", exact=True)
    ask.press("Enter")
    expect(page.locator(".what-if-gain")).to_have_text("\u2212114\u202f249 USD")
    expect(ask).to_be_focused()
    expect(page.get_by_role("region", name="By site").locator("tbody tr").first).to_contain_text("\u2192")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, "what-if-phone", full_page=True)
    assert not tab.complaints


def test_the_plan_by_hour_is_sorted_by_any_hour_and_remembers_its_quantity(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/forecast").page
    table = page.locator(".heat-table")
    page.get_by_role("button", name="Price", exact=True).click()
    expect(table.locator("tbody td.heat").first).to_contain_text(".")
    expect(table.locator("caption")).to_have_text("Price by site and hour, USD/MWh")
    table.get_by_role("button", name="Site").press("Enter")
    expect(table.locator("tbody th").first).to_have_text("Australia Sydney")
    table.locator("thead button").nth(5).press("Enter")
    expect(table.locator("thead th").nth(5)).to_have_attribute("aria-sort", "descending")
    page.reload()
    expect(table.locator("caption")).to_have_text("Price by site and hour, USD/MWh")
    assert not tab.complaints


def test_maintenance_is_announced_from_the_calendar_in_local_times_and_can_be_undone(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/calendar", size=PHONE).page
    expect(page.locator(".calendar-table")).to_contain_text("maintenance: pump, by ada (4 contracts)")
    page.get_by_role("button", name="By contract").press("Enter")
    expect(page.locator(".calendar-table")).to_contain_text("customer order: test, by ada")
    page.get_by_label("Site", exact=True).select_option("tokyo")
    begins = page.get_by_label("Begins", exact=True)
    expect(begins).to_have_value(A_FULL_HOUR)
    proposed = begins.input_value()
    page.get_by_label("Times in", exact=True).select_option("Asia/Tokyo")
    expect(begins).not_to_have_value(proposed)
    begins.fill("2025-07-10T09:00")
    page.get_by_label("Ends", exact=True).fill("2025-07-10T10:00")
    page.get_by_label("Reason", exact=True).fill("filters")
    page.keyboard.press("Enter")
    asked = page.get_by_role("group", name="Announce it")
    expect(asked.get_by_role("button", name="Back")).to_be_focused()
    expect(asked).to_contain_text("10 Jul 2025 00:00 UTC to 10 Jul 2025 01:00 UTC (09:00 to 10:00 in Asia/Tokyo)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, "calendar-phone", full_page=True)
    page.get_by_role("button", name="Announce it").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: Maintenance of Japan Tokyo")).to_be_visible()
    assert not tab.complaints
