"""Conversion of time stamps to half-open UTC intervals, series by series.

Series are converted one by one, because files mix the rows of many points.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

import numpy as np

from mara.core.arrays import Bools, Ints, sealed
from mara.feeds.markets.declaration import HourEnding, Instant, Layout, Period, Repeat, Side, Span
from mara.feeds.markets.reading.clocks import DAY_S, HOUR_S, NO_TIME, WallClock, day_text, utc_text, wall_clock
from mara.feeds.markets.reading.sources import Source
from mara.feeds.markets.reading.texts import NO_OFFSET

MOST_INTERVAL_S: Final = 31 * DAY_S
_NONE: Final = sealed(np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StampRows:
    """Rows of a file whose time stamps have been parsed.

    Attributes:
        series: number of each row's series (N,), in the file's order.
        parts: parts of the stamps by name (N,): `begin`, `begin_offset`, `end`, `end_offset`, `agrees`, `step`,
            `day`, `hour`, `part`, `second`, `period`.
        lines: line of each row in the file, from 1 (N,).
        has_value: whether the row has any value (N,).
    """

    source: Source
    layout: Layout
    series: Ints
    parts: Mapping[str, Ints]
    lines: Ints
    has_value: Bools

    @property
    def clock(self) -> WallClock:
        """The local clock of the stamps."""
        return wall_clock(self.layout.clock.zone)

    def refuse(self, row: int, text: str) -> NoReturn:
        """Refuse a row, with its line in the message.

        Raises:
            FeedInvalid: always.
        """
        raise self.source.refusal(text, int(self.lines[row]))

    def on_day(self, day: int) -> str:
        """Format a local day for messages."""
        return f"local day {day_text(day)} ({self.layout.clock.zone})"


def intervals_of(rows: StampRows) -> tuple[Ints, Ints]:
    """Compute begin and end of each row's interval, in UTC seconds (N,).

    Raises:
        FeedInvalid: a stamp names a time that the clock skips, or one that it shows twice without telling which; or a
            step is not among the layout's.
    """
    stamp = rows.layout.stamp
    if isinstance(stamp, Span):
        return _spans(rows)
    if isinstance(stamp, HourEnding):
        return _hours_ending(rows, stamp)
    if isinstance(stamp, Period):
        return _periods(rows)
    return _instants(rows, stamp)


def has_steps(layout: Layout) -> bool:
    """True if each row of the layout says by itself how long its interval is."""
    stamp = layout.stamp
    if not isinstance(stamp, Instant) or stamp.step or layout.is_sampled:
        return True
    return len(layout.steps_minutes) == 1 and not layout.is_tiled


def _spans(rows: StampRows) -> tuple[Ints, Ints]:
    begin_s = _utc_of(rows, rows.parts["begin"], rows.parts["begin_offset"])
    wall_s, offset_s = rows.parts["end"], rows.parts["end_offset"]
    first, second = rows.clock.candidates(wall_s)
    # The end is the first instant after the beginning at which the clock shows it; but some publishers write what the
    # clock would show without its change: then the two stamps are one of the layout's steps apart as they stand.
    shown_s = np.where(first > begin_s, first, second)
    apart_s = _without_a_wrong_day(rows, wall_s - rows.parts["begin"])
    end_s = np.where(np.isin(apart_s, _declared_s(rows)), begin_s + apart_s, shown_s)
    end_s = np.where(offset_s != NO_OFFSET, wall_s - offset_s, end_s)
    bad = np.flatnonzero(rows.has_value & ((end_s <= begin_s) | (end_s - begin_s > MOST_INTERVAL_S)))
    if bad.size:
        rows.refuse(
            bad[0],
            f"the interval should end after it begins, begins {utc_text(begin_s[bad[0]])} and does not: "
            "are the two stamps of one clock? correct them",
        )
    return begin_s, end_s


def _without_a_wrong_day(rows: StampRows, apart_s: Ints) -> Ints:
    """Correct the day of an end that is the hour that spring skips.

    Given and returned is the time between the two stamps of each row [s] (N,). SMARD ends the last interval before the
    change at that hour of the day before: `31.03.2024 01:00;30.03.2024 02:00`.
    """
    backwards = np.flatnonzero(apart_s < 0)
    within_day_s = apart_s[backwards] % DAY_S
    skipped, _ = rows.clock.candidates(rows.parts["begin"][backwards] + within_day_s)
    mended_s = apart_s.copy()
    mended_s[backwards] = np.where(skipped == NO_TIME, within_day_s, apart_s[backwards])
    return mended_s


def _instants(rows: StampRows, stamp: Instant) -> tuple[Ints, Ints]:
    at_s = _utc_of(rows, rows.parts["begin"], rows.parts["begin_offset"])
    if stamp.agrees:
        _refuse_disagreeing(rows, stamp, at_s)
    if rows.layout.is_sampled:
        begin_s = at_s - at_s % HOUR_S
        return begin_s, begin_s + HOUR_S
    if not has_steps(rows.layout):
        return at_s, at_s
    step_s = rows.parts["step"] if stamp.step else np.int64(_declared_s(rows)[0])
    return (at_s, at_s + step_s) if stamp.side is Side.BEGIN else (at_s - step_s, at_s)


def _hours_ending(rows: StampRows, stamp: HourEnding) -> tuple[Ints, Ints]:
    day, hour, part = (rows.parts[name] for name in ("day", "hour", "part"))
    bad = np.flatnonzero((hour < 1) | (hour > 25) | (part < 1) | (part > stamp.intervals))
    if bad.size:
        rows.refuse(
            bad[0],
            f"{rows.on_day(day[bad[0]])} should have hours ending 1 to 24 (25 where they are counted through) in "
            f"{stamp.intervals} part(s), came hour {hour[bad[0]]} part {part[bad[0]]}: is another layout meant?",
        )
    step_s = HOUR_S // stamp.intervals
    within_s = (hour - 1) * HOUR_S + (part - 1) * step_s
    group = _groups(rows.series, day)
    counted = np.isin(group, group[hour == 25])  # a day with an hour 25 numbers its hours consecutively
    wall_s = np.where(counted, day * DAY_S + DAY_S // 2, day * DAY_S + within_s)
    begin_s = _utc_of(rows, wall_s, np.full(len(wall_s), NO_OFFSET))
    begin_s = np.where(counted, rows.clock.midnights_of(day) + within_s, begin_s)
    return begin_s, begin_s + step_s


def _periods(rows: StampRows) -> tuple[Ints, Ints]:
    day, period = rows.parts["day"], rows.parts["period"]
    bad = np.flatnonzero(period < 1)
    if bad.size:
        rows.refuse(
            bad[0], f"{rows.on_day(day[bad[0]])} should count its periods from 1, came {period[bad[0]]}: correct it"
        )
    groups, group = np.unique(_groups(rows.series, day), return_inverse=True)
    most = np.zeros(len(groups), np.int64)
    np.maximum.at(most, group, period)
    length_s = rows.clock.lengths_of(day)
    count = most[group]
    step_s = length_s // count
    bad = np.flatnonzero((step_s * count != length_s) | ~np.isin(step_s, _declared_s(rows)))
    if bad.size:
        row = int(bad[0])
        right = ", ".join(str(length_s[row] // one) for one in _declared_s(rows))
        rows.refuse(
            row,
            f"{rows.on_day(day[row])} should have {right} periods in its {length_s[row] // HOUR_S} hours, has "
            f"{count[row]}: periods are missing or double, or counted by another clock; fetch the day again",
        )
    begin_s = rows.clock.midnights_of(day) + (period - 1) * step_s
    return begin_s, begin_s + step_s


def _utc_of(rows: StampRows, wall_s: Ints, offset_s: Ints) -> Ints:
    """Convert wall time to UTC by the stamps' offset, or the rule for repeated hours."""
    clock, repeat = rows.clock, rows.layout.clock.repeat
    first, second = clock.candidates(wall_s)
    said = offset_s != NO_OFFSET
    utc_s = np.where(said, wall_s - offset_s, first)
    unstated = np.flatnonzero(~said) if rows.layout.clock.is_stated else _NONE
    if unstated.size:
        rows.refuse(
            unstated[0], "a stamp should say its offset from UTC, such as +02:00, does not: save the frame with it"
        )
    # some publishers keep a line without a value for the hour that spring skips
    skipped = np.flatnonzero(~said & (first == NO_TIME) & rows.has_value)
    if skipped.size:
        row = int(skipped[0])
        rows.refuse(
            row,
            f"{rows.on_day(wall_s[row] // DAY_S)} should not have {utc_text(wall_s[row])[11:16]}, which its clock "
            "skips in spring: are the stamps UTC, or of a clock without changes? name another layout, or "
            "correct the row",
        )
    doubled = first != second
    is_second = _second_by_rule(rows, wall_s, doubled)
    if repeat is Repeat.NEVER:
        unsaid = np.flatnonzero(doubled & ~said)
        if unsaid.size:
            rows.refuse(
                unsaid[0],
                f"{rows.on_day(wall_s[unsaid[0]] // DAY_S)} shows this time twice: say which with an "
                "offset such as +02:00",
            )
        return utc_s
    contrary = np.flatnonzero(said & doubled & (utc_s != np.where(is_second, second, first)) & (repeat is Repeat.NAME))
    if contrary.size:
        rows.refuse(
            contrary[0],
            f"{rows.on_day(wall_s[contrary[0]] // DAY_S)} names another hour than the order of the rows tells: a row "
            "of the repeated hour is missing or double; fetch the day again",
        )
    return np.where(said, utc_s, np.where(doubled & is_second, second, first))


