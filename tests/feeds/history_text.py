"""Writers of small history folders, which tests read and damage."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

HEADER = "timestamp_utc,site_id,price_usd_per_mwh,carbon_g_per_kwh,renewable_share,dry_bulb_c,wet_bulb_c"
FIRST = datetime(2023, 1, 1, tzinfo=UTC)


def price_of(hour: int, site: int) -> float:
    """A price from which its hour and site can be told."""
    return float(hour + 1_000 * site)


def history_rows(hours: int, sites: tuple[str, ...] = ("north", "south"), first: datetime = FIRST) -> list[str]:
    """One row per hour and site, in order of hours."""
    return [
        f"{first + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},{site_id},{price_of(hour, site)},{100 + site},0.5,"
        f"{10 + hour % 24},{5 + site}"
        for hour in range(hours)
        for site, site_id in enumerate(sites)
    ]


def bitcoin_rows(days: int, first: datetime = FIRST) -> list[str]:
    """One hashprice per day: 50 on the first, and one more on each that follows."""
    return [f"{first + timedelta(days=day):%Y-%m-%d},{50 + day}" for day in range(days)]


def write_history(
    folder: Path, rows: list[str], *, bitcoin: list[str] | None = None, header: str = HEADER, zipped: bool = False
) -> Path:
    """Write a history folder of these rows, and return the folder."""
    text = "\n".join([header, *rows]) + "\n"
    if zipped:
        (folder / "history.csv.gz").write_bytes(gzip.compress(text.encode()))
    else:
        (folder / "history.csv").write_text(text, encoding="utf-8")
    daily = bitcoin_rows(3) if bitcoin is None else bitcoin
    (folder / "bitcoin_daily.csv").write_text(
        "\n".join(["date,hashprice_usd_per_ph_day", *daily]) + "\n", encoding="utf-8"
    )
    return folder
