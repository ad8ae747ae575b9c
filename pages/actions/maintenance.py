"""Maintenance as users announce it and take it back, on a site's page or calendar."""

from datetime import datetime, timedelta

from components.ahead.announced_list import Announcement, RetractActions
from components.ahead.announced_list import name_of as announced_name_of
from components.ahead.maintenance_form import MaintenanceActions, SiteNotice, proposed_begin
from components.shared import format as text
from mara.api.security.permissions import Permission
from mara.core.commands import NOTICE_HOURS
from mara.core.snapshot import Snapshot
from mara.core.timegrid import zone
from mara.errors import CommandError
from mara.runtime.published_state import EngineState
from mara.runtime.tick.site_maintenance import SiteMaintenance, grid_of, maintenance_at, retraction_of
from pages.authorization import Authorized
from pages.serving.current_user import missing_right


def maintenance_actions(platform: Authorized) -> MaintenanceActions:
    """Make the actions that announce maintenance to the contracts of a site.

    It has no inverse, so it is held for a few seconds in which it can be undone.
    """

    def asked(notice: SiteNotice) -> tuple[SiteMaintenance, str]:
        current = platform.publisher.read()
        snapshot = current.snapshot
        if snapshot is None:
            raise CommandError("nothing has been settled yet: announce after the first tick")
        name = name_of(notice.site_id, snapshot)
        pace = 0.0 if current.state is EngineState.PAUSED else current.speed_factor
        held = timedelta(seconds=platform.undo.span_s * pace)
        refuse_short_notice(notice, name, snapshot, held, proposed_begin(snapshot.at, current.speed_factor))
        return maintenance_at(notice.site_id, notice.begins_at, notice.ends_at, notice.reason, snapshot), name

    async def look(notice: SiteNotice) -> str:
        maintenance, name = asked(notice)
        await platform.exclude(*maintenance.asked, only_look=True)
        return cost_of(notice, maintenance, name)

    async def announce(notice: SiteNotice) -> None:
        maintenance, name = asked(notice)
        await platform.exclude(*maintenance.asked, only_look=True)
        said = f"Announced to {len(maintenance.asked)} contracts: stored with the next tick, with reason and author."
        platform.undo.hold(f"Maintenance of {name}", lambda: platform.exclude(*maintenance.asked), said)

    def propose() -> datetime:
        current = platform.publisher.read()
        assert current.snapshot is not None  # else no form is drawn
        return proposed_begin(current.snapshot.at, current.speed_factor)

    return MaintenanceActions(look=look, announce=announce, propose=propose)


def retract_actions(platform: Authorized) -> RetractActions:
    """Make the action that takes an announcement back.

    Announcing it anew needs notice, so it has no inverse and is held for a few seconds in which it can be undone.
    """

    async def retract(told: Announcement) -> None:
        snapshot = platform.publisher.read().snapshot
        if snapshot is None:
            raise CommandError("nothing has been settled yet: take it back after the first tick")
        order = retraction_of(told.site_id, told.contract_id, told.begins_at, grid_of(snapshot))
        await platform.order(order, only_look=True)
        name = announced_name_of(told, snapshot)
        said = f"Taken back: the ticks of {name} count again from the next tick on."
        platform.undo.hold(f"Taking back what is announced for {name}", lambda: platform.order(order), said)

    return RetractActions(retract=retract, why_not=missing_right(Permission.EXCLUDE))


def refuse_short_notice(
    notice: SiteNotice, site_name: str, snapshot: Snapshot, held: timedelta, proposed_at: datetime
) -> None:
    """Refuse maintenance that begins too soon, or would when its order goes out.

    Args:
        held: time of the fleet's clock in which the order can be undone.
        proposed_at: begin to propose instead.

    Raises:
        CommandError: it begins too soon.
    """
    tick = timedelta(minutes=snapshot.tick_minutes)
    if notice.begins_at < snapshot.at + timedelta(hours=NOTICE_HOURS) + held + tick:
        raise CommandError(
            f"maintenance of {site_name} is announced {NOTICE_HOURS} h ahead, counted from when it can no longer "
            f"be undone; the fleet's clock shows {text.utc_moment(snapshot.at)}: let it begin at "
            f"{text.utc_moment(proposed_at)}, or pause the run while you enter it"
        )


def cost_of(notice: SiteNotice, maintenance: SiteMaintenance, site_name: str) -> str:
    """Say whom maintenance concerns, and what it costs at most."""
    ended = f" ({maintenance.ended_count} more end before it)" if maintenance.ended_count else ""
    times = f"{text.utc_moment(notice.begins_at)} to {text.utc_moment(notice.ends_at)}"
    return (
        f"Maintenance of {site_name}, {times}{_local(notice)}: {len(maintenance.asked)} contracts{ended}. If all are "
        f"off all the time, {text.usd(maintenance.unbilled_usd)} are not billed, and no credits are owed for it."
    )


def name_of(site_id: str, snapshot: Snapshot) -> str:
    """Look up the name of a site; an unknown one is refused.

    Raises:
        CommandError: no site has that id.
    """
    found = next((site.name for site in snapshot.sites if site.id == site_id), None)
    if found is None:
        raise CommandError(f"a site of the fleet was expected, {site_id[:40]!r} came: choose one of the list")
    return found


def _local(notice: SiteNotice) -> str:
    """Repeat the times in the zone that they were entered in; empty for UTC."""
    if not notice.timezone:
        return ""
    begins, ends = (at.astimezone(zone(notice.timezone)) for at in (notice.begins_at, notice.ends_at))
    return f" ({begins:%H:%M} to {ends:%H:%M} in {notice.timezone})"
