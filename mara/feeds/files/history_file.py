"""Histories: hourly prices, carbon and weather of all sites, from a folder.

`history.csv` or `history.csv.gz` has a row per hour and site, `bitcoin_daily.csv` the day's hashprice. The folder is
read whole and checked: no gaps, no repeats, UTC throughout, believable values.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from mara.core.arrays import Floats, Ints, sealed
from mara.core.units import HOURS_PER_DAY, SECONDS_PER_HOUR
from mara.core.world import MAX_PRICE_USD_PER_MWH, MIN_PRICE_USD_PER_MWH
from mara.errors import FeedInvalid
from mara.feeds.files.csv_table import CsvTable, Row, numbers_of, utc_of
from mara.feeds.files.history import SITE_COLUMN, SITES_FILE, History, some_of
from mara.feeds.files.history_clock import TIME_COLUMN, check_clock
from mara.feeds.files.history_units import question_hashprice, question_units
from mara.feeds.files.shipped_histories import history_folder

HISTORY_FILES: Final = ("history.csv", "history.csv.gz")
BITCOIN_FILE: Final = "bitcoin_daily.csv"
CONTRACTS_FILE: Final = "contracts.csv"

HASHPRICE_COLUMN: Final = "hashprice_usd_per_ph_day"
BOUNDS: Final = {
    "price_usd_per_mwh": (MIN_PRICE_USD_PER_MWH, MAX_PRICE_USD_PER_MWH),
    "carbon_g_per_kwh": (0.0, 2_000.0),
    "renewable_share": (0.0, 1.0),
    "dry_bulb_c": (-90.0, 60.0),
    "wet_bulb_c": (-90.0, 45.0),
}
"""Lowest and highest believable value of each column.

