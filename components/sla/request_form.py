"""Form for a contract request, priced while it is typed, and for its booking.

Each browser has its own form, which shows the answers to its own requests.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any, Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared import format as text
from components.shared.theme import BROWSER_MODULES, element
from components.shared.view_model import Shown, cell
from mara.core.contract import TIER_KEYS
from mara.core.market import REGION_KEYS
from mara.core.quote import Alternative, Booking, Quote, QuoteRequest, Risk
from mara.errors import MaraError

REGIONS: Final = (("", "None, UTC"), *zip(REGION_KEYS, ("Americas", "Europe", "Asia-Pacific"), strict=True))
SURE_SHARE: Final = 0.01
DOUBTFUL_SHARE: Final = 0.10
"""Probability of a miss that counts as danger; up to `SURE_SHARE` it is safe."""
LONGEST_TEXT: Final = 80
SIZE_HINT: Final = "IT power on inference racks, at one site."


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestActions:
    """Functions that the form calls; a refusal is a MaraError of one line."""

    quote: Callable[[QuoteRequest], Awaitable[Quote]]
    book: Callable[[str, str], Awaitable[Booking]]
    """Takes the quote's id and the customer."""


class RequestForm(ui.element, component="request_form.js", esm=BROWSER_MODULES):
    """Element of the request form; `compact` is for a narrow place.

    It follows the channel `moment` for the countdown of an offer.
    """

    def __init__(self, actions: RequestActions, *, compact: bool) -> None:
        super().__init__()
        self._actions = actions
        self.props["tiers"] = [{"key": tier, "label": tier.capitalize()} for tier in TIER_KEYS]
        self.props["regions"] = [{"key": key, "label": label} for key, label in REGIONS]
        self.props["compact"] = compact
        self.props["hint"] = SIZE_HINT
        self.props["offer"] = {}
        self.props["booking"] = {}
        self.on("order-quote", self._quote)
        self.on("order-book", self._book)
        self.mark("request-form")

    def show_undone(self, contract_id: str) -> None:
        """Show that a booking made in this form was undone, if it is still shown."""
        if self.props["booking"].get("contract") == contract_id and not self.client.is_deleted:
            self.props["booking"] = {**self.props["booking"], "text": "Undone: it is not booked any more."}
            self.update()

    async def _quote(self, event: GenericEventArguments) -> None:
        """Answer a request under its number, so that the browser drops outdated answers."""
        given = event.args if isinstance(event.args, dict) else {}
        number = _number(given.get("number"))
        try:
            shown = offer_props(await self._actions.quote(ask_of(given)))
        except MaraError as error:
            shown = {"error": str(error)}
        self.props["offer"] = {**shown, "number": int(number) if isfinite(number) else 0}
        self.update()

    async def _book(self, event: GenericEventArguments) -> None:
        given = event.args if isinstance(event.args, dict) else {}
        quote_id = _text(given.get("id"))
        try:
            shown = booking_props(await self._actions.book(quote_id, _text(given.get("customer"))))
        except MaraError as error:
            shown = {"error": str(error)}
        self.props["booking"] = {**shown, "id": quote_id}
        self.update()


def request_form(actions: RequestActions, *, compact: bool = False) -> RequestForm:
    """Draw the form; it has no panel of its own."""
    with element("div", "request"):
        return RequestForm(actions, compact=compact)


def ask_of(given: Mapping[str, Any]) -> QuoteRequest:
    """Read the form without validation; non-numbers become NaN, which pricing refuses."""
    return QuoteRequest(
        tier=_text(given.get("tier")),
        power_mw=_number(given.get("power")),
        duration_h=_number(given.get("hours")),
        customer=_text(given.get("customer")),
        region=_text(given.get("region")),
    )


def offer_props(quote: Quote) -> dict[str, Any]:
    """Convert a quote to the form's texts, and the time at which it expires."""
    tick_s = (quote.ends_at - quote.starts_at).total_seconds() / (quote.ends_tick - quote.starts_tick)
    shown: dict[str, Any] = {
        "id": quote.id,
        "price": text.number(quote.price_usd_per_mwh),
        "charge": f"{text.usd_in_short(quote.charge_usd)} for {text.duration(60 * quote.duration_h)}",
        "costs": _costs(quote),
        "site": quote.landing.site_name if quote.landing else "",
        "why": _why(quote),
        "risk": _risk(quote.risk, quote),
        "starts": text.utc_moment(quote.starts_at),
        "expires_s": int(quote.expires_at.timestamp()),
        "tick_s": tick_s,
        "refusal": _sentence(quote.refusal),
        "alternatives": [_alternative(other) for other in quote.alternatives],
    }
    return shown


