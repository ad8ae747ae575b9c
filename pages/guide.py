"""Words, formulas behind every figure, shortcuts, and the tour again."""

from typing import Final

from nicegui import ui

from components.help_panels import chapters, key_panel, tier_panel, word_panel
from components.past import Past
from components.picture import Picture
from components.theme import element
from components.tour import tour
from mara.runtime.latest import Published
from pages.authorization import Authorized
from pages.frame import frame
from pages.live import Publisher

PATH: Final = "/help"


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the help at `/help`."""

    @ui.page(PATH, title="Help, Mara", dark=None)
    def help_page() -> None:
        picture = publisher.open(ui.context.client, help_picture)
        with frame(platform, publisher, picture["cells"], PATH), element("div", "leaf help"):
            with element("div", "leaf-head"):
                element("h1", "", "Help")
                element("p", "place", "What the figures mean, and how each is computed")
            with element("div", "help-grid"):
                word_panel()
                key_panel()
            chapters()
            tier_panel()
            tour(opens_by_itself=False)


def help_picture(_: Published, __: Past) -> Picture:
    """The page itself does not change; the frame around it does."""
    return {}
