"""The request form prices a contract while typing, explains refusals, books once."""

import asyncio
from dataclasses import replace

import pytest
from nicegui import ui
from nicegui.testing import User, user_simulation

from components.sla.request_form import RequestActions, RequestForm, ask_of, booking_props, offer_props, request_form
from mara.core.quote import QuoteRequest
from tests.ui.platform import FakePlatform
from tests.ui.quotes import booking_of, quote_for

TYPED = {"tier": "premium", "power": "5", "hours": "48", "customer": "Acme", "region": "europe", "number": 3}


async def send(user: User, event: str, given: object) -> None:
    """Send the form as a browser does; return the result."""
    user.find(marker="request-form").trigger(event, given)
    await asyncio.sleep(0.02)


async def opened(user: User, platform: FakePlatform) -> RequestForm:
    @ui.page("/form")
    def page() -> None:
        request_form(RequestActions(quote=platform.quote, book=platform.book), compact=True)

    await user.open("/form")
    form = user.find(marker="request-form").elements.pop()
    assert isinstance(form, RequestForm)
    return form


async def test_what_is_typed_is_priced_and_booked() -> None:
    platform = FakePlatform()
    async with user_simulation() as user:
        form = await opened(user, platform)
        assert (form.props["offer"], form.props["compact"]) == ({}, True)
        await send(user, "orderQuote", TYPED)
        assert platform.asked == [
            QuoteRequest(tier="premium", power_mw=5.0, duration_h=48.0, customer="Acme", region="europe"),
        ]
        offer = form.props["offer"]
        assert (offer["number"], offer["price"], offer["refusal"]) == (3, "525", "")
        await send(user, "orderBook", {"id": offer["id"], "customer": "Acme"})
        assert platform.booked == [("q-0001", "Acme")]
        assert form.props["booking"]["id"] == "q-0001"
        assert "5.0 MW Premium for Acme at 525 USD/MWh" in form.props["booking"]["text"]


async def test_what_is_no_number_is_said_as_the_engine_says_it() -> None:
    async with user_simulation() as user:
        form = await opened(user, FakePlatform())
        for power in ("", "five", None, "-3", {"a": 1}):
            await send(user, "orderQuote", {**TYPED, "power": power})
            assert "a contract has 0.01 to 100,000 MW" in form.props["offer"]["error"]
        await send(user, "orderQuote", "nonsense")
        assert form.props["offer"]["number"] == 0


async def test_a_booking_that_is_refused_says_why() -> None:
    platform = FakePlatform()
    async with user_simulation() as user:
        form = await opened(user, platform)
        await send(user, "orderBook", {"id": "q-none"})
        assert form.props["booking"] == {
            "id": "q-none",
            "error": "there is no open quote 'q-none': ask for one, and book it before it expires",
        }


def test_an_offer_tells_price_cost_site_risk_and_until_when() -> None:
    offer = offer_props(quote_for(QuoteRequest(tier="premium", power_mw=5.0, duration_h=48.0), tick=289))
    assert offer["charge"] == "126 kUSD for 2 d"
    assert [(cost["label"], cost["text"]) for cost in offer["costs"]] == [
        ("List price", "525"),
        ("Costs the fleet", "247"),
        ("Shadow price", "209"),
    ]
    assert offer["site"] == "Texas USA"
    assert offer["why"].startswith("273 USD/MWh, the least of 5 sites")
    assert offer["risk"]["ticks"] == {"text": "0.14 of 0", "state": "warn", "share": 1.0}
    assert offer["risk"]["miss"] == "9.5 % risk of a miss"
    assert (offer["expires_s"] - 1_751_328_000) / offer["tick_s"] == 289 + 48


def test_a_refusal_offers_what_would_fit_to_be_chosen() -> None:
    refused = offer_props(quote_for(QuoteRequest(tier="standard", power_mw=200.0, duration_h=48.0), tick=289))
    assert refused["refusal"].startswith("No site can hold 200.0 MW whole")
    smaller, split, later = refused["alternatives"]
    assert (smaller["power"], smaller["hours"], smaller["tier"]) == ("8", "48", "standard")
    assert split["text"] == "2 contracts of 4.8 MW at as many sites, 9.6 MW in all."
    assert "power" not in later


def test_spot_is_promised_nothing_and_a_large_fleet_has_no_second_solve() -> None:
    spot = offer_props(quote_for(QuoteRequest(tier="spot", power_mw=5.0, duration_h=48.0), tick=289))
    assert (spot["risk"]["label"], spot["risk"]["ticks"]) == ("Best effort", "would run 34 % of the next hours")
    large = replace(
        quote_for(QuoteRequest(tier="premium", power_mw=5.0, duration_h=48.0), 9), exact_cost_usd_per_mwh=None
    )
    assert [cost["label"] for cost in offer_props(large)["costs"]] == ["List price", "Costs the fleet"]


@pytest.mark.parametrize(("typed", "power_mw"), [("2,5", 2.5), (" 3 ", 3.0), ("1e2", 100.0)])
def test_a_comma_is_a_decimal_point(typed: str, power_mw: float) -> None:
    assert ask_of({"power": typed}).power_mw == power_mw


def test_names_stay_texts() -> None:
    quote = quote_for(QuoteRequest(tier="premium", power_mw=5.0, duration_h=48.0), 9)
    assert "<b>x</b>" in booking_props(booking_of(quote, "<b>x</b>"))["text"]
