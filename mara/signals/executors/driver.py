"""Driver of one executor: when it writes, how far, and when it must not.

The owner's state is on disk before the first write; every write is logged before it leaves and counts once it was read
back; a device that somebody else has set is left alone until a person decides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mara.core.metering import ExecutorStatus
from mara.core.units import SECONDS_PER_MINUTE, W_PER_MW
from mara.errors import ConfigError, DeviceError
from mara.signals.executors.base import SILENT, Capabilities, DeviceState, Executor, heard, replaced, state_text
from mara.signals.executors.hold import Hold, HoldFile
from mara.signals.executors.ownership import changes_to, found_states, learned, released, silence_text, strangers

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
        least_on_s, least_off_s: shortest time for which a unit that was switched stays on, or off.
    """

    least_interval_s: float = 10.0
    ramp_mw_per_minute: float | None = None
    least_on_s: float = 0.0
    least_off_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Devices as they were read, beside what is held of them."""

    state: DeviceState
    owners: DeviceState
    held: Hold | None


class Driver:
    """Brings a site's devices to a limit, and back to their owner's state.

    Methods block while devices answer, and belong to one thread at a time.

    Args:
        spec: settings of the executor, kept with the hold so that another process can release it.
        lease: tells the lease under which may be written, empty where none holds; asked before each write.
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
        lease: Callable[[], str],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._executor = executor
        self._hold = hold
        self._spec = spec
        self._pace = pace
        self._log = log
        self._lease = lease
        self._monotonic_s = monotonic_s
        self._wrote_s = self._not_before_s = float("-inf")
        self._limit_mw: float | None = None
        self._told = ""
        self._seen: dict[str, object] = {}
        self._silent: set[str] = set()
        self._switched_s: dict[str, float] = {}
        self.is_overridden = False
        self.is_due = False
        """True where following the same limit once more would bring the devices nearer to it."""
        self.is_short = False
        """True where the devices take nothing as low as the limit, and have been told their least."""

    @property
    def is_holding(self) -> bool:
        """Tell whether the devices are, or may be, in another state than their owner's."""
        return self._hold.exists

    def follow(
        self,
        limit_mw: float | None,
        reason: str,
        *,
        is_dry: bool,
        is_urgent: bool = False,
        not_before_s: float = float("-inf"),
    ) -> ExecutorStatus:
        """Bring the devices to a limit, as far as pace allows; a dry run only logs.

        Args:
            is_urgent: the limit is kept at once, whatever pace, ramp and least times say.
            not_before_s: real time up to which what is off stays off.
        """
        self._not_before_s = not_before_s
        began_s, self.is_due, self.is_short = self._monotonic_s(), False, False
        if self.is_overridden:
            return self._status("override", self._told)
        try:
            held, silent = self._hold.read(), frozenset(self._silent)
            before = self._read()
            strange = () if held is None else strangers(before, held, silent)
            if held is not None and strange:
                return self._overridden(strange, held)
            owners = before if held is None else learned(held.owners, before)
            found = _Found(state=before, owners=owners, held=held)
            return self._brought(limit_mw, found, reason, began_s, is_dry=is_dry, is_urgent=is_urgent)
        except (ConfigError, DeviceError) as error:  # a damaged hold, or a device
            self.is_due = not is_dry
            return self._failed(str(error))

    def release(self, reason: str) -> ExecutorStatus:
        """Bring the devices back, but for those that somebody else has set since."""
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
        self.is_due = self.is_short = False
        return self._status("released", said)

    def _brought(
        self, limit_mw: float | None, found: _Found, reason: str, began_s: float, *, is_dry: bool, is_urgent: bool
    ) -> ExecutorStatus:
        capabilities, before, held = self._executor.capabilities(), found.state, found.held
        aim_mw = bounded(limit_mw, capabilities)
        paced_mw = self._rested(aim_mw if is_urgent else self._paced(aim_mw, capabilities, began_s), capabilities)
        pinned = self._pinned(before, capabilities.off, is_urgent=is_urgent)
        wanted = self._executor.state_for(paced_mw, found.owners, pinned)
        silent = tuple(pair for pair in before if pair[1] == SILENT)
        self.is_due = not is_dry and wanted != self._executor.state_for(aim_mw, found.owners, silent)
        short = "" if self.is_due else shortfall_text(limit_mw, capabilities)
        self.is_short = bool(short)
        if not changes_to(wanted, before):
            self._limit_mw = paced_mw
            if held is not None and not is_dry:
                self._keep_lease(held)
            said = state_text(before) + silence_text(before) + short
            return self._status("ready" if held is None else "written", said, began_s)
        if is_dry:
            return self._planned(before, wanted, reason)
        if began_s - self._wrote_s < self._pace.least_interval_s and not is_urgent:
            self.is_due = True
            return self._status("ready", f"{state_text(before)}: waits for its pace")
        after = self._write(capabilities.device, found, wanted, reason)
        self._limit_mw = paced_mw
        return self._status("written", f"{state_text(wanted)}, read back{silence_text(after)}{short}", began_s)

    def _write(self, device: str, found: _Found, wanted: DeviceState, reason: str) -> DeviceState:
        """Write what differs from what was found; returns what is read back.

        Raises:
            DeviceError: it was refused, or something else was read back.
        """
        before, held, changes = found.state, found.held, changes_to(wanted, found.state)
        lease = self._lease()
        if not lease:
            raise DeviceError("the lease is lost: nothing is written until the site is armed again")
        self._hold.lock(device)
        known = found_states(before, (before,) if held is None else held.ours)
        ours = (*known, replaced(known[-1], dict(changes)))
        hold = Hold(
            site_id=self._hold.site_id,
            group=self._hold.group,
            lease=lease,
            spec=self._spec,
            owners=found.owners,
            ours=ours,
        )
        self._hold.write(hold)
        self._log(WRITE, reason, state_text(before), state_text(wanted))
        self._wrote_s = self._monotonic_s()
        self._executor.apply(changes)
        after = self._read()
        # What stands right after our write is its effect, also where a device took another value than it was given.
        self._hold.write(replace(hold, ours=found_states(after, ours)))
        wrong = tuple(pair for pair in heard(after) if pair not in wanted)
        if wrong:
            told = tuple(pair for pair in wanted if pair[0] in dict(wrong))
            raise DeviceError(f"{state_text(told)} was written, {state_text(wrong)} was read back: it does not count")
        return after

    def _read(self) -> DeviceState:
        """Read the devices, and note which units have switched, and which are silent."""
        try:
            found = self._executor.read()
        except DeviceError:
            self._silent |= self._seen.keys()
            raise
        self._silent = {name for name, value in found if value == SILENT}
        for name, value in heard(found):
            if self._seen.get(name, value) != value:
                self._switched_s[name] = self._monotonic_s()
            self._seen[name] = value
        return found

    def _pinned(self, found: DeviceState, off: str | None, *, is_urgent: bool) -> DeviceState:
        """Settings that stay: of silent devices, and of units that were just switched."""
        now_s, least_on_s = self._monotonic_s(), 0.0 if is_urgent else self._pace.least_on_s

        def stays(name: str, value: object) -> bool:
            if value == SILENT or off is None:
                return value == SILENT
            if value == off and now_s < self._not_before_s:
                return True
            passed_s = now_s - self._switched_s.get(name, float("-inf"))
            return passed_s < (self._pace.least_off_s if value == off else least_on_s)

        return tuple(pair for pair in found if stays(*pair))

    def _rested(self, limit_mw: float | None, capabilities: Capabilities) -> float | None:
        """Keep the present limit from rising while machines have to stay off."""
        here = self._limit_mw
        if here is None or capabilities.off is not None or self._monotonic_s() >= self._not_before_s:
            return limit_mw  # units that run or do not are kept off one by one
        return here if limit_mw is None else min(limit_mw, here)

    def _keep_lease(self, held: Hold) -> None:
        """Put a hold under the present lease, whose watchdog would then give it back."""
        lease = self._lease()
        if lease and lease != held.lease:
            self._hold.write(replace(held, lease=lease))

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

    def _overridden(self, strange: DeviceState, held: Hold) -> ExecutorStatus:
        self.is_overridden = True
        self._told = f"somebody set {state_text(strange)}: not written until a person arms the site again"
        ours = tuple(pair for pair in held.ours[-1] if pair[0] in dict(strange))
        self._log(OVERRIDE, self._told, state_text(ours), state_text(strange))
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
        return ExecutorStatus(
            site_id=self._hold.site_id,
            group=self._hold.group,
            kind=self._executor.kind,
            state=state,
            message=message,
            response_s=response_s,
        )


def bounded(limit_mw: float | None, capabilities: Capabilities) -> float | None:
    """Bring a limit [MW] within the range that a device takes.

    None stays as it is, and so does zero where the device can stop.
    """
    if limit_mw is None or (limit_mw == 0.0 and capabilities.is_stoppable):
        return limit_mw
    return min(max(limit_mw, capabilities.least_mw), capabilities.most_mw)


def shortfall_text(limit_mw: float | None, capabilities: Capabilities) -> str:
    """Say that devices which cannot stop are told more than was asked; else empty."""
    if limit_mw is None or capabilities.is_stoppable:
        return ""
    least_w, asked_w = round(capabilities.least_mw * W_PER_MW), round(limit_mw * W_PER_MW)
    return f"; told its least limit of {least_w} W, asked for {asked_w}" if asked_w < least_w else ""
