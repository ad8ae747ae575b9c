"""Protocol of executors, and the records that they exchange with their driver."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from mara.errors import DeviceError

MOST_TOLD: Final = 4
"""Most settings of a device that are told one by one."""
SILENT: Final = "silent"
"""Value of a setting whose device does not answer, one of many behind an executor."""
DeviceState: TypeAlias = tuple[tuple[str, str | int | float | None], ...]
"""Settings of a device by name: read, compared, written and restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Limits that a device takes.

    Attributes:
        device: its address, by which two writers to it are told from two devices.
        least_mw, most_mw: bounds of a limit; 0 is taken for nothing at all.
        step_mw: smallest difference between two limits; 0 where any number is taken.
        off: value of a unit that does not run, where a limit is kept by units that run or do not; else None.
        is_stoppable: false where 0 is not taken either, and least_mw is told in its place.
    """

    device: str
    least_mw: float
    most_mw: float
    step_mw: float
    off: str | None = None
    is_stoppable: bool = True


class Executor(Protocol):
    """Access to the devices of a site, or of one group of its machines.

    `read` and `apply` ask the devices, and raise DeviceError where they do not answer or refuse. An executor of many
    devices reads SILENT for those that do not answer, as long as others do.
    """

    @property
    def kind(self) -> str: ...

    def capabilities(self) -> Capabilities:
        """Tell what the devices take, without asking them.

        Where only they know it, it is what they told when they were read last.
        """
        ...

    def read(self) -> DeviceState:
        """Read the settings that a write may change."""
        ...

    def state_for(self, limit_mw: float | None, owners: DeviceState, pinned: DeviceState = ()) -> DeviceState:
        """Work out the settings for a limit; None is the owner's own state.

        A limit never exceeds the one that the owner had set.

        Args:
            pinned: settings that stay as they are; what is silent counts as running.
        """
        ...

    def apply(self, changes: DeviceState) -> None:
        """Write these settings, and nothing besides them."""
        ...


def state_text(state: DeviceState) -> str:
    """Write a device's settings on one line, many of them in short."""
    if len(state) <= MOST_TOLD:
        return ", ".join(f"{name}={'none' if value is None else value}" for name, value in state)
    values: dict[object, int] = {}
    for _, value in state:
        values[value] = values.get(value, 0) + 1
    return ", ".join(f"{count} x {value}" for value, count in sorted(values.items(), key=str))


def in_one(faults: Sequence[DeviceError]) -> DeviceError:
    """Tell of the first fault of many devices, and how many there are besides."""
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    return DeviceError(f"{faults[0]}{more}")


def heard(state: DeviceState) -> DeviceState:
    """Leave out the settings of silent devices."""
    return tuple(pair for pair in state if pair[1] != SILENT)


def replaced(state: DeviceState, known: Mapping[str, str | int | float | None]) -> DeviceState:
    """Put known values in the place of those of the same names."""
    return tuple((name, known.get(name, value)) for name, value in state)
