"""Executors file: which executors reach the devices of each site, read strictly."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from mara.errors import ConfigError
from mara.signals.executors.asic import Account, asic_miners
from mara.signals.executors.base import Executor
from mara.signals.executors.kueue import KueueQuota, Quota
from mara.signals.executors.luxos import luxos_miners
from mara.signals.executors.modbus import ModbusSetpoint
from mara.signals.executors.nvml import GpuLimits
from mara.signals.executors.posted_limit import PostedLimit
from mara.signals.executors.specs import SPEC, AsicSpec, KueueSpec, LuxosSpec, ModbusSpec, NvmlSpec, WebhookSpec
from mara.signals.table_file import check_place, table_of, tables_in

Place: TypeAlias = tuple[str, str]
"""A site, and the group of its machines; an empty group is the whole site."""


def specs_in(path: Path, machines: Mapping[str, Collection[str]]) -> dict[Place, Any]:
    """Read an executors file: specifications by site and group of machines.

    Args:
        machines: kinds of machines at each site.

    Raises:
        ConfigError: it cannot be used; the message names the place.
    """
    specs: dict[Place, Any] = {}
    for number, table in enumerate(tables_in(path, "executor"), start=1):
        place = f"{path}: executor {number}"
        spec = spec_of(table, place)
        check_place(spec.site, spec.group, machines, place)
        groups = {group for site, group in specs if site == spec.site}
        if groups and ("" in {spec.group, *groups} or spec.group in groups):
            raise ConfigError(
                f"{place}: {spec.site} has one already: a site has one executor, or one for each group of its machines"
            )
        twice = next((unit for earlier in specs.values() for unit in _units_of(earlier) & _units_of(spec)), "")
        if twice:
            raise ConfigError(
                f"{place}: {twice} is named by an earlier executor: two that write to one device take each other's "
                "settings for its owner's, name it once"
            )
        specs[spec.site, spec.group] = spec
    return specs


def _units_of(spec: Any) -> frozenset[str]:
    """Devices that an executor names one by one."""
    match spec:
        case LuxosSpec() | AsicSpec():
            return frozenset(spec.hosts)
        case NvmlSpec():
            return frozenset(f"GPU {gpu}" for gpu in spec.gpus)
        case _:
            return frozenset()


def spec_of(plain: Mapping[str, Any], place: str) -> Any:
    """Read the specification of one executor.

    Raises:
        ConfigError: it cannot be used.
    """
    return table_of(SPEC, plain, place)


def executor_of(spec: Any, secret: str, now: Callable[[], datetime], monotonic_s: Callable[[], float]) -> Executor:
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
        case AsicSpec():
            try:
                import pyasic_rs  # noqa: F401
            except ImportError as error:
                raise ConfigError(f"the executor of {spec.site} needs the extra: pip install 'mara[asic]'") from error
            return asic_miners(spec.hosts, spec.unit_power_mw, _account(spec), monotonic_s)
        case KueueSpec():
            quota = Quota(queue=spec.cluster_queue, flavor=spec.flavor, resource=spec.resource)
            ca_file = Path(spec.ca_file) if spec.ca_file else None
            return KueueQuota(spec.url, quota, Path(spec.token_file), ca_file, spec.unit_power_mw)
        case NvmlSpec():
            try:
                import pynvml  # noqa: F401
            except ImportError as error:
                raise ConfigError(f"the executor of {spec.site} needs the extra: pip install 'mara[nvml]'") from error
            return GpuLimits(spec.gpus, spec.other_power_mw)
        case LuxosSpec():
            return luxos_miners(spec.hosts, spec.unit_power_mw, monotonic_s)
        case _:
            raise AssertionError(f"no executor is made of {type(spec).__name__}")


def _account(spec: AsicSpec) -> Account | None:
    """Read the account of miners, which stands in a file of its own.

    Raises:
        ConfigError: it cannot be read.
    """
    if not spec.account_file:
        return None
    try:
        user, colon, password = Path(spec.account_file).read_text(encoding="utf-8").strip().partition(":")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"account_file of {spec.site} cannot be read ({type(error).__name__}): correct it") from error
    if not colon:
        raise ConfigError(f"account_file of {spec.site} should hold user:password, no colon came: correct it")
    return user, password
