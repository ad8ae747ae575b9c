"""Meters file: brokers and meters that tell what real sites draw, read strictly."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from mara.errors import ConfigError
from mara.signals.broker import Broker, broker_of
from mara.signals.meters.base import MeterSource
from mara.signals.meters.modbus import Format, ModbusMeter
from mara.signals.meters.mqtt import MqttMeters
from mara.signals.meters.nvml import GpuMeter
from mara.signals.nvidia import Gpus
from mara.signals.table_file import check_place, table_of, tables_in

MAX_LENGTH: Final = 2_000
MOST_COUNTS: Final = 0xFFFF


class _MeterTable(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class MqttTable(_MeterTable):
    """A broker to which meters of any site publish."""

    kind: Literal["mqtt"]
    url: str = Field(max_length=MAX_LENGTH)
    user: str = Field("", max_length=MAX_LENGTH)
    password_file: str = Field("", max_length=MAX_LENGTH)


class ModbusTable(_MeterTable):
    """A meter that is asked over Modbus TCP."""

    kind: Literal["modbus"]
    site: str = Field(min_length=1, max_length=200)
    group: str = Field("", max_length=200)
    host: str = Field(min_length=1, max_length=253)
    port: int = Field(502, ge=1, le=65_535)
    device: int = Field(1, ge=0, le=247)
    register_: int = Field(alias="register", ge=0, le=MOST_COUNTS)
    input: bool = True
    format: Format = "uint16"
    low_word_first: bool = False
    mw_per_count: float = Field(ge=-1_000, le=1_000)
    no_value_counts: int | None = None
    interval_s: float = Field(30.0, ge=1, le=3_600)


class NvmlTable(_MeterTable):
    """NVIDIA GPUs of the machine that Mara runs on, whose driver is asked."""

    kind: Literal["nvml"]
    site: str = Field(min_length=1, max_length=200)
    group: str = Field(min_length=1, max_length=200)
    gpus: Gpus
    other_power_mw: float = Field(0.0, ge=0, le=1)
    interval_s: float = Field(30.0, ge=1, le=3_600)


_TABLE: Final[TypeAdapter[Any]] = TypeAdapter(
    Annotated[MqttTable | ModbusTable | NvmlTable, Field(discriminator="kind")]
)


def meters_in(
    path: Path, machines: Mapping[str, Collection[str]], client_id: str, now: Callable[[], datetime]
) -> tuple[MeterSource, ...]:
    """Read a meters file: the sources that it names; nothing is connected yet.

    Args:
        machines: kinds of machines at each site.
        client_id: name of Mara at brokers.

    Raises:
        ConfigError: it cannot be used; the message names the place.
    """
    sources: list[MeterSource] = []
    for number, table in enumerate(tables_in(path, "meter"), start=1):
        sources.append(_source(table, f"{path}: meter {number}", machines, client_id, now))
        if sources[-1].name in {source.name for source in sources[:-1]}:
            raise ConfigError(f"{path}: meter {number}: {sources[-1].name} is named twice: leave one out")
    return tuple(sources)


def _source(
    plain: Any, place: str, machines: Mapping[str, Collection[str]], client_id: str, now: Callable[[], datetime]
) -> MeterSource:
    table = table_of(_TABLE, plain, place)
    if isinstance(table, MqttTable):
        return MqttMeters(_account(table, place), client_id)
    check_place(table.site, table.group, machines, place)
    if isinstance(table, NvmlTable):
        return _gpu_meter(table, place, now)
    try:
        import pymodbus  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"{place} needs the extra: pip install 'mara[modbus]'") from error
    return ModbusMeter(
        (table.host, table.port, table.device),
        table.register_,
        table.format,
        site_id=table.site,
        group=table.group,
        is_input=table.input,
        is_low_first=table.low_word_first,
        mw_per_count=table.mw_per_count,
        no_value_counts=table.no_value_counts,
        interval_s=table.interval_s,
        now=now,
    )


def _gpu_meter(table: NvmlTable, place: str, now: Callable[[], datetime]) -> GpuMeter:
    try:
        import pynvml  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"{place} needs the extra: pip install 'mara[nvml]'") from error
    return GpuMeter(
        table.gpus,
        site_id=table.site,
        group=table.group,
        other_power_mw=table.other_power_mw,
        interval_s=table.interval_s,
        now=now,
    )


def _account(table: MqttTable, place: str) -> Broker:
    """Read the broker and the account, whose password stands in a file of its own."""
    broker = broker_of(table.url, f"{place}: url")
    if broker.password is not None:
        raise ConfigError(f"{place}: url should hold no password: put that into a file, and name it as password_file")
    if not table.password_file:
        return Broker(host=broker.host, port=broker.port, user=table.user or None, password=None, is_tls=broker.is_tls)
    try:
        password = Path(table.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place}: password_file cannot be read ({type(error).__name__}): correct it") from error
    return Broker(host=broker.host, port=broker.port, user=table.user or None, password=password, is_tls=broker.is_tls)
