"""Input of the API: strict models of bodies and queries, with no guesses at types."""

import re
from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple

from fastapi import Depends, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field

from mara.api.routes.problems import InconsistentQueryError
from mara.core.contract import TierKey
from mara.core.dispatch_document import Mode
from mara.core.market import RegionKey
from mara.runtime.live.pace import MAX_SPEED_FACTOR, MAX_STEPS
from mara.runtime.live.quote_validation import MAX_NAME_CHARACTERS, MAX_POWER_MW, MIN_POWER_MW
from mara.runtime.live.what_if_desk import MOST_CHANGE_RATIO, MOST_DEARER_USD_PER_MWH, MOST_SITES_OFF
from mara.runtime.observe.alert_inbox import MOST_AT_ONCE
from mara.signals.meters.telemetry_json import MAX_NAMED_LENGTH, Time, iso_text, within_bounds

MAX_ID_LENGTH: Final = 100
MAX_NUMBER: Final = 2**53
"""Largest whole number that every reader of JSON keeps."""
MAX_HOURS: Final = 10_000.0
DEFAULT_OUTAGE_TICKS: Final = 12
"""An hour of five-minute ticks."""
MAX_REASON_LENGTH: Final = 200

OptionalRegionKey = Literal["", RegionKey]


def _whole(value: object) -> object:
    """Read 12.0 as 12, because JSON does not tell integers from other numbers.

    Source: https://www.rfc-editor.org/rfc/rfc8259#section-6.
    """
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plus_restored(value: object) -> object:
    """Restore the plus before an offset, which a query turns into a space."""
    return _SPACED_OFFSET.sub(r"\1+\2", value) if isinstance(value, str) else value


_SPACED_OFFSET: Final = re.compile(r"^(\S+[Tt]\S+) (\d{2}(?::?\d{2})?)$")
AskedTime = Annotated[
    AwareDatetime,
    BeforeValidator(iso_text),
    BeforeValidator(_plus_restored),
    AfterValidator(within_bounds),
    Field(strict=False),
]
"""Time in a query."""
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH, pattern=r"^[A-Za-z0-9._-]+$")]
Whole = Annotated[int, BeforeValidator(_whole)]
Named = Annotated[str, Field(min_length=1, max_length=MAX_NAMED_LENGTH)]
"""Contract by its id, in any printable form, or site by its id or name."""
AskedText = Annotated[str, Field(max_length=MAX_NAMED_LENGTH)]
"""Text of a search; empty finds all."""
Name = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class QuoteInput(_Input):
    """Contract for which a price is asked."""

    tier: TierKey
    power_mw: float = Field(ge=MIN_POWER_MW, le=MAX_POWER_MW, description="IT power, MW")
    hours: float = Field(gt=0, le=MAX_HOURS, description="how long, from the next tick on")
    customer: Name = ""
    region: OptionalRegionKey = Field(
        "", description="whose calendar months the availability is measured by; empty: UTC"
    )


class AddedContractInput(_Input):
    """Contract that a what-if question adds."""

    tier: TierKey
    power_mw: float = Field(ge=MIN_POWER_MW, le=MAX_POWER_MW, description="IT power, MW")
    hours: float = Field(gt=0, le=MAX_HOURS, description="how long, from the next tick on")


ChangeShare = Annotated[float, Field(ge=-1, le=MOST_CHANGE_RATIO)]


class WhatIfInput(_Input):
    """Changes that a what-if question is about; those left out are none."""

    price_change_share: ChangeShare = Field(0.0, description="part of each price's size that is added to it")
    price_change_usd_per_mwh: float = Field(
        0.0, ge=-MOST_DEARER_USD_PER_MWH, le=MOST_DEARER_USD_PER_MWH, description="added to each price after that"
    )
    price_site_id: AskedText = Field("", description="site whose power changes, by id or name; empty: all")
    hashprice_change_share: ChangeShare = 0.0
    token_price_change_share: ChangeShare = 0.0
    off_site_ids: list[Named] = Field(default=[], max_length=MOST_SITES_OFF, description="sites that stand still")
    contract: AddedContractInput | None = None


class CommitmentInput(_Input):
    """Quote to be booked."""

    quote_id: Id
    customer: Name = ""


class PaceInput(_Input):
    """Pause simulated time, or resume it."""

    action: Literal["pause", "resume"]


class StepInput(_Input):
    """Advance by some ticks at once, and stay paused."""

    action: Literal["step"]
    ticks: Whole = Field(1, ge=1, le=MAX_STEPS)


class SpeedInput(_Input):
    """Change the speed of simulated time."""

    action: Literal["speed"]
    speed_factor: float = Field(
        alias="speed", gt=0, le=MAX_SPEED_FACTOR, description="simulated seconds per real second"
    )


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
    from_: Time = Field(alias="from")
    to: Time
    reason: str = Field("site maintenance", min_length=1, max_length=MAX_REASON_LENGTH)


class RetractInput(_Input):
    """Take back the maintenance of a site, or what is announced to one contract."""

    action: Literal["retract"]
    site_id: AskedText = Field("", description="site whose maintenance is taken back, for all its contracts")
    contract_id: AskedText = Field("", description="contract that the announcement is about, where it is about one")
    from_: Time = Field(alias="from", description="its begin as it was announced, see GET /api/exclusions")


class AlertsInput(_Input):
    """Alerts by their numbers, all or none."""

    alerts: list[Annotated[int, Field(ge=1, le=MAX_NUMBER), BeforeValidator(_whole)]] = Field(
        min_length=1, max_length=MOST_AT_ONCE
    )


class SilenceInput(AlertsInput):
    """Alerts to be silenced until a time of the fleet's clock."""

    until: Time


ControlInput = Annotated[
    PaceInput | StepInput | SpeedInput | OutageInput | RestoreInput | MaintenanceInput | RetractInput,
    Discriminator("action"),
]
"""Body of a control, of a kind that its `action` names."""


class ModeInput(_Input):
    """Mode that a site is to be in."""

    site_id: Named
    mode: Mode
    reason: str = Field("", max_length=MAX_REASON_LENGTH, description="needed for dry-run and act")


class EmergencyInput(_Input):
    """Order to stop a site at once, or to release it."""

    action: Literal["stop", "release"]
    reason: str = Field(min_length=1, max_length=MAX_REASON_LENGTH, description="kept with the order")


class TimeRange(NamedTuple):
    """Time range from `first` until `end`; None is no bound."""

    first: datetime | None
    end: datetime | None


def _asked_range(
    from_: Annotated[AskedTime | None, Query(alias="from")] = None, to: AskedTime | None = None
) -> TimeRange:
    if from_ is not None and to is not None and from_ > to:
        raise InconsistentQueryError(
            f"a span ends after it begins, from {from_.isoformat()} up to {to.isoformat()} came: swap them"
        )
    return TimeRange(from_, to)


AskedRange = Annotated[TimeRange, Depends(_asked_range)]
"""Time range in a query, by `from` and `to`."""
