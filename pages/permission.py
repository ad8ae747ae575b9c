"""Who looks at a screen, and what they may do there."""

from nicegui import ui

from mara.api.identity import Identity, identity_in


def who_looks() -> Identity:
    """Who asked for the page that is being drawn or clicked."""
    return identity_in(ui.context.client.request.scope)


def demand_operator() -> None:
    """Insist that the one who clicked may change something.

    Raises:
        CommandError: they may only look.
    """
    who_looks().demand("operator")
