"""Units that run or do not, many of them behind one executor, told at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

from mara.errors import DeviceError
from mara.signals.executors.base import SILENT, Capabilities, DeviceState, in_one

AT_ONCE: Final = 64
"""Units that are spoken to at the same time."""
ROUND_S: Final = 20.0
"""Longest time for all units together; those whose turn does not come are silent."""
QUIET_S: Final = 60.0
"""Time for which a unit that did not answer is not waited for again."""
RUNNING: Final = "wakeup"
OFF: Final = "sleep"

Tell = Callable[[str, str | None], str]
"""Tells a unit to run or not, or asks which it does; raises DeviceError."""


class SwitchedUnits:
    """Units of one kind at a site, each of which runs or sleeps.

    A unit that hangs delays no other: it is waited for once, and then left out for a while.

    Args:
        hosts: addresses in the order in which they fall asleep: the least efficient first.
        unit_power_mw: power of one of them while it runs.
        monotonic_s: real time.
    """

    def __init__(
        self, kind: str, hosts: Sequence[str], unit_power_mw: float, tell: Tell, monotonic_s: Callable[[], float]
    ) -> None:
        self.kind = kind
        self._hosts = tuple(hosts)
        self._unit_power_mw = unit_power_mw
        self._tell = tell
        self._monotonic_s = monotonic_s
        self._silent_until_s: dict[str, float] = {}

    def capabilities(self) -> Capabilities:
        most_mw = len(self._hosts) * self._unit_power_mw
        name = f"{self.kind}://{','.join(self._hosts)}"
        return Capabilities(device=name, least_mw=0.0, most_mw=most_mw, step_mw=self._unit_power_mw, off=OFF)

    def read(self) -> DeviceState:
        now_s = self._monotonic_s()
        asked = [host for host in self._hosts if self._silent_until_s.get(host, now_s) <= now_s]
        answers = self._on_all([(host, None) for host in asked or self._hosts])
        faults = [answer for answer in answers.values() if isinstance(answer, DeviceError)]
        if len(faults) == len(answers):
            raise in_one(faults)
        for host, answer in answers.items():
            if isinstance(answer, DeviceError):
                self._silent_until_s[host] = now_s + QUIET_S
            else:
                self._silent_until_s.pop(host, None)
        said = {host: answer for host, answer in answers.items() if not isinstance(answer, DeviceError)}
        return tuple((host, said.get(host, SILENT)) for host in self._hosts)

    def state_for(self, limit_mw: float | None, owners: DeviceState, pinned: DeviceState = ()) -> DeviceState:
        stays = dict(pinned)
        if limit_mw is None:
            return tuple((host, stays.get(host, state)) for host, state in owners)
        busy_count = sum(state != OFF for state in stays.values())
        free = [host for host, state in owners if state == RUNNING and host not in stays]
        kept_count = max(0, min(len(free), int(limit_mw / self._unit_power_mw + 1e-9) - busy_count))
        kept = set(free[len(free) - kept_count :])  # who sleeps by the owner's will is never woken
        return tuple((host, stays.get(host, RUNNING if host in kept else OFF)) for host, _ in owners)

    def apply(self, changes: DeviceState) -> None:
        answers = self._on_all([(host, str(wanted)) for host, wanted in changes])
        faults = [answer for answer in answers.values() if isinstance(answer, DeviceError)]
        if faults:
            raise in_one(faults)

    def _on_all(self, orders: Sequence[tuple[str, str | None]]) -> dict[str, str | DeviceError]:
        """Tell or ask every unit; the others are told although one fails."""
        if not orders:
            return {}
        threads = ThreadPoolExecutor(min(AT_ONCE, len(orders)), thread_name_prefix=f"mara-{self.kind}")
        told = {host: threads.submit(self._answer, host, wanted) for host, wanted in orders}
        wait(told.values(), ROUND_S)
        threads.shutdown(wait=False, cancel_futures=True)
        return {host: _outcome(host, answer) for host, answer in told.items()}

    def _answer(self, host: str, wanted: str | None) -> str | DeviceError:
        try:
            return self._tell(host, wanted)
        except DeviceError as error:
            return error


def _outcome(host: str, answer: "Future[str | DeviceError]") -> str | DeviceError:
    if answer.done() and not answer.cancelled():
        return answer.result()
    return DeviceError(f"{host} was not reached within {ROUND_S:g} s: too many others do not answer")
