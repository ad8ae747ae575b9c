"""What may come in: checked at the edge, strictly, so that nothing is guessed from something else."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mara.runtime.platform import MAX_SPEED_SHARE, MAX_STEPS
from mara.runtime.quotes import MAX_NAME_CHARACTERS, MAX_POWER_MW, MIN_POWER_MW

MAX_ID_LENGTH: Final = 100
MAX_HOURS: Final = 10_000.0
MAX_OUTAGE_TICKS: Final = 10_000
MAX_REASON_LENGTH: Final = 200
FIRST_MOMENT: Final = datetime(2009, 1, 1, tzinfo=UTC)
LAST_MOMENT: Final = datetime(2200, 1, 1, tzinfo=UTC)

TierKey = Literal["premium", "standard", "flexible", "spot"]
RegionKey = Literal["", "americas", "europe", "asia-pacific"]
Action = Literal["pause", "resume", "step", "speed", "outage", "restore", "maintenance"]


def _iso_text(value: object) -> object:
    """Only ISO 8601: pydantic would take numbers for epoch seconds, or milliseconds, by their size."""
    if not isinstance(value, str) or "T" not in value.upper():
        raise ValueError("should be ISO 8601 with a zone, such as 2025-07-01T00:00:00Z")
    return value


def _within(moment: datetime) -> datetime:
    if not FIRST_MOMENT <= moment <= LAST_MOMENT:
        raise ValueError(f"should be between {FIRST_MOMENT:%Y} and {LAST_MOMENT:%Y}")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, BeforeValidator(_iso_text), AfterValidator(_within), Field(strict=False)]
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[A-Za-z0-9._-]+$")]
Name = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class QuoteInput(_Input):
    """What somebody wants a price for."""

    tier: TierKey
    power_mw: float = Field(ge=MIN_POWER_MW, le=MAX_POWER_MW, description="IT power, MW")
    hours: float = Field(gt=0, le=MAX_HOURS, description="how long, from the next tick on")
    customer: Name = ""
    region: RegionKey = Field("", description="whose calendar months the availability is measured by; empty: UTC")


class CommitmentInput(_Input):
    """A quote to be booked."""

    quote_id: Id
    customer: Name = ""


class ControlInput(_Input):
    """What an operator orders."""

    action: Action
    site_id: Id | None = None
    speed: float | None = Field(None, gt=0, le=MAX_SPEED_SHARE, description="simulated seconds per real second")
    ticks: int | None = Field(None, ge=1, le=MAX_STEPS, description="of a step or an outage")
    from_: Moment | None = Field(None, alias="from", description="maintenance: first instant")
    to: Moment | None = Field(None, description="maintenance: end")
    reason: str = Field("site maintenance", min_length=1, max_length=MAX_REASON_LENGTH)

    @model_validator(mode="after")
    def _has_what_the_action_needs(self) -> "ControlInput":
        needs = {
            "speed": ("speed",),
            "outage": ("site_id",),
            "restore": ("site_id",),
            "maintenance": ("site_id", "from_", "to"),
        }
        for field in needs.get(self.action, ()):
            if getattr(self, field) is None:
                raise ValueError(f"the action {self.action} needs {field.rstrip('_')}: add it")
        return self
