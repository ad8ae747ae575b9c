"""What whoever looks at a screen may do there."""

from nicegui import ui

from mara.api.identity import identity_in


def demand_operator() -> None:
    """Insist that the one who clicked may change something.

    Raises:
        CommandError: they may only look.
    """
    request = ui.context.client.request
    identity_in(request.scope).demand("operator")
