"""Actions behind panels of several pages: to quote and book, and to ask Claude."""

from collections.abc import Awaitable, Callable

from components.shared.question_box import Ask
from components.shared.theme import element
from components.sla.request_form import RequestActions, request_form
from mara.api.security.permissions import Permission
from mara.core.quote import Booking
from pages.authorization import Authorized
from pages.frame import notify_outcome
from pages.serving.current_user import missing_right


def request_panel(platform: Authorized, *, compact: bool = False) -> None:
    """Draw the form that quotes and books, or the reason why this user may not use it.

    A booking can be undone for a few seconds.
    """
    refusal = missing_right(Permission.QUOTE) or missing_right(Permission.BOOK)
    if refusal:
        element("p", "note", f"No quotes and bookings here: {refusal}.").mark("request-refused")
        return

    async def book(quote_id: str, customer: str) -> Booking:
        booking = await platform.book(quote_id, customer)

        async def undo() -> None:
            await platform.cancel(booking.contract_id)
            form.show_undone(booking.contract_id)

        platform.undo.offer(f"{booking.contract_id} booked for {booking.customer}", undo)
        return booking

    form = request_form(RequestActions(quote=platform.quote, book=book), compact=compact)


def advice_action(platform: Authorized) -> Callable[[], Awaitable[object]]:
    """Make the action that asks Claude for advice, and shows the user the outcome."""
    return lambda: notify_outcome(platform.ask_claude(), "Claude is asked: its answer is weighed before it runs.")


def explanation_action(platform: Authorized) -> Ask | None:
    """Make the action in which Claude answers a question; None where not allowed."""
    advisor = platform.advisor
    if advisor is None or advisor.state.state == "off" or missing_right(Permission.ASK_CLAUDE):
        return None
    return platform.explained
