"""What surrounds every page: head, bar with clock and controls, notice; yields where the page draws itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from components.controls import Actions, clock_and_state, notice, run_controls, theme_switch
from components.picture import Channel
from components.theme import element, head_html, icon
from mara.errors import MaraError
from pages.live import Platform, Publisher

STEP_TICKS = 1


@contextmanager
def frame(cells: Channel, actions: Actions) -> Iterator[None]:
    """Draw the frame from the cells of the first picture; the page goes inside."""
    ui.add_head_html(head_html())
    with element("div", "screen"):
        with element("header", "topbar panel"):
            icon("logo").classes("logo")
            with element("div", "brand"):
                element("h1", "brand-name", "Mara")
            clock_and_state(cells)
            run_controls(cells, actions)
            theme_switch()
        notice(cells)
        yield


def actions_of(platform: Platform, publisher: Publisher) -> Actions:
    """The buttons' deeds: what is refused is said, what is done shows at once."""

    def done(command: Callable[[], object]) -> None:
        try:
            command()
        except MaraError as error:
            ui.notify(str(error), type="warning")
        publisher.look()

    return Actions(
        pause=lambda: done(platform.pause),
        resume=lambda: done(platform.resume),
        step=lambda: done(lambda: platform.step(STEP_TICKS)),
        set_speed=lambda speed: done(lambda: platform.set_speed(speed)),
    )
