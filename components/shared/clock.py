"""Clock of the fleet: in UTC, and in the sites' local times."""

from nicegui import ui

from components.shared import format as text
from components.shared.live import live_text
from components.shared.theme import BROWSER_MODULES, element
from components.shared.view_model import Channel
from mara.core.snapshot import SiteSnapshot, Snapshot

MOST_CLOCKS = 24  # of zones listed; a large fleet has more sites than zones


class LocalTimes(ui.element, component="local_times.js", esm=BROWSER_MODULES):
    """Clocks, one for each time zone with sites.

    Follows the channels `places` and `moment`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.props["most"] = MOST_CLOCKS


def clock(first: Channel) -> None:
    """Draw the UTC clock; on hover and focus the local times of the sites."""
    with element("div", "clock-box explained").props("tabindex=0 aria-describedby=local-times"):
        live_text("clock", first, "clock figure").props('role=timer aria-label="Time of the fleet"')
        with element("div", "explanation local-times").props("role=tooltip id=local-times"):
            LocalTimes()


def clock_text(snapshot: Snapshot | None) -> str:
    """Return the text of the bar's clock."""
    return text.utc_moment(snapshot.at) if snapshot else "waiting for the first tick"


def moment_channel(snapshot: Snapshot) -> Channel:
    """Return simulated time in epoch seconds, for local times and the map's night."""
    return {"at": int(snapshot.at.timestamp())}


def place_channel(snapshot: Snapshot) -> Channel:
    """Return the data of each site that every screen has.

    `outage_ends_s` is when the ordered outage ends [epoch s], 0 where none is ordered.
    """
    return {
        site.id: {
            "name": site.name,
            "timezone": site.timezone,
            "status": site.status,
            "outage_ends_s": _outage_end_s(site, snapshot),
        }
        for site in snapshot.sites
    }


def _outage_end_s(site: SiteSnapshot, snapshot: Snapshot) -> int:
    if not site.outage_ends_tick:
        return 0
    ticks = site.outage_ends_tick - snapshot.tick
    return int(snapshot.at.timestamp()) + ticks * snapshot.tick_minutes * 60
