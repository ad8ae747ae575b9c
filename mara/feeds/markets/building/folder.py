"""Writer of a history folder, which gets its name when it is complete."""

import csv
import gzip
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from mara.core.arrays import Floats, Ints
from mara.errors import ConfigError
from mara.feeds.files.history import SITES_FILE
from mara.feeds.files.history_file import BITCOIN_FILE
from mara.feeds.files.history_provenance import PROVENANCE_FILE
from mara.feeds.files.history_rows import PARQUET_FILE
from mara.feeds.markets.building.grid import Steps
from mara.feeds.markets.building.spec import SiteSpec
from mara.feeds.markets.declaration import Known
from mara.feeds.markets.reading.clocks import day_text
from mara.feeds.markets.reading.sources import sha256_of

SITE_FIELDS: Final = ("site_id", "name", "country", "lat", "lon", "timezone", "price_zone", "price_known")
DECIMALS: Final = 6
ROWS_AT_ONCE: Final = 200_000
GZIP_LEVEL: Final = 4
"""Compression level: twice as fast as the usual 6, for a twentieth more bytes."""

OnRows = Callable[[int, int], None]


class Format(StrEnum):
    """Forms of the rows of a history."""

    CSV = "csv"
    PARQUET = "parquet"


FILE_OF: Final = {Format.CSV: "history.csv.gz", Format.PARQUET: PARQUET_FILE}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteRows:
    """A site with its columns: values on the steps (N,), or one number for all steps."""

    site: SiteSpec
    columns: Mapping[str, Floats | float]
    price_zone: str
    price_known: Known


def write_folder(
    out: Path,
    steps: Steps,
    sites: Sequence[SiteRows],
    bitcoin: tuple[Ints, Floats],
    provenance: Mapping[str, Any],
    *,
    on_rows: OnRows,
    kind: Format = Format.CSV,
) -> None:
    """Write a history folder, whole or not at all.

    The provenance gets the hash of the rows' file.

    Args:
        bitcoin: UTC days since 1970, and the hashprice of each [USD/PH/day] (D,).

    Raises:
        ConfigError: the target exists and is no history built by this command, or cannot be written.
    """
    _refuse_taken(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise ConfigError(f"{out} cannot be written ({error.strerror}): name another folder") from error
    try:
        history = unfinished / FILE_OF[kind]
        write = _write_parquet if kind == Format.PARQUET else _write_text
        write(history, steps, sites, on_rows)
        _write_sites(unfinished / SITES_FILE, sites)
        _write_bitcoin(unfinished / BITCOIN_FILE, *bitcoin)
        written = {**provenance, "history": {"file": history.name, "sha256": sha256_of(history)}}
        text = json.dumps(written, indent=1, allow_nan=False, ensure_ascii=False)
        (unfinished / PROVENANCE_FILE).write_text(text + "\n", encoding="utf-8")
        unfinished.chmod(0o755)
        _put_in_place(unfinished, out)
    except OSError as error:
        raise ConfigError(f"{out} cannot be written ({error.strerror}): make room, or name another folder") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _refuse_taken(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise ConfigError(f"--out {out} should be a folder, is a file: name another")
    held = {path.name for path in out.iterdir()}
    if held and PROVENANCE_FILE not in held:
        raise ConfigError(f"--out {out} should be new, empty or written by `mara import build`: name another folder")
    strange = sorted(held - {*FILE_OF.values(), SITES_FILE, BITCOIN_FILE, PROVENANCE_FILE})
    if strange:
        raise ConfigError(f"--out {out} should hold a history alone, holds {strange[0]} too: name another folder")


def _put_in_place(unfinished: Path, out: Path) -> None:
    """Rename the new folder to its target; restore the old one if that fails."""
    if not out.exists():
        os.replace(unfinished, out)
        return
    old = unfinished.with_name(unfinished.name + ".old")
    try:
        os.replace(out, old)
        os.replace(unfinished, out)
    finally:  # an interrupt may come between the two
        if not out.exists():
            with suppress(OSError):
                os.replace(old, out)
        if out.exists():
            shutil.rmtree(old, ignore_errors=True)


def _write_text(path: Path, steps: Steps, sites: Sequence[SiteRows], on_rows: OnRows) -> None:
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    # no time in gzip's header: the same input gives the same bytes
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as packed,
    ):
        packed.write((",".join(["timestamp_utc", "site_id", *_names_of(sites)]) + "\n").encode())
        for table in _tables(steps, sites, on_rows):
            stamps = np.char.add(np.datetime_as_string(table["timestamp_utc"].to_numpy(), unit="s"), "Z")
            text = io.BytesIO()
            pyarrow.csv.write_csv(table.set_column(0, "timestamp_utc", pa.array(stamps)), text, options)
            packed.write(text.getbuffer())


def _write_parquet(path: Path, steps: Steps, sites: Sequence[SiteRows], on_rows: OnRows) -> None:
    tables = _tables(steps, sites, on_rows)
    first = next(tables)
    with pyarrow.parquet.ParquetWriter(path, first.schema, compression="zstd") as file:
        for table in chain((first,), tables):
            file.write_table(table)


def _tables(steps: Steps, sites: Sequence[SiteRows], on_rows: OnRows) -> Iterator[Any]:
    """Yield the rows in pieces, step by step and in each step site by site."""
    ids = np.array([site.site.id for site in sites])
    names = _names_of(sites)
    at_once = max(1, ROWS_AT_ONCE // len(sites))
    for first in range(0, steps.count, at_once):
        last = min(first + at_once, steps.count)
        at_s = (steps.from_s + steps.step_s * np.arange(first, last)).repeat(len(sites))
        yield pa.table(
            {
                "timestamp_utc": pa.array(at_s, pa.timestamp("s", tz="UTC")),
                "site_id": pa.array(np.tile(ids, last - first)),
                **{name: _block(sites, name, first, last) for name in names},
            }
        )
        on_rows(last, steps.count)


def _names_of(sites: Sequence[SiteRows]) -> list[str]:
    return list(dict.fromkeys(name for site in sites for name in site.columns))


def _block(sites: Sequence[SiteRows], name: str, first: int, last: int) -> Any:
    """The values of one column in file order: by step, and within a step by site."""
    block = np.full((last - first, len(sites)), np.nan)
    for place, site in enumerate(sites):
        value = site.columns.get(name)
        if value is not None:
            block[:, place] = value[first:last] if isinstance(value, np.ndarray) else value
    rounded = np.round(block, DECIMALS).ravel() + 0.0  # no minus zero
    return pa.array(rounded, mask=np.isnan(rounded))


def _write_sites(path: Path, sites: Sequence[SiteRows]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(SITE_FIELDS)
        for row in sites:
            site = row.site
            rows.writerow(
                [
                    site.id,
                    site.name,
                    site.country,
                    site.lat,
                    site.lon,
                    site.timezone,
                    row.price_zone,
                    str(row.price_known),
                ]
            )


def _write_bitcoin(path: Path, days: Ints, hashprice_usd_per_ph_day: Floats) -> None:
    lines = [
        f"{day_text(day)},{round(float(price), DECIMALS):.10g}"
        for day, price in zip(days, hashprice_usd_per_ph_day, strict=True)
    ]
    path.write_text("\n".join(["date,hashprice_usd_per_ph_day", *lines]) + "\n", encoding="utf-8")