Coal power emits about 1,000 g/kWh over its life cycle; the coldest and hottest air ever measured were -89.2 and 56.7 C
(WMO, https://wmo.asu.edu).
"""
HASHPRICE_BOUNDS_USD_PER_PH_DAY: Final = (0.0, 1_000_000.0)
WET_ABOVE_DRY_C: Final = 0.5
"""Largest excess of the wet bulb over the dry bulb that passes as rounding [K].

Such a wet bulb is set to the dry bulb; a larger excess is refused.
"""
MAX_SITES: Final = 20_000
MAX_TIMES: Final = 1_000_000
"""Most different hours of a history: a century has 877,000."""
MAX_DAYS: Final = 100_000

_NO_HOUR: Final = np.iinfo(np.int64).min
_MEND: Final = "correct them, or leave the site out"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Rows of a history file, as columns.

    Attributes:
        epoch_h: hours since 1970 UTC (N,).
        site: index into `site_ids` (N,).
        values: in the order and the units of `BOUNDS` (5, N).
        site_ids: in order of their first row.
    """

    epoch_h: Ints
    site: Ints
    values: Floats
    site_ids: tuple[str, ...]


def read_history(folder: Path, *, trusts_units: bool = False) -> History:
    """Read and check a history folder.

    Args:
        folder: path of the folder, or the name of a shipped history.
        trusts_units: accept values that look as if they were in another unit.

    Raises:
        FeedInvalid: a file or column is missing, a value is out of bounds, a time is not a UTC hour, rows repeat, hours
            are missing or out of order, or values look as if they were in another unit. The message names file, line,
            the first few cases and the remedy.
    """
    folder = history_folder(folder)
    file = _history_file_of(folder)
    table = CsvTable(path=file, columns=(TIME_COLUMN, SITE_COLUMN, *BOUNDS), key_count=2)
    rows = _read_rows(table)
    _check_values(table, rows)
    check_clock(table, epoch_h=rows.epoch_h, site=rows.site)
    first, last = int(rows.epoch_h.min()), int(rows.epoch_h.max())
    dense = np.empty((len(BOUNDS), last - first + 1, len(rows.site_ids)))
    dense[:, rows.epoch_h - first, rows.site] = rows.values
    hashprice = _read_hashprice(folder / BITCOIN_FILE, first, last + 1)
    if not trusts_units:
        question_units(file, rows.site_ids, price_usd_per_mwh=dense[0], carbon_g_per_kwh=dense[1])
        question_hashprice(folder / BITCOIN_FILE, hashprice)
    dry_bulb_c, wet_bulb_c = dense[3], dense[4]
    return History(
        file=file,
        sha256=_sha256_of(folder, file.name),
        site_ids=rows.site_ids,
        step_minutes=60,
        first_epoch_s=first * SECONDS_PER_HOUR,
        energy_price_usd_per_mwh=dense[0],
        carbon_intensity_g_per_kwh=dense[1],
        renewable_share=dense[2],
        dry_bulb_c=dry_bulb_c,
        wet_bulb_c=np.minimum(wet_bulb_c, dry_bulb_c),
        hashprice_usd_per_ph_day=hashprice,
    )


def _history_file_of(folder: Path) -> Path:
    there = [folder / name for name in HISTORY_FILES if (folder / name).is_file()]
    if len(there) == 1:
        return there[0]
    if there:
        raise FeedInvalid(
            f"{folder} should have one of {' and '.join(HISTORY_FILES)}, has both: remove the one not meant"
        )
    if not folder.is_dir():
        raise FeedInvalid(f"{folder} should be a folder with {' or '.join(HISTORY_FILES)}, is none: correct --history")
    raise FeedInvalid(f"{folder} should have {' or '.join(HISTORY_FILES)}, has neither: add it, or correct --history")


class _Hours(dict[str, int]):
    """Cache from timestamp text to hours since 1970 UTC.

    Every site repeats the same timestamps, so each is parsed only once.
    """

    def __missing__(self, text: str) -> int:
        try:
            hour = _epoch_h_of(text)
        except ValueError:
            hour = _NO_HOUR
        self[text] = hour
        return hour


def _epoch_h_of(text: str) -> int:
    hours, rest_s = divmod(utc_of(text).timestamp(), SECONDS_PER_HOUR)
    if rest_s:
        raise ValueError("the beginning of a whole hour, such as 2023-01-01T00:00:00Z")
    return int(hours)


def _read_rows(table: CsvTable) -> _Rows:
    hours, columns, by_id = _Hours(), dict[str, int](), dict[str, int]()
    epoch_h, site, values = [], [], []
    for block in table.blocks():
        times, names, *numbers = zip(*block, strict=True)
        epoch_h.append(np.fromiter(map(hours.__getitem__, times), np.int64, len(block)))
        for name in dict.fromkeys(names):
            columns[name] = by_id.setdefault(name.strip(), len(by_id))
        site.append(np.fromiter(map(columns.__getitem__, names), np.int64, len(block)))
        values.append(np.stack([numbers_of(column) for column in numbers]))
        if len(by_id) > MAX_SITES:
            raise FeedInvalid(f"{table.path} should have at most {MAX_SITES:,} sites, has more: split it")
        if len(hours) > MAX_TIMES:
            raise FeedInvalid(f"{table.path} should have at most {MAX_TIMES:,} different times, has more: split it")
    if not site:
        raise FeedInvalid(f"{table.path} line 2: should have a row per hour and site, has none: add them")
    return _Rows(
        epoch_h=np.concatenate(epoch_h),
        site=np.concatenate(site),
        values=np.concatenate(values, axis=1),
        site_ids=tuple(by_id),
    )


def _check_values(table: CsvTable, rows: _Rows) -> None:
    _refuse_times(table, np.flatnonzero(rows.epoch_h == _NO_HOUR))
    if "" in rows.site_ids:
        nameless = np.flatnonzero(rows.site == rows.site_ids.index(""))
        raise table.refusal(nameless, SITE_COLUMN, "the id of a site", "fill it in")
    for (column, (least, most)), values in zip(BOUNDS.items(), rows.values, strict=True):
        bad = np.flatnonzero(~((values >= least) & (values <= most)))  # the negation also catches NaN
        if bad.size:
            raise table.refusal(bad, column, f"a number from {least:,g} to {most:,g}", _MEND)
    dry_bulb_c, wet_bulb_c = rows.values[3], rows.values[4]
    bad = np.flatnonzero(wet_bulb_c > dry_bulb_c + WET_ABOVE_DRY_C)
    if bad.size:
        raise table.refusal(bad, "wet_bulb_c", "at most dry_bulb_c", "correct them (were the columns exchanged?)")


def _refuse_times(table: CsvTable, bad: Ints) -> None:
    if not bad.size:
        return
    text = table.cases([int(bad[0])])[0][1][0]
    try:
        _epoch_h_of(text)
    except ValueError as reason:
        raise table.refusal(bad, TIME_COLUMN, str(reason), "write every time in UTC, hour-beginning") from None


def _read_hashprice(path: Path, first_epoch_h: int, end_epoch_h: int) -> Floats:
    """Read the day's hashprice for each hour (H,) [USD/PH/day]."""
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
    wanted = np.arange(first_epoch_h, end_epoch_h) // HOURS_PER_DAY
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


def _sha256_of(folder: Path, history_name: str) -> str:
    total = hashlib.sha256()
    for name in (history_name, BITCOIN_FILE, SITES_FILE, CONTRACTS_FILE):
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                total.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()
