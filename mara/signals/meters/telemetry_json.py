"""JSON of telemetry: one strict form, over REST and over MQTT alike."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from mara.core.metering import Reading

MAX_READINGS: Final = 400
"""Most readings of one request or message."""
MAX_NAMED_LENGTH: Final = 200
FIRST_TIME: Final = datetime(2009, 1, 1, tzinfo=UTC)
LAST_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)


def iso_text(value: object) -> object:
    """Refuse anything but ISO 8601: pydantic would read a number as an epoch time."""
    if not isinstance(value, str) or "T" not in value.upper():
        raise ValueError("should be ISO 8601 with a zone, such as 2025-07-01T00:00:00Z")
    return value


def within_bounds(time: datetime) -> datetime:
    """Convert a time to UTC, moved to the nearer of the bounds if it lies outside."""
    return min(max(time, FIRST_TIME), LAST_TIME).astimezone(UTC)


Time = Annotated[AwareDatetime, BeforeValidator(iso_text), AfterValidator(within_bounds), Field(strict=False)]


class ReadingInput(BaseModel):
    """Reading of a meter; power is at the meter, and consumption is positive."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    site_id: Annotated[str, Field(min_length=1, max_length=MAX_NAMED_LENGTH)]
    group: Annotated[str, Field(max_length=MAX_NAMED_LENGTH)] = Field(
        "", description="kind of machines that it covers; empty for the whole site"
    )
    at: Time
    power_mw: float
    hashrate_ths: float | None = Field(None, ge=0)
    tokens_per_s: float | None = Field(None, ge=0)
    quality: Literal["good", "estimated", "bad"]

    @property
    def reading(self) -> Reading:
        """The reading for the signal desk."""
        return Reading(
            site_id=self.site_id,
            group=self.group,
            at=self.at,
            power_mw=self.power_mw,
            hashrate_ths=self.hashrate_ths,
            rate_tokens_per_s=self.tokens_per_s,
            quality=self.quality,
        )


class TelemetryInput(BaseModel):
    """Readings of meters, stored all or none."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    readings: tuple[ReadingInput, ...] = Field(min_length=1, max_length=MAX_READINGS, strict=False)
