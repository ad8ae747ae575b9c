"""What may come in: checked at the edge, strictly, so that nothing is guessed from something else."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field

from mara.core.contract import TierKey
from mara.core.market import RegionKey
from mara.runtime.live.pace import MAX_SPEED_SHARE, MAX_STEPS
from mara.runtime.live.quote_desk import MAX_NAME_CHARACTERS, MAX_POWER_MW, MIN_POWER_MW

MAX_ID_LENGTH: Final = 100
MAX_NAMED_LENGTH: Final = 200
MAX_HOURS: Final = 10_000.0
DEFAULT_OUTAGE_TICKS: Final = 12
"""An hour of five-minute ticks."""
MAX_REASON_LENGTH: Final = 200
FIRST_MOMENT: Final = datetime(2009, 1, 1, tzinfo=UTC)
LAST_MOMENT: Final = datetime(2200, 1, 1, tzinfo=UTC)

OptionalRegionKey = Literal["", RegionKey]


def _iso_text(value: object) -> object:
    """Only ISO 8601: pydantic would take numbers for epoch seconds, or milliseconds, by their size."""
    if not isinstance(value, str) or "T" not in value.upper():
        raise ValueError("should be ISO 8601 with a zone, such as 2025-07-01T00:00:00Z")
    return value


def _within(moment: datetime) -> datetime:
    """Nothing is stored beyond these bounds, so that a moment outside asks for the same as the bound."""
    return min(max(moment, FIRST_MOMENT), LAST_MOMENT).astimezone(UTC)


def _whole(value: object) -> object:
    """JSON knows numbers only: 12.0 is as whole as 12."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plus_restored(value: object) -> object:
    """In a query a plus means a space; nothing else than a plus can have stood before an offset."""
    return _SPACED_OFFSET.sub(r"\1+\2", value) if isinstance(value, str) else value


_SPACED_OFFSET: Final = re.compile(r"^(\S+[Tt]\S+) (\d{2}(?::?\d{2})?)$")
Moment = Annotated[AwareDatetime, BeforeValidator(_iso_text), AfterValidator(_within), Field(strict=False)]
AskedMoment = Annotated[
    AwareDatetime,
    BeforeValidator(_iso_text),
    BeforeValidator(_plus_restored),
    AfterValidator(_within),
    Field(strict=False),
]
"""A moment in a query."""
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[A-Za-z0-9._-]+$")]
Whole = Annotated[int, BeforeValidator(_whole)]
Named = Annotated[str, Field(min_length=1, max_length=MAX_NAMED_LENGTH)]
"""A contract by its id, which its file may have given any printable form, or a site by its id or name."""
Name = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class QuoteInput(_Input):
    """What somebody wants a price for."""

    tier: TierKey
    power_mw: float = Field(ge=MIN_POWER_MW, le=MAX_POWER_MW, description="IT power, MW")
    hours: float = Field(gt=0, le=MAX_HOURS, description="how long, from the next tick on")
    customer: Name = ""
    region: OptionalRegionKey = Field(
        "", description="whose calendar months the availability is measured by; empty: UTC"
    )


class CommitmentInput(_Input):
    """A quote to be booked."""

    quote_id: Id
    customer: Name = ""


class PaceInput(_Input):
    """Stop simulated time, or let it go on."""

    action: Literal["pause", "resume"]


class StepInput(_Input):
    """Advance at once, and stay paused."""

    action: Literal["step"]
    ticks: Whole = Field(1, ge=1, le=MAX_STEPS)


class SpeedInput(_Input):
    """Change the pace."""

    action: Literal["speed"]
    speed: float = Field(gt=0, le=MAX_SPEED_SHARE, description="simulated seconds per real second")


class OutageInput(_Input):
    """Take a site down."""

    action: Literal["outage"]
    site_id: Named
    ticks: Whole = Field(DEFAULT_OUTAGE_TICKS, ge=1, le=MAX_STEPS)


class RestoreInput(_Input):
    """End an outage that was ordered."""

    action: Literal["restore"]
    site_id: Named


class MaintenanceInput(_Input):
    """Announce to every contract that runs at a site that ticks will not count."""

    action: Literal["maintenance"]
    site_id: Named
    from_: Moment = Field(alias="from")
    to: Moment
    reason: str = Field("site maintenance", min_length=1, max_length=MAX_REASON_LENGTH)


ControlInput = Annotated[
    PaceInput | StepInput | SpeedInput | OutageInput | RestoreInput | MaintenanceInput, Discriminator("action")
]
"""What an operator orders."""
