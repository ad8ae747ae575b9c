"""Panels of a site's head and key figures: price, weather, power, profit, carbon."""

from datetime import datetime
from zoneinfo import ZoneInfo

from components.overview.site_map import COOLING_LABELS
from components.shared import format as text
from components.shared.live import figure_strip, live_text
from components.shared.theme import element
from components.shared.view_model import Channel, cell
from mara.core.snapshot import ForecastSnapshot, SiteSnapshot, Snapshot

STATUS_LABELS = {"running": "Running", "curtailed": "Miners curtailed", "partial": "Partly out", "down": "Down"}
OUTLOOK_HOURS = 24
FIGURES = (
    ("price", "Power price", "What the grid charges now; below it what the plan expects of the coming hours."),
    ("weather", "Outside", "Dry-bulb temperature; below it the wet bulb, which evaporation and liquid loops feel."),
    ("pue", "PUE", "Site power over IT power of the running load, at least 1. Its inverse is the cooling efficiency."),
    (
        "power",
        "Site power",
        "What the grid connection carries, cooling included; below it the connection's limit.",
    ),
    ("profit", "Profit rate", "Revenue less all costs of the tick just settled, per hour; below it the revenue."),
    ("carbon", "Carbon", "CO2 of a kilowatt-hour from this grid; below it the renewable share of the grid."),
)
"""Key, label and explanation of each tile."""


def site_head(first: Channel, site_id: str, *, can_order: bool = True) -> None:
    """Draw name, place, status and local time, and with `can_order` the outage button."""
    with element("div", "leaf-head"):
        live_text("site.name", {"site.name": site_id, **first}, as_="h1")
        live_text("site.place", {"site.place": "", **first}, "place")
        live_text("site.status", first, "site-status").props("role=status")
        with element("div", "end"):
            live_text("site.outage", {"site.outage": "", **first}, "note")
            live_text("site.time", first, "figure").props('aria-label="Local time"')
            if not can_order:
                return
            button = element("button", "button", "Outage").props(
                'type=button aria-haspopup=dialog title="Take this site down, or end an ordered outage"'
            )
            button.on("click", js_handler=f"() => window.mara.askOutage({site_id!r})").mark("outage")


def site_figures(first: Channel) -> None:
    """Draw the strip of figures; `site_cells` states its content."""
    figure_strip("site", FIGURES, first, label="Key figures of the site")


def _limit(site: SiteSnapshot) -> str:
    if site.import_limit_mw is None:
        return f"of {text.mw(site.grid_limit_mw)} grid limit"
    return f"of {text.mw(site.import_limit_mw)} that the grid's operator allows"


def site_cells(site: SiteSnapshot, snapshot: Snapshot, forecast: ForecastSnapshot | None) -> Channel:
    """Return the cells of head and figures."""
    figures = {
        "price": (text.number(site.energy_price_usd_per_mwh, 1), "USD/MWh", _outlook(site, snapshot, forecast)),
        "weather": (text.number(site.dry_bulb_c, 1), "°C", f"wet bulb {text.number(site.wet_bulb_c, 1)} °C"),
        "pue": (
            text.number(site.pue, 3),
            "",
            f"cooling efficiency {text.percent(site.cooling_efficiency_share)}",
        ),
        "power": (text.number(site.site_power_mw, 1), "MW", _limit(site)),
        "profit": (
            *text.scaled(site.profit_usd_per_h, "USD/h"),
            f"revenue {text.usd_per_h(site.revenue_usd_per_h)}",
        ),
        "carbon": (
            text.number(site.carbon_intensity_g_per_kwh),
            "g CO2/kWh",
            f"{text.percent(site.renewable_share)} renewable",
        ),
    }
    cells: Channel = {
        "site.name": site.name,
        "site.place": f"{site.country} · {COOLING_LABELS.get(site.cooling, site.cooling)}",
        "site.status": cell(STATUS_LABELS.get(site.status, site.status), site.status),
        "site.time": local_time(snapshot.at, site.timezone),
        "site.outage": _ordered_outage(site, snapshot),
    }
    for key, (value, unit, note) in figures.items():
        cells[f"site.{key}"] = value
        cells[f"site.{key}.unit"] = unit
        cells[f"site.{key}.note"] = note
    if site.profit_usd_per_h < 0:
        cells["site.profit.note"] = cell(str(cells["site.profit.note"]), "bad")
    return cells


def local_time(at: datetime, timezone: str) -> str:
    """Format local time: `Wed 14:05 in Europe/Oslo`."""
    return f"{at.astimezone(ZoneInfo(timezone)):%a %H:%M} in {timezone}"


def forecast_of(site_id: str, snapshot: Snapshot, forecast: ForecastSnapshot | None) -> dict[int, float]:
    """Return the expected power price here by epoch seconds from now on [USD/MWh]."""
    if forecast is None:
        return {}
    place = next((i for i, site in enumerate(snapshot.sites) if site.id == site_id), None)
    if place is None:
        return {}
    rows = zip(forecast.at, forecast.energy_price_usd_per_mwh, strict=True)
    return {int(at.timestamp()): row[place] for at, row in rows if at > snapshot.at}


def _outlook(site: SiteSnapshot, snapshot: Snapshot, forecast: ForecastSnapshot | None) -> str:
    ahead = list(forecast_of(site.id, snapshot, forecast).values())[:OUTLOOK_HOURS]
    if not ahead:
        return "no forecast behind this plan"
    return f"next {len(ahead)} h {text.number(min(ahead))} to {text.number(max(ahead))}"


def _ordered_outage(site: SiteSnapshot, snapshot: Snapshot) -> str:
    if not site.outage_ends_tick:
        return ""
    minutes = (site.outage_ends_tick - snapshot.tick) * snapshot.tick_minutes
    return f"ordered down for another {text.duration(minutes)}"
