"""Series over all files of a source, without repeats, gaps and older editions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from mara.core.arrays import Ints
from mara.errors import FeedInvalid
from mara.feeds.markets.reading.clocks import HOUR_S, WallClock, day_text, utc_text, wall_clock
from mara.feeds.markets.reading.placement import has_steps
from mara.feeds.markets.reading.readings import Readings, SeriesKey
from mara.feeds.markets.reading.rows import Gap, MarketSeries
from mara.feeds.markets.reading.steps import deviated, stepped

MOST_CARRY_S: Final = 24 * HOUR_S
"""Longest gap [s] that the value before may fill."""


class Fill(StrEnum):
    """Policy for gaps: refuse them, or carry the value before."""

    NONE = "none"
    CARRY = "carry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Wanted period, half-open in UTC seconds; None is a bound that the files set."""

    from_s: int | None = None
    to_s: int | None = None


def series_of(readings: Sequence[Readings]) -> tuple[MarketSeries, ...]:
    """Merge the series of files in order of time, without repeats and old editions.

    Raises:
        FeedInvalid: two rows of one interval have different values.
    """
    found = []
    for key in sorted({key for reading in readings for key in reading.keys}):
        layouts = list(dict.fromkeys(reading.layout for reading in readings if key in reading.keys))
        groups = [_gathered(key, [reading for reading in readings if reading.layout == layout]) for layout in layouts]
        filled = [(series, vintage) for series, vintage in groups if len(series.begin_s)]
        if filled:
            found.append(_settled(*_merged(filled)))
    return tuple(found)


def cut(series: MarketSeries, window: Window) -> MarketSeries:
    """Cut a series to the intervals that a window touches."""
    keep = np.ones(len(series.begin_s), dtype=np.bool_)
    if window.from_s is not None:
        keep &= series.end_s > window.from_s
    if window.to_s is not None:
        keep &= series.begin_s < window.to_s
    return series if keep.all() else series.taken(keep)


def gaps_of(series: MarketSeries) -> tuple[Gap, ...]:
    """Find the gaps between intervals that no row covers."""
    after = 1 + np.flatnonzero(series.begin_s[1:] > series.end_s[:-1])
    return tuple(
        Gap(from_s=int(series.end_s[row - 1]), to_s=int(series.begin_s[row]), row=int(row)) for row in after.tolist()
    )


def refuse_overlaps(series: MarketSeries) -> None:
    """Refuse intervals that cover the same time.

    Raises:
        FeedInvalid: some intervals overlap; the message names the first.
    """
    rows = 1 + np.flatnonzero(series.begin_s[1:] < series.end_s[:-1])
    if rows.size:
        row = int(rows[0])
        raise series.refusal(
            row,
            f"{_on_day(series, int(series.begin_s[row]))} should have one value at {utc_text(series.begin_s[row])}, "
            f"has two: {_span_text(series, row - 1)} and {_span_text(series, row)} overlap: a stamp was shifted, "
            "or two grains or auctions are mixed; keep one of them",
        )


def whole(series: MarketSeries, window: Window, fill: Fill) -> MarketSeries:
    """Cut a series to a window, and fill its gaps as the policy says.

    Raises:
        FeedInvalid: intervals overlap, a local day has less than its 23, 24 or 25 hours, or the window is not covered.
    """
    series = cut(series, window)
    if not len(series.begin_s):
        raise FeedInvalid(f"{_names(series)} should have values in the period asked for, has none: name another period")
    refuse_overlaps(series)
    gaps = gaps_of(series)
    if gaps and fill is Fill.NONE:
        raise _gap_refusal(series, gaps[0], len(gaps))
    refuse_edges(series, window)
    return _carried(series, gaps) if gaps else series


def hours_short(series: MarketSeries) -> dict[int, float]:
    """Sum the hours that gaps take from local days, by day counted from 1970."""
    clock = wall_clock(series.day_zone)
    short: dict[int, float] = {}
    for gap in gaps_of(series):
        for day in range(
            int(clock.days_of(np.array([gap.from_s]))[0]), int(clock.days_of(np.array([gap.to_s - 1]))[0]) + 1
        ):
            begin_s, end_s = _day_ends(clock, day)
            short[day] = short.get(day, 0.0) + (min(end_s, gap.to_s) - max(begin_s, gap.from_s)) / HOUR_S
    return short


