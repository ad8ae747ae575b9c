"""Help page: words, formulas of every figure, keyboard shortcuts, and the tour.

Its texts are written in `components.help`; this module arranges them.
"""

from nicegui import ui

from components.help.help_panels import chapters, key_panel, tier_panel, word_panel
from components.help.tour import tour
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.theme import element
from components.shared.view_model import ViewModel
from mara.api import paths
from mara.runtime.published_state import PublishedState
from pages.authorization import Authorized
from pages.frame import frame
from pages.serving.publisher import Publisher


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the help page."""

    @ui.page(paths.HELP, title="Help, Mara", dark=None)
    def help_page() -> None:
        picture = publisher.open(ui.context.client, help_picture)
        with frame(platform, publisher, picture["cells"], paths.HELP), element("div", "leaf help").props("data-as-is"):
            with element("div", "leaf-head"):
                element("h1", "", "Help")
                element("p", "place", "What the figures mean, and how each is computed")
            with element("div", "help-grid"):
                word_panel()
                key_panel()
            chapters()
            tier_panel()
            tour(opens_by_itself=False)


def help_picture(_: PublishedState, __: KeyFigureHistory) -> ViewModel:
    """Return no channels: the page does not change, only the frame around it."""
    return {}
