"""Protocol of executors, and the records that they exchange with their driver."""

from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

MOST_TOLD: Final = 4
"""Most settings of a device that are told one by one."""
DeviceState: TypeAlias = tuple[tuple[str, str | int | float | None], ...]
"""Settings of a device by name: read, compared, written and restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Limits that a device takes.

    Attributes:
        device: its address, by which two writers to it are told from two devices.
        least_mw, most_mw: bounds of a limit; 0 is always taken for nothing at all.
        step_mw: smallest difference between two limits; 0 where any number is taken.
    """

    device: str
    least_mw: float
    most_mw: float
    step_mw: float


class Executor(Protocol):
    """Access to the devices of a site.

    Every method but `state_for` asks the device, and raises DeviceError where it does not answer or refuses.
    """

    @property
    def kind(self) -> str: ...

    def capabilities(self) -> Capabilities:
        """Ask the device for what it takes."""
        ...

    def read(self) -> DeviceState:
        """Read the settings that a write may change."""
        ...

    def state_for(self, limit_mw: float | None, owners: DeviceState) -> DeviceState:
        """Work out the settings for a limit; None is the owner's own state.

        A limit never exceeds the one that the owner had set.
        """
        ...

    def apply(self, state: DeviceState) -> None:
        """Write settings, and nothing besides them."""
        ...

    def release(self, owners: DeviceState) -> None:
        """Bring the device back to the state that its owner had set."""
        ...


def state_text(state: DeviceState) -> str:
    """Write a device's settings on one line, many of them in short."""
    if len(state) <= MOST_TOLD:
        return ", ".join(f"{name}={'none' if value is None else value}" for name, value in state)
    values: dict[object, int] = {}
    for _, value in state:
        values[value] = values.get(value, 0) + 1
    return ", ".join(f"{count} x {value}" for value, count in sorted(values.items(), key=str))
