"""Form that announces maintenance to all contracts of a site, with its cost first."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.shared.theme import BROWSER_MODULES, element, panel
from mara.core.commands import NOTICE_HOURS
from mara.core.timegrid import zone
from mara.errors import CommandError, MaraError

MOST_CHARACTERS: Final = 200
UTC_KEY: Final = "utc"
LOCAL_KEY: Final = "local"
FILLING_IN_S: Final = 300.0
"""Real seconds for filling in the form, in which the proposed begin stays allowed."""
MOST_LEAD: Final = timedelta(days=14)
HINT: Final = "Ticks that are announced do not count for the availability of the contracts here. All contracts or none."


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteNotice:
    """Maintenance of a site as entered by an operator.

    Attributes:
        timezone: zone that the times were entered in; empty for UTC.
    """

    site_id: str
    timezone: str
    begins_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSite:
    """A site that the form offers, with its time zone."""

    id: str
    name: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceActions:
    """Functions that the form calls; a MaraError is shown."""

    look: Callable[[SiteNotice], Awaitable[str]]
    """Checks that all could be announced; returns whom it concerns, and the cost."""
    announce: Callable[[SiteNotice], Awaitable[object]]
    propose: Callable[[], datetime]
    """Returns a begin that is allowed, also when the form is filled in without hurry."""


class MaintenanceForm(ui.element, component="maintenance_form.js", esm=BROWSER_MODULES):
    """Form for a site, times and a reason, which asks for confirmation with the cost."""

    def __init__(self, actions: MaintenanceActions, sites: Sequence[FormSite]) -> None:
        super().__init__()
        self._actions = actions
        self._zones = {site.id: site.timezone for site in sites}
        self.props["sites"] = [asdict(site) for site in sites]
        self.props["first"] = {"site": sites[0].id if len(sites) == 1 else "", "zone": UTC_KEY}
        self.props["proposed"] = proposed_times(actions.propose())
        self.props["said"] = {}
        self._answers_count = 0
        self.on("order-propose", self._propose)
        self.on("order-look", self._look)
        self.on("order-announce", self._announce)
        self.mark("maintenance-form")

    def _propose(self, event: GenericEventArguments) -> None:
        """Move the proposed times on; the form keeps those that were entered by hand."""
        entered = event.args if isinstance(event.args, dict) else {}
        is_local = entered.get("zone") == LOCAL_KEY
        timezone = self._zones.get(str(entered.get("site", "")), "") if is_local else ""
        self.props["proposed"] = proposed_times(self._actions.propose(), timezone)
        self.update()

    async def _look(self, event: GenericEventArguments) -> None:
        try:
            cost = await self._actions.look(site_notice_of(event.args, self._zones))
        except MaraError as error:
            self._say(error=_sentence(error))
        else:
            self._say(cost=cost)

    async def _announce(self, event: GenericEventArguments) -> None:
        try:
            await self._actions.announce(site_notice_of(event.args, self._zones))
        except MaraError as error:
            self._say(error=_sentence(error))
        else:
            self._say(taken=True)

    def _say(self, **answer: object) -> None:
        self._answers_count += 1
        self.props["said"] = {**answer, "number": self._answers_count}
        self.update()


def maintenance_panel(actions: MaintenanceActions, sites: Sequence[FormSite], why_not: str) -> None:
    """Draw the form for some sites, or the reason why the user may not announce."""
    with panel("Announce maintenance", "", HINT):
        if why_not:
            element("p", "note", f"No announcements here: {why_not}.").mark("maintenance-refused")
        else:
            MaintenanceForm(actions, sites)


def proposed_begin(now: datetime, speed_factor: float) -> datetime:
    """Return the whole hour that keeps its notice while somebody fills in the form.

    Args:
        now: time of the fleet's clock.
        speed_factor: simulated seconds per real second.
    """
    lead = min(timedelta(seconds=FILLING_IN_S * speed_factor), MOST_LEAD)
    return (now + timedelta(hours=NOTICE_HOURS + 2) + lead).replace(minute=0, second=0, microsecond=0)


def proposed_times(begins_at: datetime, timezone: str = "") -> dict[str, str]:
    """Return the times of one hour as fields of the form; an empty zone is UTC."""
    begins = begins_at.astimezone(zone(timezone) if timezone else UTC)
    return {"begins": f"{begins:%Y-%m-%d %H:%M}", "ends": f"{begins + timedelta(hours=1):%Y-%m-%d %H:%M}"}


def site_notice_of(given: object, zones: Mapping[str, str]) -> SiteNotice:
    """Parse the maintenance that was entered.

    Args:
        zones: time zone of each site that is offered, by id.

    Raises:
        CommandError: no site is chosen, a time is none, or the times run backwards.
    """
    entered: Mapping[str, Any] = given if isinstance(given, dict) else {}
    site_id = str(entered.get("site", ""))
    if site_id not in zones:
        raise CommandError(f"a site was expected, {site_id[:40] or 'nothing'} came: choose one of the list")
    timezone = zones[site_id] if entered.get("zone") == LOCAL_KEY else ""
    begins, ends = (_time_of(str(entered.get(key, "")).strip(), timezone) for key in ("begins", "ends"))
    if begins >= ends:
        raise CommandError("maintenance should end after it begins: correct its times")
    reason = str(entered.get("reason", ""))[: MOST_CHARACTERS + 1]
    return SiteNotice(site_id=site_id, timezone=timezone, begins_at=begins, ends_at=ends, reason=reason)


def _sentence(error: MaraError) -> str:
    """Return a refusal as a sentence that stands alone."""
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}."


def _time_of(entered: str, timezone: str) -> datetime:
    try:
        time = datetime.fromisoformat(entered)
    except ValueError as error:
        raise CommandError(
            f"a {'local' if timezone else 'UTC'} time like 2025-07-05 14:00 was expected, {entered[:40]!r} came: "
            "correct it"
        ) from error
    if not 2009 <= time.year < 2200:
        raise CommandError(f"a time from 2009 to 2199 was expected, {entered[:40]} came: correct it")
    if time.tzinfo is not None or not timezone:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return _utc_of(time, timezone)


def _utc_of(local: datetime, timezone: str) -> datetime:
    """Convert a local time to UTC; one that exists not at all or twice is refused."""
    first, second = (local.replace(tzinfo=zone(timezone), fold=fold).astimezone(UTC) for fold in (0, 1))
    if first != second:
        happens = "does not exist" if first > second else "happens twice"
        raise CommandError(f"{local:%Y-%m-%d %H:%M} {happens} in {timezone}, clocks are set then: enter it in UTC")
    return first
