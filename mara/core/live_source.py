"""The state of a live source, for the outside: its newest value and its age."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSnapshot:
    """State of a live source: how asking it goes, and what is known of it.

    Attributes:
        values: of the newest interval that has begun, by column; empty where nothing is known.
        age_minutes: time since that interval ended, 0 while it lasts; None where nothing is known.
        known_until: end of the last interval that is known.
        known_at: when the newest value became known.
        asked_at, told_at, next_at: of the last request, the last answer with values, and the next request.
        reason: why the last request gave no values; empty where it did.
    """

    name: str
    provider: str
    licence: str
    values: dict[str, float]
    age_minutes: float | None
    is_stale: bool
    known_until: datetime | None
    known_at: datetime | None
    asked_at: datetime | None
    told_at: datetime | None
    next_at: datetime | None
    reason: str
