"""Whole pieces of work by keys alone: the focus is always where the next key is wanted."""

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect

from tests.browser.conftest import A_FULL_HOUR, PHONE, Visit, arrive, choose, go_to

pytestmark = pytest.mark.browser

TWO_TAPS_MS = 450
"""Time after which a second press is meant for the question, not for the button before it."""


def test_a_contract_is_booked_and_another_cancelled_and_both_are_undone(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/sla").page
    page.wait_for_selector(".promise-table")
    page.get_by_label("Power").focus()
    page.keyboard.type("6")
    go_to(page, "Duration")
    page.keyboard.type("48")
    page.wait_for_selector("[data-answer=offered]")
    go_to(page, "Book …")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Book it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Book …")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_timeout(TWO_TAPS_MS)
    page.keyboard.press("Enter")
    expect(page.locator("[data-answer=booked]")).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator("[data-answer=booked]")).to_have_text("Undone: it is not booked any more.")

    row = page.locator(".row-button").first
    row.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.contract-sheet[open] .tick-strip")
    go_to(page, "Cancel …")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Cancel …")).to_be_focused()
    page.keyboard.press("Enter")
    go_to(page, "Cancel the contract")
    page.keyboard.press("Enter")
    expect(row).to_be_focused()
    page.keyboard.press("u")
    expect(page.get_by_text("Undone: Cancel ")).to_be_visible()
    assert not tab.complaints


def test_maintenance_is_announced_and_a_standing_one_taken_back(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/calendar", size=PHONE).page
    page.get_by_label("Site", exact=True).focus()
    choose(page, "Japan")
    go_to(page, "Begins")
    expect(page.locator("#maintenance-begins")).to_have_value(A_FULL_HOUR)
    go_to(page, "Reason")
    page.keyboard.type("filters")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Back", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    announce = page.get_by_role("button", name="Announce …")
    expect(announce).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Back", exact=True)).to_be_focused()
    go_to(page, "Announce it")
    page.keyboard.press("Enter")
    expect(announce).to_be_focused()
    page.keyboard.press("u")
    expect(page.get_by_text("Undone: Maintenance of Japan Tokyo")).to_be_visible()

    back = page.get_by_role("button", name="Take back … Norway Oslo")
    back.press("Enter")
    expect(page.get_by_role("button", name="Leave it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(back).to_be_focused()
    page.keyboard.press("Enter")
    go_to(page, "Take it back")
    page.keyboard.press("Enter")
    expect(back).to_be_focused()
    page.keyboard.press("u")
    expect(page.get_by_text("Undone: Taking back what is announced for Norway Oslo")).to_be_visible()
    assert not tab.complaints


def test_a_site_is_armed_with_a_reason(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/operations").page
    form = page.get_by_role("form", name="Let the plan reach the devices of a site")
    form.get_by_label("Site").focus()
    choose(page, "Ireland")
    go_to(page, "Mode")
    choose(page, "Act")
    go_to(page, "Reason")
    page.keyboard.press("Enter")
    expect(form.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("acceptance test")
    page.keyboard.press("Enter")
    row = page.get_by_role("row").filter(has_text="Ireland Dublin")
    expect(row).to_contain_text("Act")
    expect(form.get_by_label("Reason")).to_be_focused()
    assert not tab.complaints


def test_an_alert_is_silenced_and_the_question_left_by_escape(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/alerts").page
    page.get_by_role("button", name="All", exact=False).first.focus()
    page.keyboard.press("Enter")
    first = page.locator(".alert[data-state=open]").last
    first.get_by_role("button", name="Silence").press("Enter")
    expect(first.get_by_label("Silence for")).to_be_focused()
    page.keyboard.press("Escape")
    expect(first.get_by_role("button", name="Silence")).to_be_focused()
    page.keyboard.press("Enter")
    number = first.get_attribute("id")
    go_to(page, "Silence$")
    page.keyboard.press("Enter")
    expect(page.locator(f"#{number}").get_by_role("button", name="End silence")).to_be_focused()
    expect(page.get_by_role("status", name="Can be undone")).to_contain_text("Silenced")
    assert [rule["id"] for rule in Axe().run(page, ".undo-bar").response["violations"]] == []
    page.keyboard.press("Enter")
    expect(page.locator(f"#{number}[data-state=open]")).to_be_attached()
    assert not tab.complaints


def test_the_focus_is_not_fetched_back_where_somebody_left_the_control_before_it_went(tab: Visit, address: str) -> None:
    page = arrive(tab, f"{address}/alerts").page
    button = page.locator(".alert button").first
    button.focus()
    page.evaluate("document.activeElement.closest('.alert').remove()")
    expect(page.locator(".alert :is(a, button)").first).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    page.evaluate("new Promise((done) => setTimeout(done, 20))")
    page.evaluate("document.querySelector('.alert').remove()")
    page.evaluate("new Promise((done) => requestAnimationFrame(done))")
    assert page.evaluate("document.activeElement === document.body")
