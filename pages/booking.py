"""The form that quotes and books, wherever it stands: what was booked can be undone for a moment."""

from components.shared.theme import element
from components.sla.request_form import RequestActions, request_form
from mara.api.security.permissions import Permission
from mara.core.quote import Booking
from pages.authorization import Authorized
from pages.serving.callers import why_not_here


def request_panel(platform: Authorized, *, compact: bool = False) -> None:
    """Draw the form, or why whoever looks may not use it."""
    refusal = why_not_here(Permission.QUOTE) or why_not_here(Permission.BOOK)
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
