"""Driver of one executor: when it writes, how far, and when it must not.

The owner's state is on disk before the first write; every write is logged before it leaves and counts once it was read
back; a device that somebody else has set is left alone until a person decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mara.core.metering import ExecutorStatus
from mara.core.units import SECONDS_PER_MINUTE
from mara.errors import ConfigError, DeviceError
from mara.signals.executors.base import Capabilities, DeviceState, Executor, state_text
from mara.signals.executors.hold import Hold, HoldFile

Log = Callable[[str, str, str, str], None]
"""Writes a line of the signal log: kind, reason, state before and after."""
WRITE: Final = "write"
PLANNED: Final = "planned"
RELEASE: Final = "release"
OVERRIDE: Final = "override"
REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePace:
    """Pace at which a site may be changed.

    Attributes:
        least_interval_s: shortest time between two writes.
        ramp_mw_per_minute: fastest change of the limit; None for any.
    """

    least_interval_s: float = 10.0
    ramp_mw_per_minute: float | None = None


class Driver:
    """Brings a site's devices to a limit, and back to their owner's state.

    Methods block while devices answer, and belong to one thread at a time.

    Args:
        spec: settings of the executor, kept with the hold so that another process can release it.
        may_write: tells whether the lease still holds; asked before each write.
        monotonic_s: real time.
    """

    def __init__(
        self,
        executor: Executor,
        hold: HoldFile,
        spec: Mapping[str, Any],
        pace: WritePace,
        log: Log,
        *,
        may_write: Callable[[], bool],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._executor = executor
        self._hold = hold
        self._spec = spec
        self._pace = pace
        self._log = log
        self._may_write = may_write
        self._monotonic_s = monotonic_s
        self._wrote_s = float("-inf")
        self._limit_mw: float | None = None
        self._told = ""
        self.is_overridden = False

    def follow(self, limit_mw: float | None, reason: str, *, is_dry: bool, is_urgent: bool = False) -> ExecutorStatus:
        """Bring the devices to a limit, as far as pace allows; a dry run only logs.

        What is urgent waits for no pace.
        """
        began_s = self._monotonic_s()
        if self.is_overridden:
            return self._status("override", self._told)
        try:
            capabilities = self._executor.capabilities()
            before = self._executor.read()
            held = self._hold.read()
            if held is not None and not is_ours(before, held):
                return self._overridden(before, held)
            wanted_mw = bounded(limit_mw, capabilities)
            if not is_urgent:
                wanted_mw = self._paced(wanted_mw, capabilities, began_s)
            wanted = self._executor.state_for(wanted_mw, held.owners if held is not None else before)
            if wanted == before:
                self._limit_mw = wanted_mw
                return self._status("written" if held is not None else "ready", state_text(before), began_s)
            if is_dry:
                return self._planned(before, wanted, reason)
            if not is_urgent and began_s - self._wrote_s < self._pace.least_interval_s:
                return self._status("ready", f"{state_text(before)}: waits for its pace")
            self._write(capabilities, before, wanted, held, reason)
        except (ConfigError, DeviceError) as error:  # a damaged hold, or a device
            return self._failed(str(error))
        self._limit_mw = wanted_mw
        return self._status("written", f"{state_text(wanted)}, read back", began_s)

    def release(self, reason: str) -> ExecutorStatus:
        """Bring the devices back, unless somebody else has set them since."""
        try:
            held = self._hold.read()
            if held is not None:
                said = released(
                    self._executor, held, lambda before: self._log(RELEASE, reason, before, state_text(held.owners))
                )
                self._hold.forget()
            else:
                said = "nothing was held"
        except (ConfigError, DeviceError) as error:  # a damaged hold, or a device
            return self._failed(str(error))
        self._hold.unlock()
        self._limit_mw, self.is_overridden, self._wrote_s = None, False, float("-inf")
        return self._status("released", said)

    def _write(
        self, capabilities: Capabilities, before: DeviceState, wanted: DeviceState, held: Hold | None, reason: str
    ) -> None:
        if not self._may_write():
            raise DeviceError("the lease is lost: nothing is written until the site is armed again")
        self._hold.lock(capabilities.device)
        owners = held.owners if held is not None else before
        self._hold.write(Hold(site_id=self._hold.site_id, spec=self._spec, owners=owners, ours=(before, wanted)))
        self._log(WRITE, reason, state_text(before), state_text(wanted))
        self._wrote_s = self._monotonic_s()
        self._executor.apply(wanted)
        after = self._executor.read()
        if after != wanted:
            raise DeviceError(f"{state_text(wanted)} was written, {state_text(after)} was read back: it does not count")
        self._hold.write(Hold(site_id=self._hold.site_id, spec=self._spec, owners=owners, ours=(wanted,)))

    def _paced(self, limit_mw: float | None, capabilities: Capabilities, now_s: float) -> float | None:
        """Move from the present limit towards the wanted one, no faster than the ramp."""
        ramp = self._pace.ramp_mw_per_minute
        if ramp is None:
            return limit_mw
        most = capabilities.most_mw
        here = most if self._limit_mw is None else self._limit_mw
        there = most if limit_mw is None else limit_mw
        passed_s = min(now_s - self._wrote_s, SECONDS_PER_MINUTE)
        reach_mw = ramp * max(passed_s, 0.0) / SECONDS_PER_MINUTE
        moved = min(max(there, here - reach_mw), here + reach_mw)
        return limit_mw if moved == there else moved

    def _overridden(self, found: DeviceState, held: Hold) -> ExecutorStatus:
        self.is_overridden = True
        self._told = f"somebody set {state_text(found)}: not written until a person arms the site again"
        self._log(OVERRIDE, self._told, state_text(held.ours[-1]), state_text(found))
        return self._status("override", self._told)

    def _planned(self, before: DeviceState, wanted: DeviceState, reason: str) -> ExecutorStatus:
        told = f"would write {state_text(wanted)}"
        if told != self._told:
            self._told = told
            self._log(PLANNED, reason, state_text(before), state_text(wanted))
        return self._status("ready", told)

    def _failed(self, why: str) -> ExecutorStatus:
        """Tell of a failure, and log it once, not at every try."""
        if why != self._told:
            self._told = why
            self._log(REFUSED, why, "", "")
        return self._status("failed", why)

    def _status(self, state: str, message: str, began_s: float | None = None) -> ExecutorStatus:
        response_s = None if began_s is None else self._monotonic_s() - began_s
        kind = self._executor.kind
        return ExecutorStatus(
            site_id=self._hold.site_id, kind=kind, state=state, message=message, response_s=response_s
        )


def bounded(limit_mw: float | None, capabilities: Capabilities) -> float | None:
    """Bring a limit within what a device takes; none and zero stay as they are."""
    if limit_mw is None or limit_mw == 0.0:
        return limit_mw
    return min(max(limit_mw, capabilities.least_mw), capabilities.most_mw)


def is_ours(found: DeviceState, held: Hold) -> bool:
    """Tell whether a state is one that Mara left, perhaps by a broken-off write."""
    if found in (*held.ours, held.owners):
        return True
    return len(held.ours) > 1 and set(found) <= {pair for state in held.ours for pair in state}


def released(executor: Executor, held: Hold, tell: Callable[[str], None]) -> str:
    """Bring a held device back, and say what was done.

    Args:
        tell: called with the state before, ahead of the write.

    Raises:
        DeviceError: the device does not answer, or not with its owner's state.
    """
    found = executor.read()
    if found == held.owners:
        return "already as its owner had it"
    if not is_ours(found, held):
        return f"left alone: somebody set {state_text(found)}"
    tell(state_text(found))
    executor.release(held.owners)
    after = executor.read()
    if after != held.owners:
        raise DeviceError(f"{state_text(held.owners)} was to be restored, {state_text(after)} was read back")
    return f"{state_text(held.owners)} restored"