def _second_by_rule(rows: StampRows, wall_s: Ints, doubled: Bools) -> Bools:
    """Mark the rows in the second of the two equal hours (N,)."""
    repeat = rows.layout.clock.repeat
    if repeat in {Repeat.FLAG, Repeat.SUFFIX}:
        is_second = rows.parts["second"] > 0
        wrong = np.flatnonzero(is_second & ~doubled)
        if wrong.size:
            row = int(wrong[0])
            rows.refuse(
                row,
                f"{rows.on_day(wall_s[row] // DAY_S)} has the mark of the repeated hour outside that hour: the mark "
                "tells the second hour of the autumn change alone, not daylight time; correct the column",
            )
        return is_second
    is_second = np.zeros(len(wall_s), dtype=np.bool_)
    if repeat is Repeat.NEVER or not doubled.any():
        return is_second
    places = np.flatnonzero(doubled)
    if _runs_backwards(rows.series, wall_s):
        places = places[::-1]
    order = places[np.lexsort((wall_s[places], rows.series[places]))]
    starts = np.r_[True, (np.diff(rows.series[order]) != 0) | (np.diff(wall_s[order]) != 0)]
    rank = np.arange(len(order)) - np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    many = np.flatnonzero(rank > 1)
    if many.size:
        row = int(order[many[0]])
        rows.refuse(
            row,
            f"{rows.on_day(wall_s[row] // DAY_S)} should have {utc_text(wall_s[row])[11:16]} twice, has it more often: "
            "rows are double; keep one for each interval",
        )
    is_second[order[rank == 1]] = True
    return is_second


