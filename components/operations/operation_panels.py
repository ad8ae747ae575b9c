"""Panels of the operations page: modes and meters by site, and the signal log."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from components.shared import format as text
from components.shared.controls import MODE_LABELS
from components.shared.live import LiveTable, TableColumn
from components.shared.order_form import Field, order_form
from components.shared.theme import element, panel, scroll
from components.shared.view_model import Channel, Shown, cell
from mara.core.contract import contract_label
from mara.core.history import SignalEntry
from mara.core.metering import METERED, SIMULATED, ExecutorStatus, MeteredSnapshot
from mara.core.overtaking import ResponseStatus
from mara.core.snapshot import SiteSnapshot, Snapshot
from mara.core.units import SECONDS_PER_MINUTE

MODE_STATES: Final = {"advise": "", "shadow": "info", "dry-run": "warning", "act": "critical"}
"""Colours of modes: the more a plan bears on machines, the more it stands out."""
SITE_COLUMNS: Final = (
    TableColumn(key="site", label="Site"),
    TableColumn(key="mode", label="Mode"),
    TableColumn(key="planned", label="Planned", look="number", hint="Site power at the meter, as planned."),
    TableColumn(
        key="metered",
        label="Metered",
        look="number",
        hint="As telemetry tells it; unknown when it is old.",
        if_any=True,
    ),
    TableColumn(
        key="billed",
        label="Billed by",
        look="number",
        hint="Metered: bill and promises follow its meter, read when the next tick begins. Planned: the plan.",
    ),
    TableColumn(
        key="cost",
        label="Deviation costs",
        look="number",
        hint="USD an hour: power beyond the plan, or profit lost.",
        if_any=True,
    ),
    TableColumn(
        key="danger", label="Endangered", hint="Contracts whose promise two more bad ticks would break.", if_any=True
    ),
    TableColumn(key="write", label="Last write", look="grow", hint="What was written to devices last, and read back."),
    TableColumn(
        key="response",
        label="Response",
        look="number",
        hint="Time from the document to the last read-back.",
        if_any=True,
    ),
)
RESPONSE_COLUMNS: Final = (
    TableColumn(key="asked", label="UTC"),
    TableColumn(key="site", label="Site"),
    TableColumn(key="what", label="What"),
    TableColumn(key="told", label="Told after", look="number", hint="Time until executors and outlets had the order."),
    TableColumn(
        key="read", label="Read back after", look="number", hint="Time until all devices read back as ordered."
    ),
    TableColumn(key="allowed", label="Allowed", look="number"),
    TableColumn(key="state", label="State", look="grow"),
)
LOG_COLUMNS: Final = (
    TableColumn(key="when", label="UTC"),
    TableColumn(key="site", label="Site"),
    TableColumn(key="what", label="What"),
    TableColumn(key="why", label="Why", look="grow"),
    TableColumn(key="who", label="Who"),
)
HINT: Final = (
    "Advise: the plan is published, nobody is told to obey. Shadow: meters are compared with it. Dry run: executors "
    "connect and read, and log what they would write. Act: executors write. Dry run and act need an admin and a reason."
)
STOP_HINT: Final = (
    "Executors are told at once, before the next tick; that and all after it plan without the site until it is "
    "released. Contracts there move where there is room, else their ticks are bad."
)
Order = Callable[[Mapping[str, Any]], Awaitable[str]]


def site_panel(first: Channel) -> None:
    """Draw the table that `site_channel` states."""
    with panel("Sites", "operations", HINT), scroll("Modes and meters by site"):
        LiveTable(
            "operations", columns=SITE_COLUMNS, caption="Modes and meters by site", empty="No tick yet.", first=first
        )


def mode_panel(
    sites: Sequence[tuple[str, str]], disarm: Order, arm: Order, *, why_not: str, why_not_armed: str
) -> None:
    """Draw the forms that take sites back, and that let a plan reach their devices.

    Args:
        sites: key and label of each site.
        why_not, why_not_armed: reason why the user may not use the one and the other; empty where they may.
    """
    site = Field(key="site", label="Site", kind="choice", options=list(sites), value=sites[0][0], look="middle")
    with element("div", "lane halves"):
        with panel("Disarm, or compare alone"):
            order_form(
                "disarm",
                fields=(site, _mode_field("shadow", "advise"), _reason_field()),
                submit="Disarm",
                label="Take a site back to shadow or advise",
                order=disarm,
                why_not=why_not,
            )
        with panel("Arm"):
            order_form(
                "arm",
                fields=(site, _mode_field("dry-run", "act"), _reason_field(required="true")),
                submit="Arm",
                label="Let the plan reach the devices of a site",
                order=arm,
                why_not=why_not_armed,
            )


def stop_panel(sites: Sequence[tuple[str, str]], stop: Order, release: Order, *, why_not: str) -> None:
    """Draw the forms that stop a site at once, and that release it.

    Args:
        sites: key and label of each site.
        why_not: reason why the user may not stop a site; empty where they may.
    """
    site = Field(key="site", label="Site", kind="choice", options=list(sites), value=sites[0][0], look="middle")
    again = Field(
        key="again",
        label="Its name again",
        kind="text",
        look="middle",
        hint="To be sure that it is this site.",
        limits={"maxlength": 100, "required": "true", "autocomplete": "off"},
    )
    with element("div", "lane halves"):
        with panel("Stop a site now", hint=STOP_HINT):
            order_form(
                "stop-site",
                fields=(site, again, _reason_field(required="true")),
                submit="Stop it now",
                label="Stop a site at once",
                order=stop,
                why_not=why_not,
            )
        with panel("Release a stopped site"):
            order_form(
                "release-site",
                fields=(site, _reason_field(required="true")),
                submit="Release",
                label="Let a stopped site follow the plan again",
                order=release,
                why_not=why_not,
            )


def response_panel(first: Channel) -> None:
    """Draw the table that `response_channel` states."""
    with panel("Responses"), scroll("Orders that could not wait for a tick"):
        LiveTable(
            "responses",
            columns=RESPONSE_COLUMNS,
            caption="Orders that could not wait for a tick",
            empty="No site was stopped, and no product was called.",
            first=first,
        )


def response_channel(responses: Sequence[ResponseStatus], snapshot: Snapshot) -> Channel:
    """Return a row for the newest urgent order of each site."""
    names = {site.id: site.name for site in snapshot.sites}
    return {
        one.site_id: {
            "rank": one.asked_at.timestamp(),
            "asked": cell(text.utc_time(one.asked_at), note=text.utc_date(one.asked_at)),
            "site": names.get(one.site_id, one.site_id),
            "what": one.cause,
            "told": f"{one.told_s:.2f} s",
            "read": "" if one.read_back_s is None else f"{one.read_back_s:.2f} s",
            "allowed": f"{one.allowed_s:g} s",
            "state": cell(
                f"late, {one.state}" if one.is_late else one.state,
                "critical" if one.is_late or one.state == "failed" else "",
                note=one.message,
            ),
        }
        for one in responses
    }


def _mode_field(*modes: str) -> Field:
    """Return the choice of a mode; the first one is chosen."""
    options = [(mode, MODE_LABELS[mode]) for mode in modes]
    return Field(key="mode", label="Mode", kind="choice", options=options, value=modes[0])


def _reason_field(**limits: str) -> Field:
    return Field(key="reason", label="Reason", kind="text", look="long", limits={"maxlength": 200, **limits})


def log_panel(first: Channel) -> None:
    """Draw the table that `log_channel` states."""
    with panel("Changes and writes"), scroll("Changes of modes and device writes, newest first"):
        LiveTable(
            "signals",
            columns=LOG_COLUMNS,
            caption="Changes of modes and device writes, newest first",
            empty="No mode was changed and nothing was written yet.",
            first=first,
        )


def site_channel(snapshot: Snapshot, executors: Sequence[ExecutorStatus]) -> Channel:
    """Return a row for each site, in the fleet's order."""
    has_meters = any(site.metered is not None for site in snapshot.sites)
    by_site: dict[str, list[ExecutorStatus]] = {}
    for status in executors:
        by_site.setdefault(status.site_id, []).append(status)
    return {
        site.id: {
            "rank": -place,
            "site": cell(site.name, href=f"/sites/{site.id}"),
            "mode": cell(MODE_LABELS.get(site.mode, site.mode), MODE_STATES.get(site.mode, "")),
            "planned": cell(text.mw(site.site_power_mw), note="down")
            if site.status == "down"
            else text.mw(site.site_power_mw),
            **_metered_cells(site, snapshot, "no meter" if has_meters else ""),
            "billed": _billed_cell(site),
            **_executor_cells(by_site.get(site.id, [])),
        }
        for place, site in enumerate(snapshot.sites)
    }


