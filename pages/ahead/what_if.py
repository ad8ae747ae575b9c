"""Page of what-if questions: the plan of the next day under other conditions."""

from typing import Final

from nicegui import ui

from components.ahead.what_if_panel import SizeLimits, what_if_panel
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.theme import element, page_tabs
from components.shared.view_model import ViewModel
from mara.api import paths
from mara.runtime.live.what_if_desk import MOST_EXACT_SITES, MOST_SITES
from mara.runtime.published_state import PublishedState
from pages.ahead.forecast import TABS
from pages.authorization import Authorized
from pages.frame import frame
from pages.serving.publisher import Publisher

LIMITS: Final = SizeLimits(exact_sites=MOST_EXACT_SITES, most_sites=MOST_SITES)


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the page of what-if questions."""

    @ui.page(paths.WHAT_IF, title="Mara: what if", dark=None)
    def what_if() -> None:
        picture = publisher.open(ui.context.client, no_channels)
        snapshot = platform.publisher.read().snapshot
        with frame(platform, publisher, picture["cells"], paths.FORECAST), element("div", "leaf"):
            with element("div", "leaf-head"):
                element("h1", "", "What if")
                element("p", "place", "What the linear program would plan, and earn, under other conditions")
                page_tabs(TABS, paths.WHAT_IF)
            if snapshot is None:
                element("p", "note", "No tick is settled yet: load the page again after the first one.")
                return
            what_if_panel(platform.what_if, snapshot.sites, LIMITS)


def no_channels(_: PublishedState, __: KeyFigureHistory) -> ViewModel:
    """Return no channels: an answer goes to whoever asked, not to all viewers."""
    return {}
