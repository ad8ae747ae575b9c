"""The state of a live source: what it told last, and how old that is."""

from datetime import UTC, datetime

import numpy as np

from mara.core.live_source import SourceSnapshot
from mara.feeds.live.known import KnownValues
from mara.feeds.live.sources import LiveSource


def status_of(
    source: LiveSource,
    known: KnownValues,
    now_s: float,
    *,
    asked_at_s: float,
    told_at_s: float,
    next_at_s: float,
    reason: str,
) -> SourceSnapshot:
    """Describe a source; instants are UTC seconds, 0 for never."""
    told = known.told
    found = {name: known.last(name, int(now_s)) for name in told.columns}
    last = next((one for one in found.values() if one is not None), None)
    begun = int(np.searchsorted(told.begin_s, now_s, side="right"))
    return SourceSnapshot(
        name=source.name,
        provider=source.asked,
        licence=source.provider.layouts[0].licence,
        values={name: one[0] for name, one in found.items() if one is not None},
        age_minutes=None if last is None else max(now_s - last[1], 0.0) / 60.0,
        is_stale=last is None or now_s >= last[1] + source.late_s,
        known_until=moment_of(told.end_s[-1]) if len(told.end_s) else None,
        known_at=moment_of(known.known_at_s[begun - 1]) if begun else None,
        asked_at=moment_of(asked_at_s),
        told_at=moment_of(told_at_s),
        next_at=moment_of(next_at_s),
        reason=reason,
        is_of_this_machine=source.is_of_this_machine,
    )


def moment_of(at_s: float) -> datetime | None:
    """Return an instant of UTC seconds; None for 0, which is never."""
    return datetime.fromtimestamp(int(at_s), UTC) if at_s else None
