"""What surrounds every page: head, bar with pages, clock and controls, notices; yields where the page draws itself."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Final

from nicegui import ui

from components.clock import clock
from components.controls import Actions, notices, run_controls, state_chip, theme_switch
from components.outages import OutageDialog
from components.picture import Channel
from components.theme import address, element, head_html, icon
from mara.api.identity import LOCAL
from mara.core.commands import Command, Outage, Restore
from mara.errors import MaraError
from pages.live import Platform, Publisher
from pages.permission import demand_operator, who_looks

STEP_TICKS: Final = 1
PAGES: Final = (
    ("/", "Overview"),
    ("/sla", "SLA"),
    ("/optimizer", "Optimizer"),
    ("/backtest", "Backtest"),
    ("/help", "Help"),
)
"""Path and name of each page in the navigation; the key of its place, from 1, opens it."""
HELP_KEY: Final = "?"


@contextmanager
def frame(cells: Channel, actions: Actions, here: str = "") -> Iterator[None]:
    """Draw the frame from the cells of the first picture; the page goes inside. `here` is its path in PAGES."""
    ui.add_head_html(head_html())
    with element("div", "screen"):
        element("a", "skip", "Skip to the page").props('href="#page"')
        with element("header", "topbar panel"):
            with element("a", "brand").props(f'href="{address("/")}" aria-label="Mara, overview"'):
                icon("logo").classes("logo")
                element("span", "brand-name", "Mara")
            _navigation(here)
            clock(cells)
            state_chip(cells)
            run_controls(cells, actions)
            theme_switch()
            _who()
        notices(cells, actions)
        OutageDialog(down=actions.order_outage, restore=actions.restore)
        with element("div", "page").props("id=page tabindex=-1"):
            yield


def _navigation(here: str) -> None:
    with element("nav", "nav").props('aria-label="Pages"'):
        for place, (path, name) in enumerate(PAGES, start=1):
            key = HELP_KEY if path == "/help" else str(place)
            link = element("a", "", name).props(
                f'href="{address(path)}" aria-keyshortcuts="{key}" title="{name} ({key})"'
            )
            if path == here:
                link.props("aria-current=page")


def _who() -> None:
    """Who looks, and their way out; nothing where nobody logs in."""
    looker = who_looks()
    if looker is LOCAL:
        return
    with element("form", "who").props(f'method=post action="{address("/logout")}"'):
        element("span", "who-name", looker.name).props(f'title="{looker.role}"')
        element("button", "button", "Log out").props("type=submit")


def actions_of(platform: Platform, publisher: Publisher) -> Actions:
    """The buttons' deeds: what is refused is said, what is done shows at once."""
    begin_anew = publisher.begin_anew

    def done(command: Callable[[], object]) -> None:
        try:
            demand_operator()
            command()
        except MaraError as error:
            ui.notify(str(error), type="warning")
        publisher.look()

    async def order(commands: Sequence[Command], said: str) -> None:
        try:
            demand_operator()
            await platform.order(*commands)
        except MaraError as error:
            ui.notify(str(error), type="warning")
        else:
            ui.notify(said)

    async def order_outage(sites: Sequence[str], minutes: float) -> None:
        snapshot = platform.latest.read().snapshot
        ticks = max(1, ceil(minutes / snapshot.tick_minutes)) if snapshot else 1
        await order(
            [Outage(site_id=site, duration_ticks=ticks) for site in sites], "Ordered: down from the next tick on."
        )

    return Actions(
        pause=lambda: done(platform.pause),
        resume=lambda: done(platform.resume),
        step=lambda: done(lambda: platform.step(STEP_TICKS)),
        set_speed=lambda speed: done(lambda: platform.set_speed(speed)),
        order_outage=order_outage,
        restore=lambda sites: order([Restore(site_id=site) for site in sites], "Ordered: back from the next tick on."),
        begin_anew=None if begin_anew is None else lambda: done(begin_anew),
    )
