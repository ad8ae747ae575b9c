"""What the button `Ask Claude` does, wherever it stands."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from mara.errors import MaraError
from pages.live import Platform
from pages.permission import demand_operator


def asking(platform: Platform) -> Callable[[], Awaitable[None]]:
    """Asks for advice on the plan in force, and tells who pressed what comes next."""

    async def ask() -> None:
        try:
            demand_operator()
            await platform.ask_claude()
        except MaraError as error:
            ui.notify(str(error), type="warning")
        else:
            ui.notify("Claude is asked: its answer is weighed before it runs.")

    return ask
