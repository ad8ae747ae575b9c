"""Frame around every page: head, navigation, clock, controls and notices."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Final

from nicegui import ui

from components.alerts.alert_strip import alert_count, alert_strip
from components.preferences.preference_menu import PreferenceMenu, PreferenceNote
from components.shared.clock import clock
from components.shared.controls import (
    LIVE,
    POWER_LINK,
    Actions,
    mode_chip,
    notices,
    run_controls,
    state_chip,
    theme_switch,
    world_mark,
)
from components.shared.live import live_text
from components.shared.outage_dialog import OutageDialog
from components.shared.theme import address, element, head_html, icon
from components.shared.view_model import Channel
from mara.api import paths
from mara.api.security.authenticator import LOCAL, Identity
from mara.api.security.permissions import Permission
from mara.core.commands import Command, Outage, Restore
from mara.core.contract import some_of
from mara.errors import MaraError
from pages.authorization import Authorized
from pages.serving.current_user import missing_right, page_user
from pages.serving.publisher import Publisher

STEP_TICKS: Final = 1
MOST_NAMED: Final = 3
PAGES: Final = (
    (paths.OVERVIEW, "Overview"),
    (paths.SLA, "SLA"),
    (paths.OPTIMIZER, "Optimizer"),
    (paths.FORECAST, "Forecast"),
    (paths.BACKTEST, "Backtest"),
    (paths.OPERATIONS, "Operations"),
    (paths.ALERTS, "Alerts"),
    (paths.MONEY, "Money"),
    (paths.POWER, "Power"),
    (paths.HELP, "Help"),
)
"""Path and name of each page in the navigation; the keys from 1 on open them.

Power is empty, and so hidden, for a fleet without power terms, except on its own page.
"""
HELP_KEY: Final = "?"


@contextmanager
def frame(platform: Authorized, publisher: Publisher, cells: Channel, here: str = "") -> Iterator[None]:
    """Draw the frame, and yield for the page to be drawn inside.

    Args:
        cells: values of the page's cells when it is first drawn.
        here: path of the page, where it is one of `PAGES`.
    """
    actions = actions_of(platform, publisher)
    ui.add_head_html(head_html())
    with element("div", "screen screen-whole" if here == paths.OVERVIEW else "screen"):
        element("a", "skip", "Skip to the page").props('href="#page"')
        with element("header", "topbar panel" if page_user() is LOCAL else "topbar topbar-named panel"):
            with element("a", "brand").props(f'href="{address("/")}" aria-label="Mara, overview"'):
                icon("logo").classes("logo")
                element("span", "brand-name", "Mara")
            _navigation(here, cells)
            with element("div", "bar-pair"):
                clock(cells)
                world_mark(cells)
            with element("div", "bar-pair"):
                state_chip(cells)
                mode_chip(cells)
            run_controls(cells, actions, is_live=platform.publisher.read().world == LIVE)
            theme_switch()
            PreferenceMenu()
            _user()
        notices(cells, actions)
        PreferenceNote()
        if here != paths.ALERTS:  # that page lists it
            alert_strip(paths.ALERTS, cells)
        if actions.order_outage is not None and actions.restore is not None:
            OutageDialog(down=actions.order_outage, restore=actions.restore)
        platform.undo.bar(ui.context.client)
        with element("div", "page").props("id=page tabindex=-1"):
            yield


def _navigation(here: str, cells: Channel) -> None:
    with element("nav", "nav").props('aria-label="Pages"'):
        for place, (path, name) in enumerate(PAGES, start=1):
            key = HELP_KEY if path == paths.HELP else str(place)
            is_live = path == paths.POWER and path != here
            link = live_text(POWER_LINK, cells, as_="a") if is_live else element("a", "", name)
            link.props(f'href="{address(path)}" aria-keyshortcuts="{key}" title="{name} ({key})"')
            if path == here:
                link.props("aria-current=page")
            if path == paths.ALERTS:
                with link:
                    alert_count(cells)


def _user() -> None:
    """Draw the user's name and the button to log out; nothing where nobody logs in."""
    user = page_user()
    if user is LOCAL:
        return
    with element("form", "who").props(f'method=post action="{address(paths.LOGOUT)}"'):
        element("span", "who-name", user.name).props(f'title="{_role_of(user)}"')
        element("button", "button", "Log out").props("type=submit")


def _role_of(user: Identity) -> str:
    """Describe the role of a user in words."""
    return f"{user.role}: looks and changes nothing" if missing_right(Permission.PAUSE) else user.role


def actions_of(platform: Authorized, publisher: Publisher) -> Actions:
    """Make the functions that buttons call; None for each that the user may not use.

    A refusal is shown as a message; an accepted order is visible on the page at once.
    """

    async def done(order: Awaitable[object], said: str = "") -> None:
        if await notify_outcome(order, said):
            publisher.look()

    def pace(permission: Permission, order: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]] | None:
        return None if missing_right(permission) else lambda: done(order())

    def set_speed(speed_factor: float) -> Awaitable[None]:
        return done(platform.set_speed(speed_factor))

    async def order_outage(sites: Sequence[str], minutes: float) -> None:
        snapshot = platform.publisher.read().snapshot
        ticks = max(1, ceil(minutes / snapshot.tick_minutes)) if snapshot else 1
        down = [Outage(site_id=site, duration_ticks=ticks) for site in sites]
        await _ordered(platform, down, "Ordered: down from the next tick on.", f"{_named(sites, platform)} down")

    async def restore(sites: Sequence[str]) -> None:
        back = [Restore(site_id=site) for site in sites]
        await _ordered(platform, back, "Ordered: back from the next tick on.", f"{_named(sites, platform)} back")

    can_order = not (missing_right(Permission.OUTAGE) or missing_right(Permission.RESTORE))
    can_begin_anew = platform.begin_anew is not None and not missing_right(Permission.NEW_RUN)
    return Actions(
        pause=pace(Permission.PAUSE, platform.pause),
        resume=pace(Permission.RESUME, platform.resume),
        step=pace(Permission.STEP, lambda: platform.step(STEP_TICKS)),
        set_speed=None if missing_right(Permission.SPEED) else set_speed,
        order_outage=order_outage if can_order else None,
        restore=restore if can_order else None,
        begin_anew=(lambda: done(platform.new_run())) if can_begin_anew else None,
    )


async def notify_outcome(order: Awaitable[object], said: str = "") -> bool:
    """Await an order, and show the user its outcome; True where it was accepted."""
    try:
        await order
    except MaraError as error:
        ui.notify(str(error), type="warning")
        return False
    if said:
        ui.notify(said)
    return True


async def _ordered(platform: Authorized, commands: Sequence[Command], said: str, what: str) -> None:
    """Order outages or their ends, all or none, and offer the inverse."""
    inverse = _inverse_of(commands, platform)
    if commands and await notify_outcome(platform.order(*commands), said):
        platform.undo.offer(what, lambda: platform.order(*inverse))


def _inverse_of(commands: Sequence[Command], platform: Authorized) -> list[Command]:
    """Make the orders that restore the sites' present state.

    A site that is down by an earlier order gets an outage for the rest of it, any other is restored.
    """
    snapshot = platform.publisher.read().snapshot
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


def _named(sites: Sequence[str], platform: Authorized) -> str:
    """Name the first few of some sites, and count the others."""
    snapshot = platform.publisher.read().snapshot
    names = {site.id: site.name for site in snapshot.sites} if snapshot is not None else {}
    return some_of([names.get(site, site) for site in sites], MOST_NAMED)
