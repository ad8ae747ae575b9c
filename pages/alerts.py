"""Page of alerts: those that stand with what to do, and those of the past."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from nicegui import ui

from components.alerts.alert_list import AlertActions, AlertList, alert_channel
from components.shared import format as text
from components.shared.key_figure_history import KeyFigureHistory
from components.shared.theme import element, panel
from components.shared.view_model import ViewModel
from mara.api import paths
from mara.api.security.permissions import Permission
from mara.core.alert import Alert
from mara.runtime.published_state import PublishedState
from pages.authorization import Authorized
from pages.frame import frame, notify_outcome
from pages.serving.cached_query import CachedQuery
from pages.serving.current_user import missing_right
from pages.serving.publisher import Publisher

MOST_PAST: Final = 100
MOST_FOUND: Final = 500
HINT: Final = (
    "What needs a person, the worst first. An error budget that the plan spends on purpose is no alarm. An alert ends "
    "by itself when its cause does."
)


class AlertScreen:
    """View model of the alerts, shared by viewers; lives as long as the app."""

    def __init__(self, platform: Authorized) -> None:
        self._platform = platform
        self._query: CachedQuery[tuple[Alert, ...]] = CachedQuery("alerts", self._read, ())

    async def renew(self) -> None:
        """Read the archive before the page is drawn."""
        await self._query.renew(_version(self._platform.publisher.read()))

    def picture(self, current: PublishedState, _: KeyFigureHistory) -> ViewModel:
        """Return the page's channels."""
        stored = self._query.newest(_version(current))
        standing = {alert.number for alert in current.alerts}
        over = [alert for alert in stored if alert.ended_at is not None and alert.number not in standing]
        return {"alerts": alert_channel((*current.alerts, *over))}

    async def _read(self) -> tuple[Alert, ...]:
        return await self._platform.archive.alerts(None, None, MOST_PAST)


def _version(current: PublishedState) -> tuple[int, ...]:
    """Return what changes with every alert that begins or ends."""
    return tuple(alert.number for alert in current.alerts)


def register(platform: Authorized, publisher: Publisher) -> None:
    """Serve the page of alerts; `alert` in its address is the number of one to show."""
    screen = AlertScreen(platform)

    @ui.page(paths.ALERTS, title="Mara: alerts", dark=None)
    async def alerts(alert: str = "") -> None:
        await screen.renew()
        picture = publisher.open(ui.context.client, screen.picture)
        chosen = int(alert) if alert.isascii() and alert.isdigit() and len(alert) <= 15 else 0
        with frame(platform, publisher, picture["cells"], paths.ALERTS), element("div", "leaf"):
            with element("div", "leaf-head"):
                element("h1", "", "Alerts")
            with panel("What needs attention", "", HINT):
                AlertList(picture["alerts"], alert_actions(platform, publisher), chosen)


def alert_actions(platform: Authorized, publisher: Publisher) -> AlertActions:
    """Make the actions on alerts; each order can be undone for a few seconds."""

    async def ordered(order: Awaitable[object], what: str, inverse: Callable[[], Awaitable[object]]) -> None:
        if await notify_outcome(order):
            platform.undo.offer(what, inverse)
            publisher.look()

    async def acknowledge(numbers: Sequence[int]) -> None:
        what = f"Acknowledged {_named(numbers)}"
        await ordered(platform.acknowledge(*numbers), what, lambda: platform.reopen(*numbers))

    async def reopen(numbers: Sequence[int]) -> None:
        what = f"Reopened {_named(numbers)}"
        await ordered(platform.reopen(*numbers), what, lambda: platform.acknowledge(*numbers))

    async def silence(numbers: Sequence[int], until: datetime) -> None:
        what = f"Silenced {_named(numbers)} until {text.utc_moment(until)}"
        await ordered(platform.silence(numbers, until), what, lambda: platform.unsilence(*numbers))

    async def unsilence(numbers: Sequence[int]) -> None:
        held = {alert.number: alert.silenced_until for alert in platform.publisher.read().alerts}
        until = next((held[number] for number in numbers if held.get(number)), None)

        async def again() -> None:
            if until is not None:
                await platform.silence(numbers, until)

        await ordered(platform.unsilence(*numbers), f"Ended the silence of {_named(numbers)}", again)

    async def find(since: datetime | None, until: datetime | None) -> Sequence[Alert]:
        return await platform.archive.alerts(since, until, MOST_FOUND)

    return AlertActions(
        find=find,
        acknowledge=acknowledge,
        reopen=reopen,
        silence=silence,
        unsilence=unsilence,
        why_not=missing_right(Permission.ACKNOWLEDGE) or missing_right(Permission.SILENCE),
    )


def _named(numbers: Sequence[int]) -> str:
    return f"alert {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} alerts"