def _metered_cells(site: SiteSnapshot, snapshot: Snapshot, none: str) -> dict[str, Shown]:
    """Tell what a site's meter shows; `none` where it has none and needs none."""
    metered = site.metered
    if metered is None:
        missing = none if site.mode == "advise" else cell("unknown", "warning", note="no reading ever came")
        return {"metered": missing, "cost": "", "danger": ""}
    state = "warning" if metered.is_deviating else ""
    age = f"{metered.age_s / SECONDS_PER_MINUTE:.0f} min old"
    shown = (
        cell("unknown", "warning", note=age)
        if metered.site_power_mw is None
        else cell(text.mw(metered.site_power_mw), state, note=age)
    )
    cost = "" if metered.cost_usd_per_h is None else text.usd_per_h(metered.cost_usd_per_h)
    return {"metered": shown, "cost": cost, "danger": _danger_cell(metered, snapshot)}


def _danger_cell(metered: MeteredSnapshot, snapshot: Snapshot) -> Shown:
    """Name contracts whose promise is in danger, with the cost of a next bad tick."""
    if not metered.endangered:
        return ""
    of = {one.id: one for one in snapshot.contracts if one.id in metered.endangered}
    names = ", ".join(contract_label(one, of[one].customer) if one in of else one for one in metered.endangered)
    cost_usd = sum(one.next_bad_tick_cost_usd for one in of.values())
    return cell(names, "critical", note=f"next bad tick costs {text.usd_in_short(cost_usd)}" if cost_usd else "")


