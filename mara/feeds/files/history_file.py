"""Histories: prices, carbon and weather of sites on equal steps, from a folder.

`history.csv`, `history.csv.gz` or `history.parquet` has a row per step and site, `bitcoin_daily.csv` the day's
hashprice. The folder is read whole and checked: no gaps, no repeats, UTC throughout, believable values.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final, cast

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.units import SECONDS_PER_DAY
from mara.core.world import MAX_PRICE_USD_PER_MWH, MIN_PRICE_USD_PER_MWH
from mara.errors import FeedInvalid
from mara.feeds.files.csv_table import CsvTable, Row, header_of, numbers_of, utc_of
from mara.feeds.files.history import SITE_ARRAYS, SITES_FILE, History, PriceKnown, some_of
from mara.feeds.files.history_clock import TIME_COLUMN, check_clock, steps_of_regular_rows
from mara.feeds.files.history_provenance import PROVENANCE_FILE, read_provenance
from mara.feeds.files.history_rows import NO_TIME, PARQUET_FILE, SITE_COLUMN, HistoryRows, Places, rows_of
from mara.feeds.files.history_units import question_hashprice, question_units
from mara.feeds.files.shipped_histories import history_folder

HISTORY_FILES: Final = ("history.csv", "history.csv.gz", PARQUET_FILE)
BITCOIN_FILE: Final = "bitcoin_daily.csv"
CONTRACTS_FILE: Final = "contracts.csv"

HASHPRICE_COLUMN: Final = "hashprice_usd_per_ph_day"
KNOWN_COLUMN: Final = "price_known"
KNOWN: Final = ("day_ahead", "real_time")
PRICE_BOUNDS_USD_PER_MWH: Final = (MIN_PRICE_USD_PER_MWH, MAX_PRICE_USD_PER_MWH)
BOUNDS: Final = {
    "price_usd_per_mwh": PRICE_BOUNDS_USD_PER_MWH,
    "carbon_g_per_kwh": (0.0, 2_000.0),
    "renewable_share": (0.0, 1.0),
    "dry_bulb_c": (-90.0, 60.0),
    "wet_bulb_c": (-90.0, 45.0),
}
"""Lowest and highest believable value of each column.