def booking_props(booking: Booking) -> dict[str, Any]:
    """Describe a booking in a sentence."""
    quote = booking.quote
    said = (
        f"Ordered: {text.mw(quote.power_mw)} {quote.tier.capitalize()} for {booking.customer} at "
        f"{text.number(quote.price_usd_per_mwh)} USD/MWh, from {text.utc_moment(booking.starts_at)}, as "
        f"{booking.contract_id}. It is stored, and waits for the next tick."
    )
    return {"text": said, "contract": booking.contract_id}


def _costs(quote: Quote) -> list[dict[str, str]]:
    """Return the parts of the price: label, text and explanation."""
    exact = quote.exact_cost_usd_per_mwh is not None
    how = (
        "What the fleet's best plan earns without it less what it earns with it, a day ahead."
        if exact
        else "By shadow prices: a floor, the fleet is too large to plan it twice while you wait."
    )
    costs = [
        ("List price", quote.list_price_usd_per_mwh, "Base rate times the tier's multiple."),
        ("Costs the fleet", quote.marginal_cost_usd_per_mwh, how),
    ]
    if exact:
        floor = "What the plan's prices say of the first megawatt: a floor."
        costs.append(("Shadow price", quote.dual_cost_usd_per_mwh, floor))
    return [{"label": label, "text": text.number(price), "hint": hint} for label, price, hint in costs]


def _why(quote: Quote) -> str:
    return _sentence(text.sentence(quote.landing.why)) if quote.landing else ""


def _risk(risk: Risk | None, quote: Quote) -> dict[str, Any]:
    """Return expected bad ticks against the budget, and the probability of more."""
    if quote.landing is None:
        return {}
    if risk is None:
        runs = text.percent(quote.served_share, 0)
        return {"label": "Best effort", "ticks": cell(f"would run {runs} of the next hours"), "miss": "", "hint": ""}
    share = risk.bad_ticks / risk.budget_ticks if risk.budget_ticks else float(risk.bad_ticks > 0.0)
    state = "good" if risk.miss_share <= SURE_SHARE else "warn" if risk.miss_share < DOUBTFUL_SHARE else "bad"
    ticks: Shown = cell(f"{text.significant(risk.bad_ticks)} of {text.number(risk.budget_ticks)}", state, share)
    return {
        "label": "Expected bad ticks",
        "ticks": ticks,
        "miss": f"{_chance(risk.miss_share)} risk of a miss",
        "state": state,
        "hint": _risk_hint(risk),
    }


def _risk_hint(risk: Risk) -> str:
    seen = (
        f"outages of the site counted over {text.ticks(risk.seen_ticks)}" if risk.seen_ticks else "no outages counted"
    )
    return (
        f"{text.significant(risk.planned_bad_ticks)} shed as planned inside the budget and "
        f"{text.significant(risk.outage_bad_ticks)} by outages: {seen}, one in twenty days assumed beside them; "
        f"{text.percent(risk.cover_share, 0)} of it is covered elsewhere when the site fails."
    )


def _chance(share: float) -> str:
    if share < 0.001:
        return "below 0.1 %"
    return text.percent(share, 1)


def _alternative(other: Alternative) -> dict[str, Any]:
    """Convert an alternative: one with `power` can be chosen, others are for later."""
    shown: dict[str, Any] = {"kind": other.kind, "text": _sentence(text.sentence(other.text))}
    if other.kind == "later":
        return shown
    return {**shown, "tier": other.tier, "power": f"{other.power_mw:g}", "hours": f"{other.duration_h:g}"}


def _sentence(words: str) -> str:
    """Add a capital and a full stop to words; empty stays empty."""
    if not words:
        return ""
    return words[0].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _text(value: object) -> str:
    return str(value or "").strip()[: LONGEST_TEXT + 1]


def _number(value: object) -> float:
    try:
        return float(str(value).replace(",", "."))
    except ValueError:
        return nan
