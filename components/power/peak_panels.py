"""Panels of peaks: those that are billed, and the risk of the system's next."""

from calendar import day_abbr, month_abbr
from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from components.power.power_figures import risk_text
from components.shared import format as text
from components.shared.bar_chart import Bar, BarChart, bar_legend
from components.shared.live import LiveTable, TableColumn
from components.shared.theme import element, panel, scroll
from components.shared.view_model import Channel, Shown, cell
from mara.core.peak_avoidance import MOST_OFF_H
from mara.core.power_snapshot import CoincidentPeakSnapshot, DemandChargeSnapshot, SitePowerSnapshot
from mara.core.power_terms import TermTimes
from mara.core.snapshot import SiteSnapshot, Snapshot
from mara.core.units import MONTHS_PER_YEAR, SECONDS_PER_HOUR, TOLERANCE_MW

PEAK_COLUMNS: Final = (
    TableColumn(key="site", label="Site"),
    TableColumn(key="now", label="Now", look="number", hint="Drawn from the connection, batteries included."),
    TableColumn(key="peak", label="Peak so far", look="number", hint="Highest counted mean of an interval."),
    TableColumn(
        key="target",
        label="Target",
        look="number",
        hint="Peak that the plan in force pays for: at least the one so far.",
    ),
    TableColumn(key="rate", label="Rate", look="number", hint="Owed for each megawatt of the month's peak."),
)
RISK_COLUMNS: Final = (
    TableColumn(key="site", label="Site"),
    TableColumn(key="risk", label="Risk", look="number", hint="Peaks expected in the next 24 hours, of all charges."),
    TableColumn(key="when", label="Most at", look="number", hint="Local hour with the highest risk, and its own."),
    TableColumn(key="peak", label="Load at the peak so far", look="number", hint="Below it the system's demand then."),
    TableColumn(
        key="off", label="Off at peaks", look="number", hint="Peaks so far met at a tenth of the most power or less."
    ),
    TableColumn(
        key="hours",
        label="Off for peaks",
        look="number",
        hint="Clock hours of this year in which miners that pay stayed off for a peak.",
    ),
    TableColumn(key="cost", label="A MW at a peak", look="number", hint="What one megawatt drawn at a peak costs."),
)
RISK_BARS: Final = (Bar(key="risk", name="Expected peaks in the hour, site with the highest risk", look="bar-1"),)
RULE: Final = (
    "The chance of a day is that its expected demand exceeds the month's peaks so far, times the chance that too few "
    "of the days left of the month rise higher; those are taken to be like the last thirty days. It is spread over "
    "the day's hours by expected demand, which is forecast the day before."
)
NO_CHARGE: Final = "No site has a coincident peak charge."
NO_RISK: Final = "No peak is expected in the next 24 hours: those of the month so far are out of reach, or none counts."


def demand_panel(first: Channel) -> None:
    """Draw the peaks that demand charges bill; `demand_channel` states them."""
    how = "A demand charge bills the month's highest power: what is drawn below it costs nothing more."
    with panel("Peaks that are billed", "", how), scroll("Peaks that are billed, by site"):
        LiveTable(
            "demand-peaks",
            columns=PEAK_COLUMNS,
            caption="Peaks that are billed, by site",
            empty="No site has a demand charge.",
            first=first,
        )


def risk_panel(first: Channel, hours: Channel) -> None:
    """Draw the risk of the system's next peak.

    `risk_channel` and `hour_channel` state it.
    """
    with panel("Risk of the system's peak") as top:
        with top:
            bar_legend(RISK_BARS)
        with scroll("Risk of the system's peak, by site"):
            LiveTable(
                "peak-risk",
                columns=RISK_COLUMNS,
                caption="Risk of the system's peak, by site",
                empty=NO_CHARGE,
                first=first,
            )
        element("p", "note", RULE)
        with scroll("Risk of the system's peak, by hour"):
            BarChart(
                "risk-hours",
                unit="%",
                caption="Risk of the system's peak, by hour",
                series=RISK_BARS,
                empty=NO_RISK,
                first=hours,
                decimals=1,
            )


def demand_channel(snapshot: Snapshot) -> Channel:
    """Return a row for each demand charge, by the fleet's order of sites."""
    places = _places(snapshot)
    charged = [(site, n, charge) for site in snapshot.power for n, charge in enumerate(site.demand_charges)]
    return {
        f"{site.site_id}-{n}": {
            "rank": -place,
            "site": _link(site, places, _times_text(charge.times)),
            "now": _drawn(site, charge),
            "peak": text.mw(charge.peak_mw),
            "target": text.NOTHING if charge.target_mw is None else text.mw(max(charge.target_mw, charge.peak_mw)),
            "rate": f"{text.usd(charge.usd_per_mw)}/MW",
        }
        for place, (site, n, charge) in enumerate(charged)
    }