def _runs_backwards(series: Ints, wall_s: Ints) -> bool:
    """True if the newest rows stand first."""
    order = np.argsort(series, kind="stable")
    step_s = np.diff(wall_s[order])[np.diff(series[order]) == 0]
    return bool((step_s < 0).sum() > (step_s > 0).sum())


def _refuse_disagreeing(rows: StampRows, stamp: Instant, at_s: Ints) -> None:
    local_s = rows.parts["agrees"]
    apart_s = local_s - at_s
    if stamp.agrees_zone:
        bad = np.flatnonzero(local_s != wall_clock(stamp.agrees_zone).wall_of(at_s))
    else:
        usual_s = np.median(apart_s) if len(apart_s) else 0
        bad = np.flatnonzero((np.abs(apart_s - usual_s) > HOUR_S) | (apart_s % (HOUR_S // 4) != 0))
    if bad.size:
        row = int(bad[0])
        rows.refuse(
            row,
            f"{stamp.column} should be the same instant as {stamp.agrees}, is {apart_s[row] / HOUR_S:+g} h from it at "
            f"{utc_text(at_s[row])}: one of the two columns is wrong; correct it, or leave the day out",
        )


def _declared_s(rows: StampRows) -> list[int]:
    return sorted(minutes * 60 for minutes in rows.layout.steps_minutes)


def _groups(series: Ints, day: Ints) -> Ints:
    """Number the pairs of series and day (N,)."""
    return series * np.int64(10**6) + day + 500_000
