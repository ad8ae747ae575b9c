"""Records of meters: a reading, their sum in a tick, a site beside its plan."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np

from mara.core.arrays import Bools, Floats, has_any
from mara.core.fleet import Fleet
from mara.core.units import TOLERANCE_MW

Quality = Literal["good", "estimated", "bad"]
SIMULATED: Final = "simulated"
METERED: Final = "metered"
"""Origins of what a site is billed and judged by."""
DEVIATION_SHARE: Final = 0.05
LEAST_DEVIATION_MW: Final = 0.1
"""Difference that is no deviation: neither meters nor ramps are exact."""


def tolerance_mw(planned_mw: float) -> float:
    """Difference from a planned power that is no deviation [MW]."""
    return max(LEAST_DEVIATION_MW, DEVIATION_SHARE * planned_mw)


def covers(metered_mw: float, needed_mw: float) -> bool:
    """Say whether metered power suffices for a need; unknown power, NaN, does not."""
    return metered_mw + tolerance_mw(needed_mw) >= needed_mw


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metering:
    """Sum of what meters of real sites tell when a tick begins; an input of the tick.

    Attributes:
        is_metered: sites whose bill and promises of this tick follow their meters, once these are read (S,).
        power_mw: mean site power over the tick before, NaN where it is unknown (S,).
        is_down: machines that stand still as far as meters say, though they were set to run; all of a site's kinds
            where none of its machines runs (S, K).
    """

    is_metered: Bools
    power_mw: Floats
    is_down: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One reading of a meter.

    Attributes:
        group: kind of machines that it covers; empty for the whole site.
        at: instant at which it was measured, by the meter's clock.
        known_at: instant at which it came, by this machine's clock; None before.
    """

    site_id: str
    group: str = ""
    at: datetime
    known_at: datetime | None = None
    power_mw: float
    hashrate_ths: float | None = None
    rate_tokens_per_s: float | None = None
    quality: Quality = "good"


def up_share(availability_share: Floats, is_down: Bools | None, fleet: Fleet) -> Floats:
    """Share of the machines that can run, by kind (S, K) or of all alike (S, 1).

    Availability is that of a whole site: where meters show kinds of machines standing still, the others are up.
    """
    if is_down is None or not has_any(is_down):
        return availability_share[:, None]
    standing = standing_share(is_down, fleet)
    alike = availability_share / np.where(standing < 1.0, 1.0 - standing, 1.0)
    return np.where(is_down, 0.0, alike[:, None])


def standing_share(is_down: Bools, fleet: Fleet) -> Floats:
    """Share of each site's machines that meters show standing still, by power (S,)."""
    nameplate_mw = fleet.nameplate_mw
    share = (nameplate_mw * is_down).sum(axis=1) / np.maximum(nameplate_mw.sum(axis=1), TOLERANCE_MW)
    return np.where(is_down.all(axis=1), 1.0, share)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredSnapshot:
    """Telemetry of a real site beside its plan.

    Attributes:
        site_power_mw: metered power; None where the newest reading is too old, bad or in part, and so unknown.
        age_s: age of the oldest reading that it rests on.
        deviation_mw: metered less planned.
        is_deviating: true where that is more than meters and ramps explain.
        cost_usd_per_h: power bought beyond the plan, or the profit of what does not run.
        endangered: contracts whose promise two more bad ticks would break, as their power is missing or unknown.
    """

    site_power_mw: float | None
    age_s: float
    deviation_mw: float | None
    is_deviating: bool
    cost_usd_per_h: float | None
    endangered: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisarmedSite:
    """A site that was taken back from acting by no person, and why."""

    site_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorStatus:
    """State of the program that writes to the devices of a site.

    Attributes:
        group: kind of machines that it reaches; empty for the whole site.
        kind: the kind of its devices, such as modbus or webhook.
        state: idle, ready, written, override, failed or released.
        message: its last write with what was read back, or the reason why it does not write.
        response_s: time from a document to the last read-back; None before the first.
    """

    site_id: str
    group: str = ""
    kind: str
    state: str
    message: str = ""
    response_s: float | None = None
