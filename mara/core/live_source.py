"""States of live sources, for the outside: values, ages, grid warnings and limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mara.core.timegrid import moment_text

EMERGENCIES: Final = frozenset({"ALERT_GRID_EMERGENCY", "ALERT_BLACK_START"})


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
        is_of_this_machine: it is asked at an address of the machine that Mara runs on, perhaps an imitation.
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
    is_of_this_machine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GridWarning:
    """Warning of the grid's operator that stands, with its sites and its time.

    Attributes:
        id: of the event that gives it.
        kind: as the operator names it, such as ALERT_GRID_EMERGENCY.
        text: the operator's own words.
        site_ids: sites that it concerns.
        until: None for no end.
        author: who gives it.
    """

    id: str
    kind: str
    text: str
    site_ids: tuple[str, ...]
    begins_at: datetime
    until: datetime | None
    author: str

    @property
    def is_emergency(self) -> bool:
        """True where the grid itself is failing or coming back."""
        return self.kind in EMERGENCIES

    def sentence(self, names: Mapping[str, str]) -> str:
        """Write the warning as a sentence, with the names of sites by their ids."""
        until = "until it is withdrawn" if self.until is None else f"until {moment_text(self.until)}"
        name = self.kind.removeprefix("ALERT_").replace("_", " ").lower()
        said = f": {self.text}" if self.text else ""
        where = ", ".join(names.get(site_id, site_id) for site_id in self.site_ids)
        return f"{self.author} warns of {name} at {where} {until}{said}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedLimit:
    """Limit by the grid's operator for a time that is not over, begun or to come.

    Attributes:
        until: None for no end.
        author: who orders it.
    """

    site_id: str
    limit_mw: float
    begins_at: datetime
    until: datetime | None
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GridLimit:
    """Most power that a site may draw now, by order of the grid's operator.

    Attributes:
        asked_at: when it was heard, or began if that was later.
        response_s: time in which the site has to obey.
        author: who orders it.
    """

    site_id: str
    limit_mw: float
    asked_at: datetime
    response_s: float
    author: str

    @property
    def sentence(self) -> str:
        """The limit as a sentence for people."""
        return f"{self.author} limits it to {self.limit_mw:g} MW"
