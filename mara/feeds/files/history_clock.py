"""Check that each site of a history has every UTC hour once and in order.

An hour that is missing in spring and repeated in autumn usually means that the file is in local time. Filling the gap
would leave half a year wrong by an hour, so the message explains this instead.
"""

from datetime import UTC, datetime
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Ints
from mara.core.timegrid import zone
from mara.core.units import SECONDS_PER_HOUR
from mara.feeds.files.csv_table import CsvTable

TIME_COLUMN: Final = "timestamp_utc"
CLOCKS_OF_MARKETS: Final = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Helsinki",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Toronto",
    "America/Santiago",
    "Australia/Sydney",
    "Pacific/Auckland",
)
"""One time zone for each rule of clock changes that a power market follows."""
_CONVERT: Final = (
    "write every time in UTC, or with its offset such as +02:00, and do not fill the hour: "
    "half a year would stay an hour off"
)


def moment_of_hour(epoch_h: int) -> datetime:
    """Return the instant at which an hour counted from 1970 UTC begins."""
    return datetime.fromtimestamp(epoch_h * SECONDS_PER_HOUR, UTC)


def utc_text(moment: datetime) -> str:
    """Write an instant for a message, in UTC and to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def check_clock(table: CsvTable, *, epoch_h: Ints, site: Ints) -> None:
    """Refuse repeated, missing and unsorted hours.

    Rows of different sites may alternate or follow each other.

    Args:
        epoch_h: hour since 1970 UTC of each row (N,).
        site: index of the site of each row (N,).

    Raises:
        FeedInvalid: the message names file, line, the first few cases and the likely cause.
    """
    order = np.argsort(site, kind="stable")
    sorted_site, sorted_h = site[order], epoch_h[order]
    step_h = np.diff(sorted_h)
    same_site = sorted_site[1:] == sorted_site[:-1]
    if (same_site & (step_h != 1)).any():
        _refuse_steps(table, epoch_h, site, order, step_h, same_site)
    begins = np.flatnonzero(np.r_[True, ~same_site])
    ends = np.flatnonzero(np.r_[~same_site, True])
    late = begins[sorted_h[begins] != sorted_h.min()]
    if late.size:
        expected = f"{utc_text(moment_of_hour(int(sorted_h.min())))} in the first row of each site, as in the others"
        raise table.refusal(order[late], TIME_COLUMN, expected, "add the missing hours, or leave the site out")
    early = ends[sorted_h[ends] != sorted_h.max()]
    if early.size:
        expected = f"{utc_text(moment_of_hour(int(sorted_h.max())))} in the last row of each site, as in the others"
        raise table.refusal(order[early], TIME_COLUMN, expected, "add the missing hours, or leave the site out")


def _refuse_steps(table: CsvTable, epoch_h: Ints, site: Ints, order: Ints, step_h: Ints, same_site: Bools) -> None:
    key = (epoch_h - epoch_h.min()) * (int(site.max()) + 1) + site
    seen = np.argsort(key, kind="stable")
    repeats = seen[1:][np.diff(key[seen]) == 0]
    gaps = order[1:][same_site & (step_h > 1)]
    clock = _clock_behind(doubled=epoch_h[repeats], after_gap=epoch_h[order[1:][same_site & (step_h == 2)]])
    if repeats.size:
        expected, remedy = "there once for each site", "remove the repeated rows"
        if clock:
            remedy = f"these hours come twice in the local time of {clock} when its clock goes back: {_CONVERT}"
        raise table.refusal(repeats, TIME_COLUMN, expected, remedy)
    back = order[1:][same_site & (step_h < 0)]
    if back.size:
        raise table.refusal(
            back, TIME_COLUMN, "later than in the site's row before: time runs backwards", "sort the rows"
        )
    remedy = "add them"
    if clock:
        remedy = (
            f"the hour that is missing does not exist in the local time of {clock} when its clock goes on: {_CONVERT}"
        )
    raise table.refusal(gaps, TIME_COLUMN, "an hour after the site's row before: hours are missing", remedy)


def _clock_behind(*, doubled: Ints, after_gap: Ints) -> str:
    """Find the time zone whose clock changes explain the doubled or missing hours.

    Args:
        doubled: hours that the file repeats, as it labels them.
        after_gap: hours that follow a gap of one hour, as the file labels them.

    Returns:
        Its IANA name; an empty text where none explains them.
    """
    for name in CLOCKS_OF_MARKETS:
        if any(_comes_twice(int(hour), name) for hour in np.unique(doubled)):
            return name
        if any(_is_skipped(int(hour) - 1, name) for hour in np.unique(after_gap)):
            return name
    return ""


def _as_local(epoch_h: int, name: str, fold: int) -> datetime:
    return moment_of_hour(epoch_h).replace(tzinfo=zone(name), fold=fold)


def _comes_twice(epoch_h: int, name: str) -> bool:
    first, second = (_as_local(epoch_h, name, fold).utcoffset() for fold in (0, 1))
    assert first is not None
    assert second is not None
    return first > second


def _is_skipped(epoch_h: int, name: str) -> bool:
    first, second = (_as_local(epoch_h, name, fold).utcoffset() for fold in (0, 1))
    assert first is not None
    assert second is not None
    return first < second
