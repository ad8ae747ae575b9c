"""Records of meters: a reading as it came, and a site's power beside its plan."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Quality = Literal["good", "estimated", "bad"]


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
