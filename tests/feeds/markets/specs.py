"""Small SPECs in a folder, and the histories built from them."""

import csv
import gzip
from pathlib import Path
from typing import Any

from mara.feeds.markets.building.build import BuildOrder, build
from mara.feeds.markets.building.spec import read_spec
from mara.feeds.markets.reading.series import Fill

SITE = """[[site]]
id = "north"
name = "North"
country = "Somewhere"
lat = 50.0
lon = 8.0
timezone = "{zone}"
"""
CARBON = "[site.carbon]\nconstant = 300.0\nrenewable_share = 0.5\n"
WEATHER = "[site.weather]\nconstant = 15.0\nwet_bulb_c = 12.0\n"
BITCOIN = "[bitcoin]\nconstant = 50.0\n"


def spec_text(
    price: str,
    *,
    step: int = 60,
    zone: str = "Europe/Berlin",
    fx: str = "[fx]\nusd_per.EUR = 1.0\n",
    carbon: str = CARBON,
    weather: str = WEATHER,
    bitcoin: str = BITCOIN,
    more: str = "",
) -> str:
    """A SPEC of one site."""
    head = f"[history]\nstep_minutes = {step}\n{fx}{SITE.format(zone=zone)}"
    return f"{head}[site.price]\n{price}\n{more}{carbon}{weather}{bitcoin}"


def built(
    folder: Path,
    text: str,
    *,
    fill: str = "none",
    from_s: int | None = None,
    to_s: int | None = None,
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Build a SPEC; return the report and the rows of the history."""
    spec = folder / "spec.toml"
    spec.write_text(text, encoding="utf-8")
    order = BuildOrder(spec_file=spec, out=folder / "out", from_s=from_s, to_s=to_s, fill=Fill(fill))
    report = build(read_spec(spec), order, lambda _what, _done, _of: None)
    with gzip.open(folder / "out" / "history.csv.gz", "rt", encoding="utf-8") as file:
        return report, list(csv.DictReader(file))


def prices(rows: list[dict[str, str]]) -> list[float]:
    return [float(row["price_usd_per_mwh"]) for row in rows]
