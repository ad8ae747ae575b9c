"""Values of one source as they are known at an instant."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from mara.core.arrays import Bools, Floats, Ints
from mara.feeds.live.journal import ToldValues, with_rows
from mara.feeds.markets.building.grid import Steps, on_steps

KEPT_S: Final = 9 * 86_400
"""Time for which delivered values are kept: what forecasts look back on."""
MOST_AGE_S: Final = 14 * 86_400
"""Age from which a last value stands for nothing any more."""
_FAR_S: Final = 10**12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownValues:
    """All that a source has told so far: the newest edition of each interval.

    Attributes:
        told: the values; rows do not overlap.
        known_at_s: when each row became known (N,).
    """

    told: ToldValues
    known_at_s: Ints

    def later(self, told: ToldValues, known_at_s: int, *, forgets: bool = True) -> "KnownValues":
        """Return what is known after new rows, which replace those that they overlap.

        Args:
            forgets: values delivered more than `KEPT_S` ago are dropped; a history keeps them, and what held until a
                new row begins.
        """
        old = self.told if forgets else _until(self.told, told)
        is_young = (old.end_s > known_at_s - KEPT_S) | _newest(old, known_at_s) | (not forgets)
        kept = ~_overlapped(old, told) & is_young
        old = with_rows(old, np.flatnonzero(kept))
        begin_s = np.concatenate([old.begin_s, told.begin_s])
        order = np.argsort(begin_s, kind="stable")
        names = sorted({*old.columns, *told.columns})
        columns = {name: np.concatenate([_column(old, name), _column(told, name)])[order] for name in names}
        at_s = np.concatenate([self.known_at_s[kept], np.full(len(told.begin_s), known_at_s, np.int64)])[order]
        merged = ToldValues(
            begin_s=begin_s[order], end_s=np.concatenate([old.end_s, told.end_s])[order], columns=columns
        )
        return KnownValues(told=merged, known_at_s=at_s)

    def news(self, told: ToldValues) -> ToldValues | None:
        """Select the rows that say something new; None where there are none."""
        old = self.told
        places = np.searchsorted(old.begin_s, told.begin_s)
        inside = np.minimum(places, max(len(old.begin_s) - 1, 0))
        same = np.zeros(len(told.begin_s), dtype=np.bool_)
        if len(old.begin_s):
            same = (old.begin_s[inside] == told.begin_s) & (old.end_s[inside] == told.end_s)
            for name in {*old.columns, *told.columns}:
                before, now = _column(old, name)[inside], _column(told, name)
                same &= (before == now) | (np.isnan(before) & np.isnan(now))
        return None if same.all() else with_rows(told, np.flatnonzero(~same))

    def on(self, steps: Steps, name: str) -> Floats:
        """Put a column on steps (N,): the mean over each, NaN where it is not all known."""
        told = self.told
        there = ~np.isnan(_column(told, name))
        begin_s, end_s, value = told.begin_s[there], told.end_s[there], _column(told, name)[there]
        # gaps become intervals without a value, so that the mean over a step that touches one has none either
        starts = np.concatenate([[-_FAR_S], end_s])
        ends = np.concatenate([begin_s, [_FAR_S]])
        is_gap = ends > starts
        all_begin = np.concatenate([begin_s, starts[is_gap]])
        order = np.argsort(all_begin, kind="stable")
        all_end = np.concatenate([end_s, ends[is_gap]])[order]
        all_value = np.concatenate([value, np.full(int(is_gap.sum()), np.nan)])[order]
        return on_steps(steps, all_begin[order], all_end, all_value)

    def last(self, name: str, at_s: int) -> tuple[float, int] | None:
        """Return the last value that has begun by an instant, and the end of its interval.

        None where there is none that is young enough to stand for the present.
        """
        column = _column(self.told, name)
        begun = np.flatnonzero((self.told.begin_s <= at_s) & ~np.isnan(column))
        if not begun.size or self.told.end_s[begun[-1]] < at_s - MOST_AGE_S:
            return None
        return float(column[begun[-1]]), int(self.told.end_s[begun[-1]])


NOTHING: Final = KnownValues(
    told=ToldValues(begin_s=np.zeros(0, np.int64), end_s=np.zeros(0, np.int64), columns={}),
    known_at_s=np.zeros(0, np.int64),
)


def _column(told: ToldValues, name: str) -> Floats:
    return told.columns[name] if name in told.columns else np.full(len(told.begin_s), np.nan)


def _overlapped(old: ToldValues, new: ToldValues) -> Bools:
    """Mark the rows that some new row overlaps (N,)."""
    first = np.searchsorted(new.end_s, old.begin_s, side="right")
    found = first < len(new.begin_s)
    begins = new.begin_s[np.minimum(first, len(new.begin_s) - 1)]
    return np.asarray(found & (begins < old.end_s))


def _until(old: ToldValues, new: ToldValues) -> ToldValues:
    """End each row at the begin of the new row that overlaps its later part."""
    if not len(new.begin_s):
        return old
    first = np.searchsorted(new.end_s, old.begin_s, side="right")
    begins = np.append(new.begin_s, _FAR_S)[first]
    return replace(old, end_s=np.where(begins > old.begin_s, np.minimum(old.end_s, begins), old.end_s))


def _newest(old: ToldValues, at_s: int) -> Bools:
    """Mark the last row that has begun (N,)."""
    marked = np.zeros(len(old.begin_s), dtype=np.bool_)
    begun = int(np.searchsorted(old.begin_s, at_s, side="right"))
    if begun:
        marked[begun - 1] = True
    return marked
