"""Specifications of executors, as the tables of the executors file state them."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from mara.core.fleet import WORKLOAD_KEYS
from mara.signals.executors.driver import WritePace
from mara.signals.executors.modbus import MOST_COUNTS
from mara.signals.nvidia import Gpus

MOST_UNITS: Final = 10_000
MAX_LENGTH: Final = 2_000

Megawatts = Annotated[float, Field(ge=0, le=100_000)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


def _known_group(group: str) -> str:
    if group not in WORKLOAD_KEYS:
        raise ValueError(f"should be one of {', '.join(WORKLOAD_KEYS)}, {group[:60]!r} came")
    return group


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    site: str = Field(min_length=1, max_length=200)
    group: Annotated[str, AfterValidator(_known_group)] | Literal[""] = Field(
        "", description="kind of machines that it reaches, whose limits are IT power; left out: the whole site"
    )
    lease_s: float = Field(60.0, ge=5, le=3_600, description="time after which a silent Mara has lost the site")
    least_interval_s: float = Field(10.0, ge=0, le=3_600)
    ramp_mw_per_minute: float | None = Field(None, gt=0, le=100_000)

    @property
    def pace(self) -> WritePace:
        """Pace at which the devices may be changed."""
        return WritePace(least_interval_s=self.least_interval_s, ramp_mw_per_minute=self.ramp_mw_per_minute)


class _Bounded(_Spec):
    min_mw: Megawatts = 0.0
    max_mw: Megawatts

    @model_validator(mode="after")
    def _in_order(self) -> "_Bounded":
        if self.min_mw > self.max_mw:
            raise ValueError("min_mw should be at most max_mw")
        return self


class _Switched(_Spec):
    hosts: tuple[str, ...] = Field(min_length=1, max_length=MOST_UNITS, strict=False)
    unit_power_mw: float = Field(gt=0, le=1)
    min_on_s: Seconds = 0.0
    min_off_s: Seconds = 0.0

    @property
    def pace(self) -> WritePace:
        """Pace at which the devices may be changed."""
        return WritePace(
            least_interval_s=self.least_interval_s,
            ramp_mw_per_minute=self.ramp_mw_per_minute,
            least_on_s=self.min_on_s,
            least_off_s=self.min_off_s,
        )

    @model_validator(mode="after")
    def _each_once(self) -> "_Switched":
        if len(set(self.hosts)) < len(self.hosts):
            raise ValueError("hosts should name each miner once")
        return self


class WebhookSpec(_Bounded):
    """A web service of the site's owner."""

    kind: Literal["webhook"]
    url: str = Field(pattern=r"^https?://", max_length=MAX_LENGTH)


class ModbusSpec(_Bounded):
    """A controller with a register for the limit."""

    kind: Literal["modbus"]
    host: str = Field(min_length=1, max_length=253)
    port: int = Field(502, ge=1, le=65_535)
    device: int = Field(1, ge=0, le=247)
    register_: int = Field(alias="register", ge=0, le=MOST_COUNTS)
    mw_per_count: float = Field(gt=0, le=1_000)
    no_limit_counts: int | None = Field(None, ge=0, le=MOST_COUNTS)


class LuxosSpec(_Switched):
    """Miners with LuxOS, the least efficient first."""

    kind: Literal["luxos"]


class AsicSpec(_Switched):
    """Miners of any firmware that pyasic-rs knows, the least efficient first."""

    kind: Literal["asic"]
    account_file: str = Field("", max_length=MAX_LENGTH, description="a file with user:password of the miners")


class NvmlSpec(_Spec):
    """NVIDIA GPUs of the machine that Mara runs on."""

    kind: Literal["nvml"]
    gpus: Gpus
    other_power_mw: float = Field(0.0, ge=0, le=1, description="what their machine draws besides")


class KueueSpec(_Spec):
    """The quota of a ClusterQueue, for one group of a site's machines."""

    kind: Literal["kueue"]
    url: str = Field(pattern=r"^https?://", max_length=MAX_LENGTH)
    cluster_queue: str = Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)
    flavor: str = Field(min_length=1, max_length=253)
    resource: str = Field("nvidia.com/gpu", min_length=1, max_length=253)
    unit_power_mw: float = Field(gt=0, le=1)
    token_file: str = Field(min_length=1, max_length=MAX_LENGTH)
    ca_file: str = Field("", max_length=MAX_LENGTH)


ExecutorSpec = Annotated[
    WebhookSpec | ModbusSpec | LuxosSpec | AsicSpec | NvmlSpec | KueueSpec, Field(discriminator="kind")
]
SPEC: Final[TypeAdapter[Any]] = TypeAdapter(ExecutorSpec)
