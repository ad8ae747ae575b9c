"""Form that announces maintenance to all contracts of a site, with its cost first."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared.theme import element, panel
from mara.core.commands import NOTICE_HOURS
from mara.errors import CommandError, MaraError

MOST_CHARACTERS: Final = 200
HINT: Final = "Ticks that are announced do not count for the availability of the contracts here. All contracts or none."


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteNotice:
    """Maintenance of a site as entered by an operator."""

    begins_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceActions:
    """Functions that the form calls; a MaraError is shown."""

    look: Callable[[SiteNotice], Awaitable[str]]
    """Checks that all could be announced; returns whom it concerns, and the cost."""
    announce: Callable[[SiteNotice], Awaitable[object]]


class MaintenanceForm(ui.element, component="maintenance_form.js"):
    """Form for times and a reason, which asks for confirmation with the cost."""

    def __init__(self, actions: MaintenanceActions, now: datetime) -> None:
        super().__init__()
        self._actions = actions
        begins = (now + timedelta(hours=NOTICE_HOURS + 2)).replace(minute=0, second=0)
        self.props["first"] = {
            "begins": f"{begins:%Y-%m-%dT%H:%M}",
            "ends": f"{begins + timedelta(hours=1):%Y-%m-%dT%H:%M}",
        }
        self.props["said"] = {}
        self.on("order-look", self._look)
        self.on("order-announce", self._announce)
        self.mark("maintenance-form")

    async def _look(self, event: GenericEventArguments) -> None:
        try:
            cost = await self._actions.look(site_notice_of(event.args))
        except MaraError as error:
            self.props["said"] = {"error": str(error)}
        else:
            self.props["said"] = {"cost": cost}
        self.update()

    async def _announce(self, event: GenericEventArguments) -> None:
        try:
            await self._actions.announce(site_notice_of(event.args))
        except MaraError as error:
            self.props["said"] = {"error": str(error)}
        else:
            self.props["said"] = {"taken": True}
        self.update()


def maintenance_panel(actions: MaintenanceActions, now: datetime, why_not: str) -> None:
    """Draw the form, or the reason why the user may not announce."""
    with panel("Announce maintenance", "", HINT):
        if why_not:
            element("p", "note", f"No announcements here: {why_not}.").mark("maintenance-refused")
        else:
            MaintenanceForm(actions, now)


def site_notice_of(given: object) -> SiteNotice:
    """Parse the maintenance that was entered.

    Raises:
        CommandError: a time is none, or the times run backwards.
    """
    entered: Mapping[str, Any] = given if isinstance(given, dict) else {}
    begins, ends = (_time_of(str(entered.get(key, "")).strip()) for key in ("begins", "ends"))
    if begins >= ends:
        raise CommandError("maintenance should end after it begins: correct its times")
    return SiteNotice(begins_at=begins, ends_at=ends, reason=str(entered.get("reason", ""))[: MOST_CHARACTERS + 1])


def _time_of(entered: str) -> datetime:
    try:
        time = datetime.fromisoformat(entered)
    except ValueError as error:
        raise CommandError(
            f"a UTC time like 2025-07-05 14:00 was expected, {entered[:40]!r} came: correct it"
        ) from error
    if not 2009 <= time.year < 2200:
        raise CommandError(f"a time from 2009 to 2199 was expected, {entered[:40]} came: correct it")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
