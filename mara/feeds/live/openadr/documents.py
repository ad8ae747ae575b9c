"""Documents of OpenADR 3 as pydantic models: programs, events and their intervals.

Fields that Mara has no use for are ignored, as the standard allows extensions; those that it uses are strict.
Source: OpenADR 3.0.1, openadr3.yaml; targets as plain words are those of 3.1.
"""

import re
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

MOST_INTERVALS: Final = 3_000
MOST_LISTED: Final = 1_000
ObjectId = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Text = Annotated[str, StringConstraints(max_length=4_000)]


def _name_of(field: str) -> str:
    """Return the standard's name of a field: `program_id` is `programID`."""
    return re.sub("Id$", "ID", to_camel(field))


class _Document(BaseModel):
    """Base of the models, whose names the standard writes in camel case."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, alias_generator=_name_of)


def _without_instant(value: object) -> object:
    """Read the year 0, which no calendar has, as the year 1: both stand for now."""
    return f"0001-01-01{value[10:]}" if isinstance(value, str) and value.startswith("0000") else value


Instant = Annotated[AwareDatetime, BeforeValidator(_without_instant), Field(strict=False)]


class IntervalPeriod(_Document):
    """Begin and length of intervals; a start in the year 1 stands for now."""

    start: Instant
    duration: Word = "PT0S"
    randomize_start: Word | None = None


class ValuesMap(_Document):
    """Values of a type, such as one price of the type PRICE."""

    type: Word
    values: Annotated[tuple[Any, ...], Field(max_length=MOST_LISTED)]


class EventInterval(_Document):
    """One interval of an event, with its values."""

    id: int
    interval_period: IntervalPeriod | None = None
    payloads: Annotated[tuple[ValuesMap, ...], Field(max_length=MOST_LISTED)]


class PayloadDescriptor(_Document):
    """Unit and currency of the values of a type."""

    payload_type: Word
    units: Word | None = None
    currency: Word | None = None


class ReportDescriptor(_Document):
    """A report that an event asks for."""

    payload_type: Word
    aggregate: bool = False
    start_interval: int = -1


Targets = Annotated[tuple[ValuesMap | Word, ...], Field(max_length=MOST_LISTED)]
Descriptors = Annotated[tuple[PayloadDescriptor, ...], Field(max_length=MOST_LISTED)]


class Program(_Document):
    """A program of an OpenADR server (VTN), to which events belong."""

    id: ObjectId
    program_name: Word
    payload_descriptors: Descriptors | None = None


class AdrEvent(_Document):
    """An event of a program; a lower number of the priority wins, none is the lowest."""

    id: ObjectId
    program_id: ObjectId
    event_name: Text | None = None
    created_date_time: Instant | None = None
    modification_date_time: Instant | None = None
    priority: Annotated[int, Field(ge=0)] | None = None
    targets: Targets | None = None
    report_descriptors: Annotated[tuple[ReportDescriptor, ...], Field(max_length=MOST_LISTED)] | None = None
    payload_descriptors: Descriptors | None = None
    interval_period: IntervalPeriod | None = None
    intervals: Annotated[tuple[EventInterval, ...], Field(max_length=MOST_INTERVALS)]


class MadeReport(_Document):
    """A report as an OpenADR server (VTN) has stored it."""

    id: ObjectId