def _gathered(key: SeriesKey, readings: Sequence[Readings]) -> tuple[MarketSeries, Ints]:
    """Concatenate the rows of a series, file after file, with their vintages."""
    parts = [(place, reading, reading.keys.index(key)) for place, reading in enumerate(readings) if key in reading.keys]
    rows = [reading.series == number for _, reading, number in parts]
    fields = {name for _, reading, _ in parts for name in reading.values}

    def of(name: str) -> Ints:
        return np.concatenate([getattr(part[1], name)[there] for part, there in zip(parts, rows, strict=True)])

    values = {
        name: np.concatenate(
            [
                part[1].values[name][there] if name in part[1].values else np.full(int(there.sum()), np.nan)
                for part, there in zip(parts, rows, strict=True)
            ]
        )
        for name in sorted(fields)
    }
    series = MarketSeries(
        key=key,
        layout=parts[-1][1].layout,
        begin_s=of("begin_s"),
        end_s=of("end_s"),
        values=values,
        sources=tuple(reading.source for reading in readings),
        file=np.concatenate(
            [np.full(int(there.sum()), part[0], np.int64) for part, there in zip(parts, rows, strict=True)]
        ),
        lines=of("lines"),
        absent=sum(reading.absent for _, reading, _ in parts),
    )
    vintage = of("vintage")
    order = np.lexsort((series.lines, series.file, vintage, series.end_s, series.begin_s))
    series, vintage = series.taken(order), vintage[order]
    if len(order) and not has_steps(series.layout):
        series = stepped(series)
    return deviated(series), vintage


def _merged(groups: Sequence[tuple[MarketSeries, Ints]]) -> tuple[MarketSeries, Ints]:
    """Merge the rows of several variants of a layout into one series."""
    if len(groups) == 1:
        return groups[0]
    parts = [series for series, _ in groups]
    first_file = np.cumsum([0, *(len(series.sources) for series in parts)])
    merged = replace(
        parts[-1],
        begin_s=np.concatenate([series.begin_s for series in parts]),
        end_s=np.concatenate([series.end_s for series in parts]),
        values={name: np.concatenate([series.values[name] for series in parts]) for name in parts[-1].values},
        sources=tuple(source for series in parts for source in series.sources),
        file=np.concatenate([series.file + first for series, first in zip(parts, first_file, strict=False)]),
        lines=np.concatenate([series.lines for series in parts]),
        absent=sum(series.absent for series in parts),
    )
    return merged, np.concatenate([vintage for _, vintage in groups])


def _settled(series: MarketSeries, vintage: Ints) -> MarketSeries:
    order = np.lexsort((series.lines, series.file, vintage, series.end_s, series.begin_s))
    series, vintage = series.taken(order), vintage[order]
    if series.layout.is_sampled:
        return _averaged(series)
    same = (np.diff(series.begin_s) == 0) & (np.diff(series.end_s) == 0)
    if not same.any():
        return series
    later = same & (np.diff(vintage) > 0)
    unequal = np.zeros(len(same), dtype=np.bool_)
    for column in series.values.values():
        unequal |= (column[1:] != column[:-1]) & ~(np.isnan(column[1:]) & np.isnan(column[:-1]))
    bad = np.flatnonzero(same & ~later & unequal)
    if bad.size:
        raise _unequal(series, int(bad[0]))
    kept = series.taken(np.r_[~same, True])
    return replace(kept, repeats=int((same & ~later).sum()), revisions=int((later & unequal).sum()))


def _averaged(series: MarketSeries) -> MarketSeries:
    """Average the readings of each hour; a field without readings stays NaN."""
    begin_s, first, hour = np.unique(series.begin_s, return_index=True, return_inverse=True)
    values = {}
    for name, column in series.values.items():
        there = ~np.isnan(column)
        count = np.bincount(hour[there], minlength=len(begin_s))
        total = np.bincount(hour[there], weights=column[there], minlength=len(begin_s))
        with np.errstate(invalid="ignore"):
            values[name] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return replace(
        series,
        begin_s=begin_s,
        end_s=begin_s + HOUR_S,
        values=values,
        file=series.file[first],
        lines=series.lines[first],
    )


def _unequal(series: MarketSeries, row: int) -> FeedInvalid:
    values = [next(iter(series.values.values()))[place] for place in (row, row + 1)]
    other = series.sources[int(series.file[row])]
    return series.refusal(
        row + 1,
        f"{_on_day(series, int(series.begin_s[row]))} should have one value for {_span_text(series, row)}, has "
        f"{values[0]:g} (line {series.lines[row]} of {other.file_name}) and {values[1]:g}: rows are double, the "
        "repeated hour is not marked, or two auctions or types are mixed; remove one, or name the key "
        "that tells them apart",
    )


def _gap_refusal(series: MarketSeries, gap: Gap, count: int) -> FeedInvalid:
    clock = wall_clock(series.day_zone)
    day = int(clock.days_of(np.array([gap.from_s]))[0])
    begin_s, end_s = _day_ends(clock, day)
    step_s = int(series.end_s[gap.row - 1] - series.begin_s[gap.row - 1])
    hours = (end_s - begin_s) / HOUR_S
    inside = (series.begin_s < end_s) & (series.end_s > begin_s)
    there_s = int((np.minimum(series.end_s, end_s) - np.maximum(series.begin_s, begin_s))[inside].sum())
    more = f" ({count - 1:,} more gaps follow)" if count > 1 else ""
    return series.refusal(
        gap.row,
        f"{_on_day(series, gap.from_s)} should have {hours:g} h in {(end_s - begin_s) // step_s} intervals of "
        f"{step_s / 60:g} min, has {there_s / HOUR_S:g} h: nothing stands for {gap.text}{more}: "
        f"{_cause(series, clock, gap)}; add the rows, or build with --fill carry, which lists what it fills",
    )


