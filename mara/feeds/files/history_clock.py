"""Check that each site of a history has every step once and in order.

An hour that is missing in spring and repeated in autumn usually means that the file is in local time. Filling the gap
would leave half a year wrong by an hour, so the message explains this instead.
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mara.core.arrays import Bools, Ints
from mara.core.timegrid import zone
from mara.core.units import SECONDS_PER_HOUR, SECONDS_PER_MINUTE
from mara.feeds.files.csv_table import Table

TIME_COLUMN: Final = "timestamp_utc"
STEP_MINUTES: Final = (5, 15, 30, 60)
"""Steps that a history may have [min]."""
STEPS_S: Final = tuple(minutes * SECONDS_PER_MINUTE for minutes in STEP_MINUTES)
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


def utc_text(moment: datetime) -> str:
    """Write an instant for a message, in UTC and to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def steps_of_regular_rows(epoch_s: Ints, site: NDArray[np.int32], sites: int) -> int:
    """Return the length of the steps [s] where rows are in perfect order, else 0.

    Perfect order is step by step, in each the same sites in the same order, as Mara writes a history.

    Args:
        epoch_s: seconds since 1970 UTC of each row (N,).
        site: index of the site of each row (N,), counted in order of their first row.
    """
    if len(site) % sites or len(site) < 2 * sites:
        return 0
    times = epoch_s.reshape(-1, sites)
    step_s = int(times[1, 0] - times[0, 0])
    if step_s not in STEPS_S or int(times[0, 0]) % step_s:
        return 0
    is_regular = (
        (np.diff(times[:, 0]) == step_s).all()
        and (times == times[:, :1]).all()
        and (site.reshape(-1, sites) == np.arange(sites)).all()
    )
    return step_s if is_regular else 0


def check_clock(table: Table, *, epoch_s: Ints, site: NDArray[np.int32]) -> int:
    """Refuse repeated, missing and unsorted steps; return the length of the steps [s].

    Rows of different sites may alternate or follow each other. The steps of the file are those that most rows have.

    Args:
        epoch_s: seconds since 1970 UTC of each row (N,).
        site: index of the site of each row (N,).

    Raises:
        FeedInvalid: the message names file, line, the first few cases and the likely cause.
    """
    order = np.argsort(site, kind="stable")
    sorted_site, sorted_s = site[order], epoch_s[order]
    later_s = np.diff(sorted_s)
    same_site = sorted_site[1:] == sorted_site[:-1]
    step_s = _step_of(table, order, later_s, same_site)
    _refuse_off_step(table, epoch_s, step_s)
    if (same_site & (later_s != step_s)).any():
        _refuse_steps(table, _Clock(epoch_s, site, order, later_s, same_site, step_s))
    begins = np.flatnonzero(np.r_[True, ~same_site])
    ends = np.flatnonzero(np.r_[~same_site, True])
    remedy = f"add the missing {_words_of(step_s)[1]}, or leave the site out"
    late = begins[sorted_s[begins] != sorted_s.min()]
    if late.size:
        expected = f"{_text_of(int(sorted_s.min()))} in the first row of each site, as in the others"
        raise table.refusal(order[late], TIME_COLUMN, expected, remedy)
    early = ends[sorted_s[ends] != sorted_s.max()]
    if early.size:
        expected = f"{_text_of(int(sorted_s.max()))} in the last row of each site, as in the others"
        raise table.refusal(order[early], TIME_COLUMN, expected, remedy)
    return step_s


