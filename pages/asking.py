"""What the buttons that ask Claude do, wherever they stand."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from components.why_box import Ask
from mara.core.explanation import Explanation
from mara.errors import MaraError
from mara.runtime.why_asked import explained_by_claude
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


def explaining(platform: Platform) -> Ask | None:
    """Answers a question by Claude, over what is stored; None where nobody can be asked in this run."""
    advisor = platform.advisor
    if advisor is None or advisor.state.state == "off":
        return None

    async def explain(question: str) -> Explanation:
        demand_operator()
        return await explained_by_claude(advisor, platform.archive.why, platform.latest.read().snapshot, question)

    return explain