def _cause(series: MarketSeries, clock: WallClock, gap: Gap) -> str:
    if bool(clock.repeats(clock.wall_of(np.array([gap.from_s])))[0]):
        return "the hour that autumn's clock change repeats is there once"
    if series.absent:
        return f"{series.absent:,} rows of the files have no value"
    return "rows are missing"


def refuse_edges(series: MarketSeries, window: Window) -> None:
    """Refuse a series that does not cover a window, or has no whole days at its ends.

    Raises:
        FeedInvalid: rows are missing at an end; the message says from or up to when there are rows.
    """
    first_s, last_s = int(series.begin_s[0]), int(series.end_s[-1])
    if window.from_s is not None and first_s > window.from_s:
        raise series.refusal(
            0,
            f"should have values from {utc_text(window.from_s)}, begins {utc_text(first_s)}: add files, or a "
            "later --from",
        )
    if window.to_s is not None and last_s < window.to_s:
        raise series.refusal(
            -1,
            f"should have values up to {utc_text(window.to_s)}, ends {utc_text(last_s)}: add files, or an earlier --to",
        )
    edges = [(0, first_s, "begin")] if window.from_s is None else []
    edges += [(-1, last_s, "end")] if window.to_s is None else []
    zones = series.layout.day_zones
    # both ends by one clock: a series with a missing row may end at the midnight of another clock
    if zones and not any(all(_is_midnight(zone, at_s) for _, at_s, _ in edges) for zone in zones):
        raise _ragged(series, next(edge for edge in edges if not _is_midnight(zones[0], edge[1])))


def _is_midnight(zone: str, at_s: int) -> bool:
    """True if a local day begins at the instant."""
    clock, at = wall_clock(zone), np.array([at_s])
    return int(clock.midnights_of(clock.days_of(at))[0]) == at_s


def _ragged(series: MarketSeries, edge: tuple[int, int, str]) -> FeedInvalid:
    row, at_s, word = edge
    clock = wall_clock(series.day_zone)
    day = int(clock.days_of(np.array([at_s - (word == "end")]))[0])
    begin_s, end_s = _day_ends(clock, day)
    option = "--from" if word == "begin" else "--to"
    return series.refusal(
        row,
        f"local day {day_text(day)} ({series.day_zone}) should have its {(end_s - begin_s) / HOUR_S:g} h and {word} at "
        f"{utc_text(begin_s if word == 'begin' else end_s)}, the rows {word} at {utc_text(at_s)}: rows are missing, or "
        f"stamps of the other side of the interval were taken; add the rows, or give {option} {utc_text(at_s)}",
    )


def _carried(series: MarketSeries, gaps: Sequence[Gap]) -> MarketSeries:
    """Fill gaps with the value before, in steps of the interval before."""
    long = [gap for gap in gaps if gap.to_s - gap.from_s > MOST_CARRY_S]
    if long:
        raise series.refusal(
            long[0].row,
            f"a value is carried over at most {MOST_CARRY_S // HOUR_S} h, nothing stands for {long[0].text}: add the "
            "rows, or leave the stretch out with --from or --to",
        )
    rows, begins, ends = [np.arange(len(series.begin_s))], [series.begin_s], [series.end_s]
    for gap in gaps:
        step_s = int(series.end_s[gap.row - 1] - series.begin_s[gap.row - 1])
        begin_s = np.arange(gap.from_s, gap.to_s, step_s)
        rows.append(np.full(len(begin_s), gap.row - 1))
        begins.append(begin_s)
        ends.append(np.minimum(begin_s + step_s, gap.to_s))
    taken = series.taken(np.concatenate(rows))
    taken = replace(taken, begin_s=np.concatenate(begins), end_s=np.concatenate(ends))
    return replace(taken.taken(np.argsort(taken.begin_s, kind="stable")), filled=tuple(gaps))


def _day_ends(clock: WallClock, day: int) -> tuple[int, int]:
    ends = clock.midnights_of(np.array([day, day + 1]))
    return int(ends[0]), int(ends[1])


def _on_day(series: MarketSeries, at_s: int) -> str:
    day = int(wall_clock(series.day_zone).days_of(np.array([at_s]))[0])
    return f"local day {day_text(day)} ({series.day_zone})"


def _span_text(series: MarketSeries, row: int) -> str:
    return f"{utc_text(series.begin_s[row])} to {utc_text(series.end_s[row])}"


def _names(series: MarketSeries) -> str:
    names = [source.name for source in series.sources]
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