Coal power emits about 1,000 g/kWh over its life cycle; the coldest and hottest air ever measured were -89.2 and 56.7 C
(WMO, https://wmo.asu.edu).
"""
DAY_AHEAD_COLUMN: Final = "day_ahead_usd_per_mwh"
OPTIONAL_BOUNDS: Final = {
    DAY_AHEAD_COLUMN: PRICE_BOUNDS_USD_PER_MWH,
    "system_demand_mw": (0.0, 10_000_000.0),
    "system_demand_forecast_mw": (0.0, 10_000_000.0),
}
"""Lowest and highest believable value of the optional columns but reserve prices.

No power system draws more than 2 TW.
"""
CALLED_COLUMN: Final = re.compile(r"called_[a-z0-9_]+_share")
"""Pattern of columns with the part of its award that a product calls in a step."""
RESERVE_COLUMN: Final = re.compile(r"reserve_[a-z0-9_]+_usd_per_mw_h")
"""Pattern of columns with the price of a reserve product [USD/MW and hour].

The middle of the column's name is the product.
"""
HASHPRICE_BOUNDS_USD_PER_PH_DAY: Final = (0.0, 1_000_000.0)
WET_ABOVE_DRY_C: Final = 0.5
"""Largest excess of the wet bulb over the dry bulb that passes as rounding [K].

Such a wet bulb is set to the dry bulb; a larger excess is refused.
"""
MAX_STEPS: Final = 5_000_000
"""Most steps of a history: 47 years of five minutes."""
MAX_DAYS: Final = 100_000

_MEND: Final = "correct them, or leave the site out"


def read_history(folder: Path, *, trusts_units: bool = False) -> History:
    """Read and check a history folder.

    Args:
        folder: path of the folder, or the name of a shipped history.
        trusts_units: accept values that look as if they were in another unit.

    Raises:
        FeedInvalid: a file or column is missing, a value is out of bounds, a time is not the beginning of a step, rows
            repeat, steps are missing or out of order, or values look as if they were in another unit. The message
            names file, line, the first few cases and the remedy.
    """
    folder = history_folder(folder)
    file = _history_file_of(folder)
    rows = rows_of(file, tuple(BOUNDS), is_optional_column)
    _check_values(rows)
    sites = len(rows.site_ids)
    regular_s = steps_of_regular_rows(rows.epoch_s, rows.site, sites)
    step_s = regular_s or check_clock(rows.table, epoch_s=rows.epoch_s, site=rows.site)
    first_s, steps = int(rows.epoch_s.min()), len(rows.epoch_s) // sites
    if steps > MAX_STEPS:
        raise FeedInvalid(f"{file} should have at most {MAX_STEPS:,} steps, has {steps:,}: split it")
    place = None if regular_s else ((rows.epoch_s - first_s) // step_s, rows.site)
    dense = {name: _dense(rows.columns.pop(name), place, (steps, sites)) for name in list(rows.columns)}
    hashprice = _read_hashprice(folder / BITCOIN_FILE, first_s, step_s, steps)
    if not trusts_units:
        names: tuple[str, ...] = ("price_usd_per_mwh", DAY_AHEAD_COLUMN)
        prices = {name: dense[name] for name in names if name in dense}
        question_units(file, rows.site_ids, prices_usd_per_mwh=prices, carbon_g_per_kwh=dense["carbon_g_per_kwh"])
        question_hashprice(folder / BITCOIN_FILE, hashprice)
    np.minimum(dense["wet_bulb_c"], dense["dry_bulb_c"], out=dense["wet_bulb_c"])
    digests = _digests_of(folder, file.name)
    return History(
        file=file,
        sha256=hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in digests.items()).encode()).hexdigest(),
        site_ids=rows.site_ids,
        step_minutes=step_s // 60,
        first_epoch_s=first_s,
        hashprice_usd_per_ph_day=hashprice,
        **{name: sealed(dense.pop(column)) for name, column in zip(SITE_ARRAYS, BOUNDS, strict=True)},
        day_ahead_usd_per_mwh=sealed(dense.pop(DAY_AHEAD_COLUMN)) if DAY_AHEAD_COLUMN in dense else None,
        price_known=_read_price_known(folder / SITES_FILE, file, rows.site_ids),
        further={name: sealed(array) for name, array in dense.items()},
        provenance=read_provenance(folder, digests[file.name]),
    )


def is_optional_column(name: str) -> bool:
    """Tell whether a column beside the required ones is read."""
    return name in OPTIONAL_BOUNDS or any(column.fullmatch(name) for column in (RESERVE_COLUMN, CALLED_COLUMN))


def _history_file_of(folder: Path) -> Path:
    there = [folder / name for name in HISTORY_FILES if (folder / name).is_file()]
    if len(there) == 1:
        return there[0]
    if there:
        raise FeedInvalid(
            f"{folder} should have one of {', '.join(HISTORY_FILES)}, has {_several(there)}: remove the one not meant"
        )
    names = f"{', '.join(HISTORY_FILES[:-1])} or {HISTORY_FILES[-1]}"
    if not folder.is_dir():
        raise FeedInvalid(f"{folder} should be a folder with {names}, is none: correct --history")
    raise FeedInvalid(f"{folder} should have {names}, has none: add it, or correct --history")


def _several(files: Sequence[Path]) -> str:
    return "both" if len(files) == 2 else f"{len(files)} of them"


def _check_values(rows: HistoryRows) -> None:
    table = rows.table
    _refuse_times(rows, np.flatnonzero(rows.epoch_s == NO_TIME))
    if "" in rows.site_ids:
        nameless = np.flatnonzero(rows.site == rows.site_ids.index(""))
        raise table.refusal(nameless, SITE_COLUMN, "the id of a site", "fill it in")
    for column, (least, most) in BOUNDS.items():
        values = rows.columns[column]
        bad = np.flatnonzero(~((values >= least) & (values <= most)))  # the negation also catches NaN
        if bad.size:
            raise table.refusal(bad, column, f"a number from {least:,g} to {most:,g}", _MEND)
    bad = np.flatnonzero(rows.columns["wet_bulb_c"] > rows.columns["dry_bulb_c"] + WET_ABOVE_DRY_C)
    if bad.size:
        raise table.refusal(bad, "wet_bulb_c", "at most dry_bulb_c", "correct them (were the columns exchanged?)")
    for column in [name for name in rows.columns if name not in BOUNDS]:
        _check_optional(rows, column)


def _check_optional(rows: HistoryRows, column: str) -> None:
    """Refuse a column that a site has in some rows only; omit one that no site has."""
    other = (0.0, 1.0) if CALLED_COLUMN.fullmatch(column) else PRICE_BOUNDS_USD_PER_MWH
    least, most = OPTIONAL_BOUNDS.get(column, other)
    values = rows.columns[column]
    is_empty = np.isnan(values)
    if is_empty.all():
        del rows.columns[column]
        return
    bad = np.flatnonzero(~(is_empty | ((values >= least) & (values <= most))))
    if bad.size:
        raise rows.table.refusal(bad, column, f"a number from {least:,g} to {most:,g}, or empty", _MEND)
    if is_empty.any():
        with_some = np.unique(rows.site[~is_empty])
        gaps = np.flatnonzero(is_empty & np.isin(rows.site, with_some))
        if gaps.size:
            expected = "filled in every row of a site, or in none"
            raise rows.table.refusal(gaps, column, expected, "fill them in, or take the column out")


def _refuse_times(rows: HistoryRows, bad: Ints) -> None:
    if not bad.size:
        return
    text = rows.table.cases([int(bad[0])])[0][1][0]
    try:
        utc_of(text)
        reason = "a whole second, at the beginning of a step"
    except ValueError as error:
        reason = str(error)
    raise rows.table.refusal(bad, TIME_COLUMN, reason, "write every time in UTC, at the beginning of its step")


def _dense(column: Floats, place: tuple[Ints, Places] | None, shape: tuple[int, int]) -> Floats:
    """Return a column by step and site; rows in perfect order are taken as they are."""
    if place is None:
        return column.reshape(shape)
    by_step = np.empty(shape)
    by_step[place] = column
    return by_step


def _read_price_known(path: Path, file: Path, site_ids: Sequence[str]) -> tuple[PriceKnown, ...]:
    """Read from `sites.csv` when each site's prices are known (S,).

    Empty where the file has no such column.
    """
    if not path.is_file() or KNOWN_COLUMN not in header_of(path, (KNOWN_COLUMN,)):
        return ()
    table = CsvTable(path=path, columns=(SITE_COLUMN, KNOWN_COLUMN), key_count=1)
    rows = [(site_id.strip(), known.strip()) for block in table.blocks() for site_id, known in block]
    bad = [row for row, (_, known) in enumerate(rows) if known not in KNOWN]
    if bad:
        raise table.refusal(bad, KNOWN_COLUMN, " or ".join(KNOWN), "say it for each site, or take the column out")
    known_of = dict(rows)
    missing = [site_id for site_id in site_ids if site_id not in known_of]
    if missing:
        raise FeedInvalid(f"{path} should have every site of {file}, has no {some_of(missing)}: add it")
    return tuple(cast(PriceKnown, known_of[site_id]) for site_id in site_ids)


def _read_hashprice(path: Path, first_epoch_s: int, step_s: int, steps: int) -> Floats:
    """Read the day's hashprice for each step (N,) [USD/PH/day]."""
    table = CsvTable(path=path, columns=("date", HASHPRICE_COLUMN), key_count=1)
    rows: list[Row] = []
    for block in table.blocks():
        rows += block
        if len(rows) > MAX_DAYS:
            raise FeedInvalid(f"{path} should have at most {MAX_DAYS:,} days, has more: take out what is not needed")
    least, most = HASHPRICE_BOUNDS_USD_PER_PH_DAY
    values = numbers_of([text for _, text in rows])
    bad = np.flatnonzero(~((values > least) & (values <= most)))
    if bad.size:
        raise table.refusal(bad, HASHPRICE_COLUMN, f"a number above {least:g} and up to {most:,g}", "correct them")
    days = [_day_of(text) for text, _ in rows]
    bad_days = [row for row, day in enumerate(days) if day is None]
    if bad_days:
        raise table.refusal(bad_days, "date", "a UTC day such as 2023-01-01", "correct them")
    epoch_day = np.array(days, dtype=np.int64)
    back = 1 + np.flatnonzero(np.diff(epoch_day) <= 0)
    if back.size:
        raise table.refusal(back, "date", "later than in the row before", "sort the rows, and keep one for each day")
    wanted = (first_epoch_s + step_s * np.arange(steps)) // SECONDS_PER_DAY
    missing = np.setdiff1d(wanted, epoch_day)
    if missing.size:
        some = some_of([str(date(1970, 1, 1) + timedelta(days=int(day))) for day in missing])
        raise FeedInvalid(f"{path} should have every UTC day of the history, has no {some}: add them")
    return sealed(values[np.searchsorted(epoch_day, wanted)])


def _day_of(text: str) -> int | None:
    try:
        return (date.fromisoformat(text.strip()) - date(1970, 1, 1)).days
    except ValueError:
        return None


def _digests_of(folder: Path, history_name: str) -> dict[str, str]:
    """Hash each file of the folder that is read.

    Their order is part of the history's own hash.
    """
    digests: dict[str, str] = {}
    for name in (history_name, BITCOIN_FILE, SITES_FILE, CONTRACTS_FILE, PROVENANCE_FILE):
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests
