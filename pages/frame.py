"""What surrounds every page: head, bar with pages, clock and controls, notices; yields where the page draws itself."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Final

from nicegui import ui

from components.shared.clock import clock
from components.shared.controls import Actions, notices, run_controls, state_chip, theme_switch
from components.shared.outage_dialog import OutageDialog
from components.shared.theme import address, element, head_html, icon
from components.shared.view_model import Channel
from mara.api.security.authenticator import LOCAL, Identity
from mara.api.security.permissions import Permission
from mara.core.commands import Command, Outage, Restore
from mara.errors import MaraError
from pages.authorization import Authorized
from pages.serving.callers import who_looks, why_not_here
from pages.serving.publisher import Publisher

STEP_TICKS: Final = 1
MOST_NAMED: Final = 3
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
def frame(desk: Authorized, publisher: Publisher, cells: Channel, here: str = "") -> Iterator[None]:
    """Draw the frame from the cells of the first picture; the page goes inside. `here` is its path in PAGES."""
    actions = actions_of(desk, publisher)
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
        if actions.order_outage is not None and actions.restore is not None:
            OutageDialog(down=actions.order_outage, restore=actions.restore)
        desk.undo.bar(ui.context.client)
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
        element("span", "who-name", looker.name).props(f'title="{_role_of(looker)}"')
        element("button", "button", "Log out").props("type=submit")


def _role_of(looker: Identity) -> str:
    """What somebody may, in words."""
    return f"{looker.role}: looks and changes nothing" if why_not_here(Permission.PAUSE) else looker.role


def actions_of(desk: Authorized, publisher: Publisher) -> Actions:
    """The buttons' deeds, None for those that whoever looks may not do: what is refused is said, what is done shows at
    once.
    """

    async def done(order: Awaitable[object], said: str = "") -> None:
        if await told(order, said):
            publisher.look()

    def pace(deed: Permission, order: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]] | None:
        return None if why_not_here(deed) else lambda: done(order())

    def set_speed(speed_share: float) -> Awaitable[None]:
        return done(desk.set_speed(speed_share))

    async def order_outage(sites: Sequence[str], minutes: float) -> None:
        snapshot = desk.latest.read().snapshot
        ticks = max(1, ceil(minutes / snapshot.tick_minutes)) if snapshot else 1
        down = [Outage(site_id=site, duration_ticks=ticks) for site in sites]
        await _ordered(desk, down, "Ordered: down from the next tick on.", f"{_named(sites, desk)} down")

    async def restore(sites: Sequence[str]) -> None:
        back = [Restore(site_id=site) for site in sites]
        await _ordered(desk, back, "Ordered: back from the next tick on.", f"{_named(sites, desk)} back")

    can_order = not (why_not_here(Permission.OUTAGE) or why_not_here(Permission.RESTORE))
    can_begin_anew = desk.begin_anew is not None and not why_not_here(Permission.NEW_RUN)
    return Actions(
        pause=pace(Permission.PAUSE, desk.pause),
        resume=pace(Permission.RESUME, desk.resume),
        step=pace(Permission.STEP, lambda: desk.step(STEP_TICKS)),
        set_speed=None if why_not_here(Permission.SPEED) else set_speed,
        order_outage=order_outage if can_order else None,
        restore=restore if can_order else None,
        begin_anew=(lambda: done(desk.new_run())) if can_begin_anew else None,
    )


async def told(order: Awaitable[object], said: str = "") -> bool:
    """Have something done, and say what came of it; whether it was done."""
    try:
        await order
    except MaraError as error:
        ui.notify(str(error), type="warning")
        return False
    if said:
        ui.notify(said)
    return True


async def _ordered(desk: Authorized, commands: Sequence[Command], said: str, what: str) -> None:
    """Order an outage or its end for all sites or for none, and offer the inverse."""
    inverse = _inverse_of(commands, desk)
    if commands and await told(desk.order(*commands), said):
        desk.undo.offer(what, lambda: desk.order(*inverse))


def _inverse_of(commands: Sequence[Command], desk: Authorized) -> list[Command]:
    """What brings sites back to how they stand now: up, or down until an outage that was ordered before ends."""
    snapshot = desk.latest.read().snapshot
    sites = {site.id: site for site in snapshot.sites} if snapshot is not None else {}
    left = {
        command.site_id: sites[command.site_id].outage_ends_tick - snapshot.tick - 1
        for command in commands
        if isinstance(command, Outage | Restore) and snapshot is not None and command.site_id in sites
    }
    return [
        Outage(site_id=site, duration_ticks=ticks) if ticks > 0 else Restore(site_id=site)
        for site, ticks in left.items()
    ]


def _named(sites: Sequence[str], desk: Authorized) -> str:
    """Sites by their names, the first few."""
    snapshot = desk.latest.read().snapshot
    names = {site.id: site.name for site in snapshot.sites} if snapshot is not None else {}
    few = ", ".join(names.get(site, site) for site in sites[:MOST_NAMED])
    return f"{few} and {len(sites) - MOST_NAMED} more" if len(sites) > MOST_NAMED else few
