"""Progress of long work, as those who wait for it are told."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress report: so many of all ticks, months, scenarios or files are done."""

    what: str
    done: int
    total: int


OnProgress = Callable[[Progress], None]
