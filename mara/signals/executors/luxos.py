"""Executor for miners with LuxOS, which sleep or wake: JSON over TCP 4028.

A connection carries one command and one answer. Changing commands need a session, of which a miner has one at a time;
`curtail` survives a reboot. Only `curtail` is ever sent besides reads, so pools and profiles stay as they are.
Source: https://docs.luxor.tech/firmware/api/intro
"""

import json
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

from mara.errors import DeviceError
from mara.signals.executors.base import Capabilities, DeviceState

PORT: Final = 4028
TIMEOUT_S: Final = 3.0
MOST_BYTES: Final = 200_000
AT_ONCE: Final = 64
"""Miners that are spoken to at the same time."""
AWAKE: Final = "wakeup"
ASLEEP: Final = "sleep"


class LuxosMiners:
    """Miners of one kind at a site, which run or sleep.

    Args:
        hosts: addresses in the order in which they fall asleep, `host` or `host:port`: the least efficient first.
        unit_power_mw: power of one of them at the meter while it runs.
    """

    kind = "luxos"

    def __init__(self, hosts: Sequence[str], unit_power_mw: float) -> None:
        self._hosts = tuple(hosts)
        self._unit_power_mw = unit_power_mw

    def capabilities(self) -> Capabilities:
        self.read()
        most_mw = len(self._hosts) * self._unit_power_mw
        return Capabilities(
            device=f"luxos://{','.join(self._hosts)}", least_mw=0.0, most_mw=most_mw, step_mw=self._unit_power_mw
        )

    def read(self) -> DeviceState:
        return tuple(zip(self._hosts, self._on_all([(host, None) for host in self._hosts]), strict=True))

    def state_for(self, limit_mw: float | None, owners: DeviceState) -> DeviceState:
        if limit_mw is None:
            return owners
        awake = [host for host, state in owners if state == AWAKE]
        kept_count = min(len(awake), int(limit_mw / self._unit_power_mw + 1e-9))
        kept = set(awake[len(awake) - kept_count :])  # who sleeps by the owner's will is never woken
        return tuple((host, AWAKE if host in kept else ASLEEP) for host, _ in owners)

    def apply(self, state: DeviceState) -> None:
        now = dict(self.read())
        self._on_all([(host, str(wanted)) for host, wanted in state if now[host] != wanted])

    def release(self, owners: DeviceState) -> None:
        self.apply(owners)

    def _on_all(self, orders: Sequence[tuple[str, str | None]]) -> list[str]:
        """Tell or ask every miner; the others are told although one fails."""
        if not orders:
            return []
        with ThreadPoolExecutor(min(AT_ONCE, len(orders)), thread_name_prefix="mara-luxos") as threads:
            answers = list(threads.map(_told, orders))
        faults = [answer for answer in answers if isinstance(answer, DeviceError)]
        if faults:
            more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
            raise DeviceError(f"{faults[0]}{more}")
        return [str(answer) for answer in answers]


def _told(order: tuple[str, str | None]) -> str | DeviceError:
    """Tell a miner to sleep or wake, or ask which it does; return a fault."""
    host, wanted = order
    try:
        if wanted is None:
            return _state_of(host)
        session = _first(_command(host, "logon"), "SESSION", host)["SessionID"]
        try:
            _command(host, "curtail", f"{session},{wanted}")
        finally:
            with suppress(DeviceError):  # a session that is not ended runs out by itself
                _command(host, "logoff", str(session))
    except DeviceError as error:
        return error
    return wanted


def _state_of(host: str) -> str:
    mode = str(_first(_command(host, "config"), "CONFIG", host).get("CurtailMode", "")).lower()
    if mode not in {"none", "sleep"}:
        raise DeviceError(f"{host} should tell CurtailMode, None or Sleep, {mode!r} came: is it LuxOS?")
    return AWAKE if mode == "none" else ASLEEP


def _first(answer: dict[str, Any], part: str, host: str) -> dict[str, Any]:
    found = answer.get(part)
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise DeviceError(f"{host} should answer with {part}: is it LuxOS?")
    return dict(found[0])


def _command(host: str, command: str, parameter: str = "") -> dict[str, Any]:
    """Send a command over a connection of its own, and return the answer.

    Raises:
        DeviceError: there is no answer, or it is a refusal.
    """
    name, _, port = host.partition(":")
    asked = {"command": command, **({"parameter": parameter} if parameter else {})}
    try:
        with socket.create_connection((name, int(port or PORT)), TIMEOUT_S) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.sendall(json.dumps(asked).encode())
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while len(answer) < MOST_BYTES and (part := connection.recv(65_536)):
                answer += part
        said: Any = json.loads(answer.rstrip(b"\x00"))
    except (OSError, ValueError) as error:
        raise DeviceError(f"{host} does not answer {command} ({type(error).__name__})") from error
    status = said.get("STATUS") if isinstance(said, dict) else None
    first = status[0] if isinstance(status, list) and status and isinstance(status[0], dict) else {}
    if first.get("STATUS") != "S":
        raise DeviceError(f"{host} refused {command}: {str(first.get('Msg', 'no reason'))[:100]}")
    return dict(said)
