"""Meter of the NVIDIA GPUs of Mara's own machine, as their driver tells."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from mara.core.metering import Reading
from mara.errors import DeviceError, StoreError
from mara.signals.meters.base import Take
from mara.signals.nvidia import MW_PER_MILLIWATT, answers_of


class GpuMeter:
    """Sum of what GPUs draw; unknown where one of them does not answer.

    Args:
        gpus: by their UUID or index.
        site_id, group: site, and kind of machines that they are.
        other_power_mw: what their machine draws besides.
        now: the wall time of a reading.
    """

    def __init__(
        self,
        gpus: Sequence[str],
        *,
        site_id: str,
        group: str,
        other_power_mw: float,
        interval_s: float,
        now: Callable[[], datetime],
    ) -> None:
        self.name = f"nvml://{','.join(gpus)}"
        self._gpus = tuple(gpus)
        self._covers = site_id, group
        self._other_power_mw = other_power_mw
        self._interval_s = interval_s
        self._now = now

    def listen(self, take: Take, refused: Callable[[str], None], is_over: threading.Event) -> None:
        """Ask the driver until it is over; see `MeterSource`."""
        del refused  # what a driver tells is a number, or a fault
        site_id, group = self._covers
        while not is_over.is_set():
            power_mw = self._asked_mw()
            try:
                take([Reading(site_id=site_id, group=group, at=self._now(), power_mw=power_mw)])
            except StoreError as error:
                raise DeviceError(f"its reading could not be stored ({error})") from error
            is_over.wait(self._interval_s)

    def _asked_mw(self) -> float:
        drawn_milliwatts = 0
        for answer in answers_of(dict.fromkeys(self._gpus, _drawn_milliwatts)).values():
            if isinstance(answer, DeviceError):
                raise answer
            drawn_milliwatts += answer
        return self._other_power_mw + MW_PER_MILLIWATT * drawn_milliwatts


def _drawn_milliwatts(library: Any, device: Any) -> int:
    return int(library.nvmlDeviceGetPowerUsage(device))
