"""Power contracts from a CSV file, for any fleet and any tick length."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from mara.core.contract import TIER_KEYS, ContractRequest, Tier
from mara.core.timegrid import TimeGrid, zone
from mara.errors import FeedInvalid
from mara.feeds.files.csv_table import CsvTable, Row, header_of, numbers_of, utc_of
from mara.spelling import nearest

CONTRACT_COLUMNS: Final = ("contract_id", "tier", "power_mw", "starts_at_utc", "hours")
CUSTOMER_COLUMN: Final = "customer"
TIMEZONE_COLUMN: Final = "timezone"
OPTIONAL_COLUMNS: Final = (CUSTOMER_COLUMN, TIMEZONE_COLUMN)
DEFAULT_TIMEZONE: Final = "UTC"
"""Time zone whose calendar months measure a long contract that names none."""
MAX_CONTRACTS: Final = 1_000_000
MAX_POWER_MW: Final = 10_000.0
MAX_HOURS: Final = 20 * 8_784.0
MAX_ID_LENGTH: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request and the tick in which it arrives."""

    start_tick: int
    request: ContractRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFile:
    """Contents of a contracts file, in ticks of a run.

    Attributes:
        arrivals: requests in order of their start.
        outside_ids: contracts that end before the run starts, or start after its end, in the file's order.
    """

    arrivals: tuple[Arrival, ...]
    outside_ids: tuple[str, ...]


def read_contracts(path: Path, grid: TimeGrid, end_tick: int | None = None) -> ContractFile:
    """Read a contracts file onto the time grid of a run.

    A start between two ticks moves to the later one; a duration is rounded to whole ticks, at least one. A contract
    that is running when the run starts arrives in tick 0 with its remaining duration; one that is over by then, or
    starts after the end of the run, is left out and named in `outside_ids`.
    Optional columns: `customer` (default: the contract's id), `timezone` (an IANA name, default UTC).

    Args:
        end_tick: the first tick after the run, where it has an end.

    Raises:
        FeedInvalid: a column is missing, a value is no tier, power, duration or UTC time, or an id occurs twice.
    """
    header = header_of(path, OPTIONAL_COLUMNS)
    table = CsvTable(
        path=path, columns=CONTRACT_COLUMNS + tuple(name for name in OPTIONAL_COLUMNS if name in header), key_count=1
    )
    rows: list[Row] = []
    for block in table.blocks():
        rows += [tuple(cell.strip() for cell in row) for row in block]
        if len(rows) > MAX_CONTRACTS:
            raise FeedInvalid(f"{path} should have at most {MAX_CONTRACTS:,} contracts, has more: split it")
    _check(table, rows)
    arrivals, outside_ids = [], []
    for row in rows:
        arrival = _arrival_of(table, row, grid)
        if arrival is None or (end_tick is not None and arrival.start_tick >= end_tick):
            outside_ids.append(row[0])
        else:
            arrivals.append(arrival)
    return ContractFile(
        arrivals=tuple(sorted(arrivals, key=lambda arrival: arrival.start_tick)), outside_ids=tuple(outside_ids)
    )


def requests_by_tick(arrivals: Iterable[Arrival]) -> Callable[[int], tuple[ContractRequest, ...]]:
    """Return a function from a tick to the requests that arrive in it.

    Requests of one tick keep the order in which they are given.
    """
    by_tick: dict[int, tuple[ContractRequest, ...]] = {}
    for arrival in arrivals:
        by_tick[arrival.start_tick] = (*by_tick.get(arrival.start_tick, ()), arrival.request)
    return lambda tick: by_tick.get(tick, ())


def _check(table: CsvTable, rows: list[Row]) -> None:
    seen: set[str] = set()
    for number, row in enumerate(rows):
        if not 0 < len(row[0]) <= MAX_ID_LENGTH or "," in row[0] or not row[0].isprintable():
            raise table.refusal(
                [number], "contract_id", f"1 to {MAX_ID_LENGTH} characters without a comma", "rename it"
            )
        if row[0] in seen:
            raise table.refusal([number], "contract_id", "unique: this one was there before", "rename it")
        seen.add(row[0])
        if row[1] not in TIER_KEYS:
            near = nearest(row[1].lower(), TIER_KEYS)
            remedy = f"the nearest is {near}" if near else "correct it"
            raise table.refusal([number], "tier", f"one of {', '.join(TIER_KEYS)}", remedy)
        power_mw, hours = numbers_of([row[2], row[4]])
        if not 0.0 < power_mw <= MAX_POWER_MW:
            raise table.refusal([number], "power_mw", f"a number above 0 and up to {MAX_POWER_MW:,g}", "correct it")
        if not 0.0 < hours <= MAX_HOURS:
            raise table.refusal([number], "hours", f"a number above 0 and up to {MAX_HOURS:,g}", "correct it")
        _check_times(table, number, row)


def _check_times(table: CsvTable, number: int, row: Row) -> None:
    try:
        utc_of(row[3])
    except ValueError as error:
        raise table.refusal([number], "starts_at_utc", str(error), "write it in UTC") from error
    try:
        zone(_cell(table, row, TIMEZONE_COLUMN) or DEFAULT_TIMEZONE)
    except ValueError as error:
        raise table.refusal([number], TIMEZONE_COLUMN, "an IANA name such as Europe/Oslo", "correct it") from error


def _arrival_of(table: CsvTable, row: Row, grid: TimeGrid) -> Arrival | None:
    starts_at = utc_of(row[3])
    start_tick = _first_tick_from(starts_at, grid)
    end_tick = start_tick + grid.ticks_of_hours(float(row[4]))
    if end_tick <= 0:
        return None
    return Arrival(
        start_tick=max(start_tick, 0),
        request=ContractRequest(
            id=row[0],
            tier=Tier(TIER_KEYS.index(row[1])),
            customer=_cell(table, row, CUSTOMER_COLUMN) or row[0],
            power_mw=float(row[2]),
            duration_ticks=end_tick - max(start_tick, 0),
            timezone=_cell(table, row, TIMEZONE_COLUMN) or DEFAULT_TIMEZONE,
        ),
    )


def _first_tick_from(moment: datetime, grid: TimeGrid) -> int:
    tick = grid.tick_at(moment)
    return tick if grid.at(tick) >= moment else tick + 1


def _cell(table: CsvTable, row: Row, column: str) -> str:
    return row[table.columns.index(column)] if column in table.columns else ""
