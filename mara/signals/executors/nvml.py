"""Executor for the NVIDIA GPUs of Mara's own machine, by their power limits.

A limit slows a GPU and stops nothing: the least that it takes is a good part of its power, and is told where a site is
to stop. It lasts while the driver's persistence mode is on, and not over a restart of the machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mara.errors import DeviceError
from mara.signals.executors.base import SILENT, Capabilities, DeviceState, in_one
from mara.signals.nvidia import MW_PER_MILLIWATT, answers_of

MILLIWATTS_PER_WATT: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuRange:
    """Power limits of a GPU in milliwatts.

    Attributes:
        present: the one that stands.
        least, most: bounds of any.
        default: its maker's.
    """

    present: int
    least: int
    most: int
    default: int


class GpuLimits:
    """Power limits of GPUs, which share out what their group may draw.

    Each goes the same part of the way from its least limit to its owner's: those of one job wait for the slowest.

    Args:
        gpus: by their UUID or index.
        other_power_mw: what their machine draws besides, which no limit changes.
    """

    kind = "nvml"

    def __init__(self, gpus: Sequence[str], other_power_mw: float) -> None:
        self._gpus = tuple(gpus)
        self._other_power_mw = other_power_mw
        self._ranges: dict[str, GpuRange] = {}

    def capabilities(self) -> Capabilities:
        ranges = self._ranges.values()
        return Capabilities(
            device=f"nvml://{','.join(self._gpus)}",
            least_mw=self._other_power_mw + MW_PER_MILLIWATT * sum(found.least for found in ranges),
            most_mw=self._other_power_mw + MW_PER_MILLIWATT * sum(found.most for found in ranges),
            step_mw=MW_PER_MILLIWATT * MILLIWATTS_PER_WATT,
            is_stoppable=False,
        )

    def read(self) -> DeviceState:
        answers = answers_of(dict.fromkeys(self._gpus, _range))
        faults = [answer for answer in answers.values() if isinstance(answer, DeviceError)]
        if len(faults) == len(answers):
            raise in_one(faults)
        found = {gpu: answer for gpu, answer in answers.items() if not isinstance(answer, DeviceError)}
        self._ranges |= found
        return tuple((gpu, watts_text(found[gpu].present) if gpu in found else SILENT) for gpu in self._gpus)

    def state_for(self, limit_mw: float | None, owners: DeviceState, pinned: DeviceState = ()) -> DeviceState:
        stays = dict(pinned)
        if limit_mw is None:
            return tuple((gpu, stays.get(gpu, own)) for gpu, own in owners)
        most = {gpu: self._most_milliwatts(gpu, own) for gpu, own in owners}
        free = {gpu: min(self._ranges[gpu].least, most[gpu]) for gpu in most if gpu not in stays}
        silent_milliwatts = sum(most[gpu] for gpu in stays)
        least, span = sum(free.values()), sum(most[gpu] - free[gpu] for gpu in free)
        over_least = (limit_mw - self._other_power_mw) / MW_PER_MILLIWATT - silent_milliwatts - least
        share = min(max(over_least / span, 0.0), 1.0) if span else 1.0
        told = {gpu: watts_text(_part(free[gpu], most[gpu], share)) for gpu in free}
        return tuple((gpu, stays.get(gpu) or told[gpu]) for gpu, _ in owners)

    def apply(self, changes: DeviceState) -> None:
        answers = answers_of({gpu: partial(_set, gpu, milliwatts_in(wanted)) for gpu, wanted in changes})
        faults = [answer for answer in answers.values() if isinstance(answer, DeviceError)]
        if faults:
            raise in_one(faults)

    def _most_milliwatts(self, gpu: str, own: object) -> int:
        """Find the most that a GPU may draw by its owner, or by its maker.

        The maker's limit stands for one that was never heard.
        """
        if own != SILENT:
            return milliwatts_in(own)
        here = self._ranges.get(gpu)
        return max(found.default for found in self._ranges.values()) if here is None else here.default


def watts_text(milliwatts: int) -> str:
    """Write a limit as operators know it, to the milliwatt."""
    return f"{milliwatts / MILLIWATTS_PER_WATT:.3f}".rstrip("0").rstrip(".") + " W"


def milliwatts_in(text: object) -> int:
    """Read a limit that `watts_text` wrote."""
    return round(float(str(text).removesuffix(" W")) * MILLIWATTS_PER_WATT)


def _part(least: int, most: int, share: float) -> int:
    """Limit between two, in whole watts, rounded down so that the sum is kept."""
    if share == 1.0:
        return most
    # The milliwatt is for products just below a whole number.
    whole = int((least + share * (most - least) + 1.0) // MILLIWATTS_PER_WATT) * MILLIWATTS_PER_WATT
    return max(least, whole)


def _range(library: Any, handle: Any) -> GpuRange:
    least, most = library.nvmlDeviceGetPowerManagementLimitConstraints(handle)
    return GpuRange(
        present=library.nvmlDeviceGetPowerManagementLimit(handle),
        least=least,
        most=most,
        default=library.nvmlDeviceGetPowerManagementDefaultLimit(handle),
    )


def _set(gpu: str, milliwatts: int, library: Any, handle: Any) -> None:
    """Set a limit, a lower one only where it lasts.

    A higher one gives back what Mara took, which nothing may hinder.
    """
    is_lower = milliwatts < library.nvmlDeviceGetPowerManagementLimit(handle)
    if is_lower and not library.nvmlDeviceGetPersistenceMode(handle):
        raise DeviceError(f"{gpu} refused: it forgets a limit when no program uses it: nvidia-smi -pm 1 mends that")
    library.nvmlDeviceSetPowerManagementLimit(handle, milliwatts)