def risk_channel(snapshot: Snapshot, off_h: Mapping[str, float]) -> Channel:
    """Return a row for each coincident peak charge, by the fleet's order of sites.

    Args:
        off_h: hours off for peaks by site; empty while they are not known.
    """
    places = _places(snapshot)
    charged = [(site, n, charge) for site in snapshot.power for n, charge in enumerate(site.coincident_charges)]
    return {
        f"{site.site_id}-{n}": {
            "rank": -place,
            "site": _link(site, places, _months_text(charge) if len(site.coincident_charges) > 1 else ""),
            **_risk_cells(site, snapshot, places, off_h, is_first=n == 0),
            "peak": text.NOTHING
            if charge.load_at_peak_mw is None or charge.system_peak_mw is None
            else cell(text.mw(charge.load_at_peak_mw), note=f"system {text.number(charge.system_peak_mw)} MW"),
            "off": text.NOTHING
            if charge.peaks_met is None
            else f"{charge.peaks_met.off_count} of {charge.peaks_met.peaks_count}",
            "cost": text.usd(charge.usd_per_mw),
        }
        for place, (site, n, charge) in enumerate(charged)
    }


def _risk_cells(
    site: SitePowerSnapshot,
    snapshot: Snapshot,
    places: Mapping[str, SiteSnapshot],
    off_h: Mapping[str, float],
    *,
    is_first: bool,
) -> dict[str, Shown]:
    """Cells about all charges of a site together, which stand in its first row."""
    if not is_first:
        return {"risk": "", "when": "", "hours": ""}
    share = site.peak_risk_share
    return {
        "risk": " ".join(risk_text(sum(share))) if share else text.NOTHING,
        "when": _riskiest(site, snapshot, places),
        "hours": _off_hours(off_h.get(site.site_id)),
    }


def _months_text(charge: CoincidentPeakSnapshot) -> str:
    """Name the months of a charge: `Jun, Jul`; `all months`."""
    if len(charge.month_numbers) == MONTHS_PER_YEAR:
        return "all months"
    return ", ".join(month_abbr[month] for month in charge.month_numbers)


def hour_channel(snapshot: Snapshot) -> Channel:
    """Return the highest risk of any site in each of the hours to come."""
    risks = [site.peak_risk_share for site in snapshot.power if site.peak_risk_share]
    percents = [round(100.0 * max(hour), 1) for hour in zip(*risks, strict=True)]
    return hour_rows(snapshot, [{"risk": percent} for percent in percents]) if any(percents) else {}


def hour_rows(snapshot: Snapshot, values: list[dict[str, float]]) -> Channel:
    """Label values of the present clock hour and those after it.

    In local time where all sites share one, else UTC.
    """
    zones = {site.timezone for site in snapshot.sites}
    clock = ZoneInfo(zones.pop()) if len(zones) == 1 else UTC
    begin = snapshot.at.replace(minute=0, second=0, microsecond=0)
    hours: Channel = {}
    for place, row in enumerate(values):
        at = begin + timedelta(hours=place)
        key = str(int(at.timestamp()) // SECONDS_PER_HOUR)
        hours[key] = {"rank": -int(key), "label": f"{at.astimezone(clock):%H:%M %Z}", **row}
    return hours


def _places(snapshot: Snapshot) -> Mapping[str, SiteSnapshot]:
    return {site.id: site for site in snapshot.sites}


def _link(site: SitePowerSnapshot, places: Mapping[str, SiteSnapshot], note: str = "") -> Shown:
    known = places.get(site.site_id)
    return cell(known.name if known else site.site_id, href=f"/sites/{site.site_id}", note=note)


def _times_text(times: TermTimes) -> str:
    """Say when a charge counts: `Mon, Tue; 16, 17 h`; empty for always."""
    parts = []
    if times.month_numbers:
        parts.append(", ".join(month_abbr[month] for month in times.month_numbers))
    if times.weekday_numbers:
        parts.append(", ".join(day_abbr[day - 1] for day in times.weekday_numbers))
    if times.hour_numbers:
        parts.append(f"{', '.join(map(str, times.hour_numbers))} h")
    return "; ".join(parts)


def _drawn(site: SitePowerSnapshot, charge: DemandChargeSnapshot) -> Shown:
    """Power drawn now; marked where it would raise the peak that is planned."""
    most = max(charge.peak_mw, charge.target_mw or 0.0)
    return cell(text.mw(site.drawn_mw), "warn" if charge.counts_now and site.drawn_mw > most + TOLERANCE_MW else "")


def _off_hours(hours: float | None) -> Shown:
    """Hours off for peaks beside the most that a season should have; marked above it."""
    if hours is None:
        return text.NOTHING
    return cell(
        f"{text.number(hours, 1)} h", "warn" if hours > MOST_OFF_H else "", note=f"of {text.number(MOST_OFF_H)} h"
    )


def _riskiest(site: SitePowerSnapshot, snapshot: Snapshot, places: Mapping[str, SiteSnapshot]) -> Shown:
    risks, known = site.peak_risk_share, places.get(site.site_id)
    if known is None or not risks or max(risks) <= 0.0:
        return text.NOTHING
    hour = max(range(len(risks)), key=risks.__getitem__)
    at = snapshot.at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=hour)
    return cell(f"{at.astimezone(ZoneInfo(known.timezone)):%H:%M %Z}", note=" ".join(risk_text(risks[hour])))
