"""Comparison of the sites as a CSV file, for spreadsheets."""

import csv
from collections.abc import Callable
from io import StringIO
from typing import Final

from mara.core.snapshot import SiteSnapshot, Snapshot
from mara.store.read.table_file import harmless


def mode_of(site: SiteSnapshot) -> str:
    """Return who decides at a site: the plan, or an operator who ordered it down."""
    return "ordered down" if site.outage_ends_tick else "automatic"


COLUMNS: Final[dict[str, Callable[[SiteSnapshot], object]]] = {
    "site_id": lambda site: harmless(site.id),
    "name": lambda site: harmless(site.name),
    "country": lambda site: harmless(site.country),
    "status": lambda site: site.status,
    "mode": mode_of,
    "energy_price_usd_per_mwh": lambda site: site.energy_price_usd_per_mwh,
    "site_power_mw": lambda site: site.site_power_mw,
    "grid_limit_mw": lambda site: site.grid_limit_mw,
    "headroom_mw": lambda site: site.grid_limit_mw - site.site_power_mw,
    "revenue_usd_per_h": lambda site: site.revenue_usd_per_h,
    "profit_usd_per_h": lambda site: site.profit_usd_per_h,
    "pue": lambda site: site.pue,
    "carbon_intensity_g_per_kwh": lambda site: site.carbon_intensity_g_per_kwh,
    "renewable_share": lambda site: site.renewable_share,
    "contracts_mw": lambda site: site.contracts_mw,
}


def sites_csv(snapshot: Snapshot) -> bytes:
    """Write one CSV row a site as of a tick; no text starts a spreadsheet formula."""
    file = StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("timestamp_utc", *COLUMNS, "contracts_count"))
    at = snapshot.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    counts = contract_counts(snapshot)
    for site in snapshot.sites:
        writer.writerow((at, *(column(site) for column in COLUMNS.values()), counts.get(site.id, 0)))
    return file.getvalue().encode()


def sites_csv_name(snapshot: Snapshot) -> str:
    """Make the name of the file from the tick's time."""
    return f"mara-sites-{snapshot.at:%Y-%m-%dT%H%MZ}.csv"


def contract_counts(snapshot: Snapshot) -> dict[str, int]:
    """Count the contracts that run at each site."""
    counts: dict[str, int] = {}
    for contract in snapshot.contracts:
        if contract.served:
            counts[contract.site_id] = counts.get(contract.site_id, 0) + 1
    return counts
