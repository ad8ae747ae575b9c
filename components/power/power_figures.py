"""Head of the power page: key figures of the bill, peaks, products and batteries."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from components.power.bill_panels import month_end_usd, spent_usd
from components.shared import format as text
from components.shared.live import figure_strip
from components.shared.theme import element
from components.shared.view_model import Channel, Shown, cell
from mara.core.power_snapshot import AwardSnapshot, SitePowerSnapshot
from mara.core.snapshot import Snapshot
from mara.core.units import MINUTES_PER_HOUR, TOLERANCE_MW

LEAST_RISK: Final = 0.0005
"""Expected peaks below which the risk shows as zero."""
FIGURES: Final = (
    ("bill", "Power bill so far", "Energy and all power terms in each site's calendar month. A cost is negative."),
    (
        "end",
        "Bill at the month's end",
        "What grows with the hours goes on as in the month so far. Charges on peaks stand, or rise to the peak that "
        "the plan pays for. Nothing is told in the first day of a bill.",
    ),
    ("peak", "Peaks so far", "The highest counted power of the month, summed over sites with a demand charge."),
    (
        "risk",
        "Peak risk, 24 h",
        "Coincident peaks expected in the next 24 hours, at the site with the highest risk: one peak a month makes it "
        "a probability.",
    ),
    (
        "sold",
        "Sold to products",
        "Power that is held ready for the grid now; headroom is what could be sold beyond it.",
    ),
    ("battery", "Batteries", "Energy stored, as a share of what fits; below it what they do now."),
)
"""Key, label and explanation of each tile."""


def power_head() -> None:
    """Draw the title of the page."""
    with element("div", "leaf-head"):
        element("h1", "", "Power")
        element("span", "place", "What a megawatt-hour really costs, and what being flexible earns")


def power_figures(first: Channel) -> None:
    """Draw the strip that `power_cells` states."""
    figure_strip("power", FIGURES, first, label="Key figures of the power terms")


def power_cells(snapshot: Snapshot) -> Channel:
    """Return the strip's cells."""
    sites = snapshot.power
    spent, end = sum(map(spent_usd, sites)), month_end_usd(sites)
    billed_h = max(site.billed_h for site in sites)
    left_h = min(site.left_h for site in sites)
    figures: dict[str, tuple[Shown, str, Shown]] = {
        "bill": (*text.scaled(spent, "USD"), f"of {text.duration(_whole_hours(billed_h))}"),
        "end": (
            *(text.scaled(end, "USD") if end is not None else (text.NOTHING, "")),
            f"{text.duration(_whole_hours(left_h))} to go" if end is not None else "told after a day",
        ),
        "peak": _peaks(sites),
        "risk": _risk(sites, {site.id: site.name for site in snapshot.sites}),
        "sold": _sold(snapshot),
        "battery": _batteries(sites),
    }
    cells: Channel = {}
    for key, (value, unit, note) in figures.items():
        cells[f"power.{key}"] = value
        cells[f"power.{key}.unit"] = unit
        cells[f"power.{key}.note"] = note
    return cells


def call_end(award: AwardSnapshot, snapshot: Snapshot) -> str:
    """Time of day in UTC at which a call under way ends."""
    left = timedelta(minutes=(award.call_ends_tick - snapshot.tick) * snapshot.tick_minutes)
    return text.utc_time(snapshot.at + left)


def battery_now(battery_mw: float) -> str:
    """Say what batteries do: `deliver 12.0 MW`, `charge 4.0 MW`, `rest`."""
    if abs(battery_mw) < TOLERANCE_MW:
        return "rest"
    return f"deliver {text.mw(battery_mw)}" if battery_mw > 0.0 else f"charge {text.mw(-battery_mw)}"


def risk_text(expected: float) -> tuple[str, str]:
    """Format a number of expected peaks: a percentage up to one peak, a count above."""
    return (text.number(100 * expected, 1), "%") if expected <= 1.0 else (text.number(expected, 1), "peaks")


def _whole_hours(hours: float) -> float:
    """Whole hours in minutes, so that the text changes once an hour."""
    return int(hours) * MINUTES_PER_HOUR if hours >= 1.0 else hours * MINUTES_PER_HOUR


def _peaks(sites: Sequence[SitePowerSnapshot]) -> tuple[Shown, str, Shown]:
    charged = [site for site in sites if site.peak_mw is not None]
    if not charged:
        return text.NOTHING, "", "no demand charge"
    target = sum(max(site.peak_target_mw or 0.0, site.peak_mw or 0.0) for site in charged)
    has_target = any(site.peak_target_mw is not None for site in charged)
    note = f"the plan pays for {text.mw(target)}" if has_target else "the plan has no target"
    return text.number(sum(site.peak_mw or 0.0 for site in charged), 1), "MW", note


def _risk(sites: Sequence[SitePowerSnapshot], names: dict[str, str]) -> tuple[Shown, str, Shown]:
    charged = [site for site in sites if site.coincident_mw_usd is not None]
    known = [site for site in charged if site.peak_risk_share]
    if not known:
        return text.NOTHING, "", "no coincident peaks" if not charged else "told by the next tick"
    most = max(known, key=lambda site: sum(site.peak_risk_share))
    expected = sum(most.peak_risk_share)
    note = f"most at {names.get(most.site_id, most.site_id)}" if expected >= LEAST_RISK else "no peak within reach"
    return *risk_text(expected), note


def _sold(snapshot: Snapshot) -> tuple[Shown, str, Shown]:
    awards = [award for site in snapshot.power for award in site.awards]
    called = [award for award in awards if award.called_mw > 0.0]
    headroom = sum(site.headroom_mw for site in snapshot.power)
    note: Shown = f"headroom {text.mw(headroom)}"
    if called:
        last = max(called, key=lambda award: award.call_ends_tick)
        called_mw = sum(award.called_mw for award in called)
        note = cell(f"{text.mw(called_mw)} called until {call_end(last, snapshot)} UTC", "warn")
    return text.number(sum(award.award_mw for award in awards), 1), "MW", note


def _batteries(sites: Sequence[SitePowerSnapshot]) -> tuple[Shown, str, Shown]:
    energy_mwh = sum(site.energy_mwh for site in sites)
    if not energy_mwh:
        return text.NOTHING, "", "no battery"
    stored_mwh = sum(site.stored_mwh for site in sites)
    now = battery_now(sum(site.battery_mw for site in sites))
    return text.number(100 * stored_mwh / energy_mwh), "%", f"of {text.number(energy_mwh)} MWh, they {now}"
