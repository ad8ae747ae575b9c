"""Sites as a CSV file: a row a site, units in the names, no spreadsheet formulas."""

import csv
from dataclasses import replace
from io import StringIO

from mara.api.routes.tables.site_table import sites_csv, sites_csv_name
from tests.ui.snapshots import snapshot_at


def test_every_site_has_a_row_with_its_headroom_mode_and_contracts() -> None:
    snapshot = snapshot_at(288)
    first = replace(snapshot.sites[0], name="=1+1", outage_ends_tick=300)
    shown = replace(snapshot, sites=(first, *snapshot.sites[1:]))
    rows = list(csv.DictReader(StringIO(sites_csv(shown).decode())))
    assert [row["site_id"] for row in rows] == [site.id for site in shown.sites]
    assert float(rows[0]["headroom_mw"]) == first.grid_limit_mw - first.site_power_mw
    assert [row["mode"] for row in rows[:2]] == ["ordered down", "automatic"]
    assert not rows[0]["name"].startswith("=")
    served = [contract for contract in shown.contracts if contract.served]
    assert sum(int(row["contracts_count"]) for row in rows) == len(served)
    assert sites_csv_name(shown) == f"mara-sites-{shown.at:%Y-%m-%dT%H%MZ}.csv"
