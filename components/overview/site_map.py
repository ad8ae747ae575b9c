"""Offline map of the fleet: circles by cooling efficiency and power."""

from collections import Counter
from pathlib import Path

import nicegui.elements.leaflet as bundled_leaflet  # its import puts `nicegui-leaflet` into the import map
from nicegui import ui

from components.overview.site_table import SiteComparison
from components.shared.theme import BROWSER_MODULES, element, panel, static_url
from components.shared.view_model import Channel, Row
from mara.core.snapshot import SiteSnapshot, Snapshot

LEAFLET_FOLDER = Path(bundled_leaflet.__file__).parent / "dist"
MAP_MODULES = {"mara-map": str(Path(__file__).parent / "map")}
WORKLOAD_LABELS = {
    "air_miner_mw": "Air miners",
    "hydro_miner_mw": "Hydro miners",
    "immersion_miner_mw": "Immersion miners",
    "gpu_mw": "GPU, merchant",
    "asic_mw": "ASIC, merchant",
    "contracts_mw": "Contracts",
}
COOLING_LABELS = {
    "free_air": "free air cooling",
    "air": "air cooling",
    "evaporative": "evaporative cooling",
    "hydro": "hydro cooling",
    "immersion": "immersion cooling",
    "mechanical": "mechanical cooling",
}
LEGEND = (
    ("what", "Cooling efficiency"),
    ("good", "above 80 %"),
    ("fair", "60 to 80 %"),
    ("poor", "below 60 %"),
    ("curtailed", "curtailed"),
    ("partial", "partly out"),
    ("down", "down"),
)


class SiteMap(ui.element, component="site_map.js", esm=BROWSER_MODULES | MAP_MODULES):
    """Map that follows the channels `sites`, `map` and `moment`.

    Updates keep its zoom and an open card.
    """

    def __init__(self) -> None:
        super().__init__()
        self.add_resource(LEAFLET_FOLDER)
        self.props["leaflet-css"] = f"{self.props['resource-path']}/leaflet/leaflet.css"
        self.props["ground"] = {name: static_url(f"world/{name}.json") for name in ("land", "borders")}
        self.props["workloads"] = [{"key": key, "label": label} for key, label in WORKLOAD_LABELS.items()]
        self.props["label"] = "World map of the sites; tab moves from site to site"
        self.mark("site-map")


def site_map_panel(csv_path: str) -> None:
    """Draw the map with its legend, and beside it the table that compares the sites.

    `site_channel`, `map_channel` and `moment_channel` state what it shows.
    """
    how = "Circle: cooling efficiency in percent; its area grows with power. Hover or tab to one for details."
    with panel("Sites", "map-panel", how) as top:
        with top, element("ul", "legend").props('aria-label="Legend: cooling efficiency and status"'):
            for state, label in LEGEND:
                element("li", f"legend-{state}", label)
        with element("div", "sites-body"):
            SiteComparison(csv_path)
            SiteMap()


def site_channel(snapshot: Snapshot) -> Channel:
    """Return the fixed data of each site: name, place, time zone, grid limit."""
    return {
        site.id: {
            "name": site.name,
            "country": site.country,
            "lat": site.lat_deg,
            "lon": site.lon_deg,
            "timezone": site.timezone,
            "cooling": COOLING_LABELS.get(site.cooling, site.cooling),
            "grid_limit_mw": site.grid_limit_mw,
        }
        for site in snapshot.sites
    }


def map_channel(snapshot: Snapshot) -> Channel:
    """Return the numbers of each site, rounded to what is shown."""
    running = Counter(contract.site_id for contract in snapshot.contracts if contract.served)
    return {site.id: _numbers_of(site, running[site.id]) for site in snapshot.sites}


def _numbers_of(site: SiteSnapshot, contracts_count: int) -> Row:
    return {
        "contracts_count": contracts_count,
        "status": site.status,
        "power_mw": round(site.site_power_mw, 1),
        "efficiency_share": round(site.cooling_efficiency_share, 3),
        "dry_bulb_c": round(site.dry_bulb_c, 1),
        "pue": round(site.pue, 3),
        "price_usd_per_mwh": round(site.energy_price_usd_per_mwh, 1),
        "carbon_g_per_kwh": round(site.carbon_intensity_g_per_kwh),
        "revenue_usd_per_h": round(site.revenue_usd_per_h),
        "profit_usd_per_h": round(site.profit_usd_per_h),
        "air_miner_mw": round(site.air_miner_mw, 1),
        "hydro_miner_mw": round(site.hydro_miner_mw, 1),
        "immersion_miner_mw": round(site.immersion_miner_mw, 1),
        "gpu_mw": round(site.gpu_mw, 1),
        "asic_mw": round(site.asic_mw, 1),
        "contracts_mw": round(site.contracts_mw, 1),
    }
