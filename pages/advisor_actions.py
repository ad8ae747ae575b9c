"""What the buttons that ask Claude do, wherever they stand."""

from collections.abc import Awaitable, Callable

from components.shared.question_box import Ask
from mara.api.security.permissions import Permission
from pages.authorization import Authorized
from pages.frame import told
from pages.serving.callers import why_not_here


def asking(platform: Authorized) -> Callable[[], Awaitable[object]]:
    """Asks for advice on the plan in force, and tells who pressed what comes next."""
    return lambda: told(platform.ask_claude(), "Claude is asked: its answer is weighed before it runs.")


def explaining(platform: Authorized) -> Ask | None:
    """Answers a question by Claude, over what is stored; None where nobody can be asked in this run, or whoever looks
    may not.
    """
    advisor = platform.advisor
    if advisor is None or advisor.state.state == "off" or why_not_here(Permission.ASK_CLAUDE):
        return None
    return platform.explained
