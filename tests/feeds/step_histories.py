"""History folders of any step, written by the writer of `mara import build`."""

from pathlib import Path
from typing import Any

import numpy as np

from mara.feeds.markets.building.folder import Format, SiteRows, write_folder
from mara.feeds.markets.building.grid import Steps
from mara.feeds.markets.building.spec import SiteSpec, SourceTable
from mara.feeds.markets.declaration import Known

FIRST_S = 1_711_843_200  # 2024-03-31T00:00Z: clocks go forward in Europe on that day
FILE_STORY: dict[str, Any] = {
    "layout": "ercot-rtm-spp",
    "publisher": "ERCOT",
    "report": "NP6-905-CD",
    "licence": "redistribution in compilations",
    "series": "HB_NORTH",
    "files": [{"name": "rtm.csv", "sha256": "0" * 64, "bytes": 1}],
    "filled": [["2024-03-31T01:00Z", "2024-03-31T01:30Z"]],
}
AGREED: dict[str, Any] = {"constant": {"price": 50.0}}


def values_of(steps: int, site: int) -> dict[str, Any]:
    """Columns of a site, in which every value tells its step and site."""
    step = np.arange(steps, dtype=np.float64)
    return {
        "price_usd_per_mwh": step - 10.0 + 0.25 * site,
        "carbon_g_per_kwh": 300.0 + site,
        "renewable_share": 0.5,
        "dry_bulb_c": 15.0 + step / 1_000.0,
        "wet_bulb_c": 12.0,
        **({"day_ahead_usd_per_mwh": 2.0 * step, "reserve_rrs_usd_per_mw_h": step / 8.0} if site == 0 else {}),
    }


def write_steps(
    out: Path, *, step_minutes: int = 15, steps: int = 96, kind: Format = Format.CSV, filled: int = 2
) -> Path:
    """Write a folder of two sites; the first has a day-ahead and a reserve price."""
    grid = Steps(from_s=FIRST_S, to_s=FIRST_S + steps * step_minutes * 60, step_s=step_minutes * 60)
    sites = [
        SiteRows(
            site=SiteSpec(
                id=name,
                name=name,
                country="Somewhere",
                lat=32.0,
                lon=-96.0,
                timezone="America/Chicago",
                **{part: SourceTable(constant=1.0) for part in ("price", "carbon", "weather")},
            ),
            columns=values_of(steps, place),
            price_zone="ERCOT hub",
            price_known=Known.REAL_TIME if place == 0 else Known.DAY_AHEAD,
        )
        for place, name in enumerate(("west", "east"))
    ]
    provenance = {
        "provenance_version": 1,
        "from": "2024-03-31T00:00Z",
        "to": "2024-04-01T00:00Z",
        "step_minutes": step_minutes,
        "rows": 2 * steps,
        "filled": filled,
        "warnings": ["west price: four quarters of zero"],
        "fill": "carry",
        "sites": [{"id": "west", "price": FILE_STORY, "carbon": AGREED}, {"id": "east", "price": FILE_STORY}],
        "bitcoin": AGREED,
    }
    days = grid.days
    write_folder(
        out, grid, sites, (days, np.full(len(days), 50.0)), provenance, on_rows=lambda _done, _of: None, kind=kind
    )
    return out