def _billed_cell(site: SiteSnapshot) -> Shown:
    if site.billed_by == SIMULATED:
        return "planned"
    usd = site.meter_correction_usd
    return cell(METERED, note=f"{text.usd(usd, signed=True)} for the tick before" if usd else "")


def _executor_cells(statuses: Sequence[ExecutorStatus]) -> dict[str, Shown]:
    """Tell of the executors of a site together, those of groups with the group's name."""
    if not statuses:
        return {"write": "no executor", "response": ""}
    said = [f"{status.group.replace('_', ' ')} {status.message or status.state}".lstrip() for status in statuses]
    state = "" if all(status.state in {"idle", "ready", "written", "released"} for status in statuses) else "warning"
    kinds = dict.fromkeys(status.kind for status in statuses)
    took_s = [status.response_s for status in statuses if status.response_s is not None]
    response = f"{max(took_s):.2f} s" if took_s else ""
    return {"write": cell("; ".join(said), state, note=", ".join(kinds)), "response": response}


def log_channel(entries: Sequence[SignalEntry], snapshot: Snapshot) -> Channel:
    """Return a row for each line of the log."""
    names = {site.id: site.name for site in snapshot.sites}
    return {
        str(entry.number): {
            "rank": entry.number,
            "when": cell(text.utc_time(entry.at), note=text.utc_date(entry.at)),
            "site": names.get(entry.site_id, entry.site_id),
            "what": cell(_change(entry), note=f"{entry.kind} {entry.group}".strip()),
            "why": entry.reason,
            "who": entry.actor,
        }
        for entry in entries
    }


def _change(entry: SignalEntry) -> str:
    """Tell what was before and after, where a device was read at all."""
    return f"{entry.before} → {entry.after}" if entry.before or entry.after else "nothing changed"
