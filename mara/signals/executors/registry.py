"""Executors file: which executor reaches the devices of each site, read strictly."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from mara.errors import ConfigError
from mara.signals.executors.base import Executor
from mara.signals.executors.driver import WritePace
from mara.signals.executors.luxos import LuxosMiners
from mara.signals.executors.modbus import MOST_COUNTS, ModbusSetpoint
from mara.signals.executors.posted_limit import PostedLimit

MOST_MINERS: Final = 10_000
MAX_LENGTH: Final = 2_000

Megawatts = Annotated[float, Field(ge=0, le=100_000)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    site: str = Field(min_length=1, max_length=200)
    lease_s: float = Field(60.0, ge=5, le=3_600, description="time after which a silent Mara has lost the site")
    least_interval_s: float = Field(10.0, ge=0, le=3_600)
    ramp_mw_per_minute: float | None = Field(None, gt=0, le=100_000)

    @property
    def pace(self) -> WritePace:
        """Pace at which the site may be changed."""
        return WritePace(least_interval_s=self.least_interval_s, ramp_mw_per_minute=self.ramp_mw_per_minute)


class _Bounded(_Spec):
    min_mw: Megawatts = 0.0
    max_mw: Megawatts

    @model_validator(mode="after")
    def _in_order(self) -> "_Bounded":
        if self.min_mw > self.max_mw:
            raise ValueError("min_mw should be at most max_mw")
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


class LuxosSpec(_Spec):
    """Miners with LuxOS, the least efficient first."""

    kind: Literal["luxos"]
    hosts: tuple[str, ...] = Field(min_length=1, max_length=MOST_MINERS, strict=False)
    unit_power_mw: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _each_once(self) -> "LuxosSpec":
        if len(set(self.hosts)) < len(self.hosts):
            raise ValueError("hosts should name each miner once")
        return self


ExecutorSpec = Annotated[WebhookSpec | ModbusSpec | LuxosSpec, Field(discriminator="kind")]
_SPEC: Final[TypeAdapter[Any]] = TypeAdapter(ExecutorSpec)


def specs_in(path: Path, site_ids: Sequence[str]) -> dict[str, Any]:
    """Read an executors file: the specification of each site that has one.

    Raises:
        ConfigError: it cannot be used; the message names the place.
    """
    try:
        with path.open("rb") as file:
            plain = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} should be a TOML file of executors, but {error}: correct it") from error
    tables = plain.pop("executor", None)
    if plain or not isinstance(tables, list) or not tables:
        raise ConfigError(f"{path} should hold [[executor]] tables and nothing else: see docs/formats.md")
    specs: dict[str, Any] = {}
    for number, table in enumerate(tables, start=1):
        spec = spec_of(table, f"{path}: executor {number}")
        if spec.site not in site_ids:
            raise ConfigError(f"{path}: executor {number}: no site {spec.site!r}: name one of {', '.join(site_ids)}")
        if spec.site in specs:
            raise ConfigError(f"{path}: executor {number}: {spec.site} has one already: a site has one executor")
        specs[spec.site] = spec
    return specs


def spec_of(plain: Mapping[str, Any], place: str) -> Any:
    """Read the specification of one executor.

    Raises:
        ConfigError: it cannot be used.
    """
    try:
        return _SPEC.validate_python(plain)
    except ValidationError as error:
        (fault, *_) = error.errors()
        where = ".".join(str(part) for part in fault["loc"][1:]) or "kind"
        raise ConfigError(f"{place}: {where}: {fault['msg'].removeprefix('Value error, ')}: correct it") from error


def executor_of(spec: Any, secret: str, now: Callable[[], datetime]) -> Executor:
    """Make the executor of a specification; nothing is connected yet.

    Raises:
        ConfigError: a library or a secret that it needs is missing.
    """
    match spec:
        case WebhookSpec():
            if not secret:
                raise ConfigError(
                    f"the webhook of {spec.site} needs MARA_DISPATCH_SECRET, which signs its limits: set it"
                )
            return PostedLimit(spec.url, secret, spec.min_mw, spec.max_mw, now)
        case ModbusSpec():
            try:
                import pymodbus  # noqa: F401
            except ImportError as error:
                raise ConfigError(f"the executor of {spec.site} needs the extra: pip install 'mara[modbus]'") from error
            return ModbusSetpoint(
                spec.host,
                spec.port,
                spec.device,
                spec.register_,
                mw_per_count=spec.mw_per_count,
                no_limit_counts=spec.no_limit_counts,
                least_mw=spec.min_mw,
                most_mw=spec.max_mw,
            )
        case _:
            return LuxosMiners(spec.hosts, spec.unit_power_mw)