def _step_of(table: Table, order: Ints, later_s: Ints, same_site: Bools) -> int:
    """Return the step that most rows have; an hour where each site has one row."""
    forward = same_site & (later_s > 0)
    lengths, counts = np.unique(later_s[forward], return_counts=True)
    allowed = np.isin(lengths, STEPS_S)
    if allowed.any():
        return int(lengths[allowed][counts[allowed].argmax()])
    if lengths.size:
        steps = ", ".join(str(step_s // SECONDS_PER_MINUTE) for step_s in STEPS_S[:-1])
        expected = f"{steps} or 60 minutes after the site's row before"
        remedy = "bring the rows to one of these steps: `mara import build` does"
        raise table.refusal(order[1:][forward], TIME_COLUMN, expected, remedy)
    return SECONDS_PER_HOUR


def _refuse_off_step(table: Table, epoch_s: Ints, step_s: int) -> None:
    bad = np.flatnonzero(epoch_s % step_s)
    if not bad.size:
        return
    if step_s == SECONDS_PER_HOUR:
        expected = "the beginning of a whole hour, such as 2023-01-01T00:00:00Z"
    else:
        minutes = step_s // SECONDS_PER_MINUTE
        expected = (
            f"the beginning of a step of {minutes} minutes, as most rows are, such as 2023-01-01T00:{minutes:02}:00Z"
        )
    raise table.refusal(bad, TIME_COLUMN, expected, "write every time in UTC, at the beginning of its step")


class _Clock(NamedTuple):
    """Times of the rows, and of each site's rows in order.

    Attributes:
        order: rows site by site (N,).
        later_s: seconds from each row to the next in that order (N - 1,).
        same_site: for each of these, whether both rows are of one site (N - 1,).
    """

    epoch_s: Ints
    site: NDArray[np.int32]
    order: Ints
    later_s: Ints
    same_site: Bools
    step_s: int


def _refuse_steps(table: Table, rows: _Clock) -> None:
    key = (rows.epoch_s - rows.epoch_s.min()) * (int(rows.site.max()) + 1) + rows.site
    seen = np.argsort(key, kind="stable")
    repeats = seen[1:][np.diff(key[seen]) == 0]
    next_rows, step_s = rows.order[1:], rows.step_s
    gaps = next_rows[rows.same_site & (rows.later_s > step_s)]
    an_hour_out = rows.same_site & (rows.later_s == step_s + SECONDS_PER_HOUR)
    clock = _clock_behind(doubled=rows.epoch_s[repeats], after_gap=rows.epoch_s[next_rows[an_hour_out]])
    length, many = _words_of(step_s)
    if repeats.size:
        expected, remedy = "there once for each site", "remove the repeated rows"
        if clock:
            remedy = f"these {many} come twice in the local time of {clock} when its clock goes back: {_CONVERT}"
        raise table.refusal(repeats, TIME_COLUMN, expected, remedy)
    back = next_rows[rows.same_site & (rows.later_s < 0)]
    if back.size:
        raise table.refusal(
            back, TIME_COLUMN, "later than in the site's row before: time runs backwards", "sort the rows"
        )
    remedy = "add them"
    if clock:
        remedy = (
            f"the hour that is missing does not exist in the local time of {clock} when its clock goes on: {_CONVERT}"
        )
    raise table.refusal(gaps, TIME_COLUMN, f"{length} after the site's row before: {many} are missing", remedy)


def _words_of(step_s: int) -> tuple[str, str]:
    """Return a step and steps in words."""
    return ("an hour", "hours") if step_s == SECONDS_PER_HOUR else (f"{step_s // SECONDS_PER_MINUTE} minutes", "steps")


def _text_of(epoch_s: int) -> str:
    return utc_text(datetime.fromtimestamp(epoch_s, UTC))


def _clock_behind(*, doubled: Ints, after_gap: Ints) -> str:
    """Find the time zone whose clock changes explain the doubled or missing hours.

    Args:
        doubled: times that the file repeats, as it labels them (seconds).
        after_gap: times that follow a gap of one hour, as the file labels them.

    Returns:
        Its IANA name; an empty text where none explains them.
    """
    for name in CLOCKS_OF_MARKETS:
        if any(_comes_twice(int(moment_s), name) for moment_s in np.unique(doubled)):
            return name
        if any(_is_skipped(int(moment_s) - SECONDS_PER_HOUR, name) for moment_s in np.unique(after_gap)):
            return name
    return ""


def _as_local(epoch_s: int, name: str, fold: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC).replace(tzinfo=zone(name), fold=fold)


def _comes_twice(epoch_s: int, name: str) -> bool:
    first, second = (_as_local(epoch_s, name, fold).utcoffset() for fold in (0, 1))
    assert first is not None
    assert second is not None
    return first > second


def _is_skipped(epoch_s: int, name: str) -> bool:
    first, second = (_as_local(epoch_s, name, fold).utcoffset() for fold in (0, 1))
    assert first is not None
    assert second is not None
    return first < second
