"""Executor for miners with LuxOS, which sleep or wake: JSON over TCP 4028.

A connection carries one command and one answer, and stays open both ways until that has come, as the maker's own tool
has it. Changing commands need a session, of which a miner has one at a time; `curtail` survives a reboot. Only that
is ever sent besides reads, so pools and profiles stay as they are.
Sources: https://docs.luxor.tech/firmware/api/intro, and for shapes docs/formats.md#replies-of-miners
"""

import json
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from mara.errors import DeviceError
from mara.signals.executors.switched import OFF, RUNNING, SwitchedUnits

PORT: Final = 4028
TIMEOUT_S: Final = 3.0
"""Longest time for a command, from the connection to the last byte of the answer."""
MOST_BYTES: Final = 200_000
ACCEPTED: Final = frozenset({"S", "I", "W"})
"""Kinds of status that are no refusal: success, information, a warning.

What was written counts by its read-back alone.
"""
MODES: Final = {"none": RUNNING, "sleep": OFF, "idle": OFF}
"""States by CurtailMode in small letters.

Older versions know a third one, from which `wakeup` wakes as well.
"""


def luxos_miners(hosts: Sequence[str], unit_power_mw: float, monotonic_s: Callable[[], float]) -> SwitchedUnits:
    """Reach miners of one kind at a site by their addresses, `host` or `host:port`."""
    return SwitchedUnits("luxos", hosts, unit_power_mw, partial(_told, monotonic_s), monotonic_s)


def _told(monotonic_s: Callable[[], float], host: str, wanted: str | None) -> str:
    """Tell a miner to sleep or wake, or ask which it does.

    Raises:
        DeviceError: there is no answer, or it is a refusal.
    """
    say = partial(_command, monotonic_s, host)
    if wanted is None:
        return _state_in(say("config"), host)
    session = _first(say("logon"), "SESSION", host).get("SessionID")
    try:
        say("curtail", f"{session},{wanted}")
    finally:
        with suppress(DeviceError):  # a session that is not ended runs out by itself
            say("logoff", str(session))
    return wanted


def _state_in(answer: dict[str, Any], host: str) -> str:
    mode = str(_first(answer, "CONFIG", host).get("CurtailMode", "")).lower()
    if mode not in MODES:
        raise DeviceError(f"{host} should tell CurtailMode, None or Sleep, {mode[:60]!r} came: is it LuxOS?")
    return MODES[mode]


def _first(answer: dict[str, Any], part: str, host: str) -> dict[str, Any]:
    found = answer.get(part)
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise DeviceError(f"{host} should answer with {part}: is it LuxOS?")
    return dict(found[0])


def _command(monotonic_s: Callable[[], float], host: str, command: str, parameter: str = "") -> dict[str, Any]:
    """Send a command over a connection of its own, and return the answer.

    Raises:
        DeviceError: there is no answer, or it is a refusal.
    """
    name, _, port = host.partition(":")
    asked = {"command": command, **({"parameter": parameter} if parameter else {})}
    end_s = monotonic_s() + TIMEOUT_S
    try:
        with socket.create_connection((name, int(port or PORT)), TIMEOUT_S) as connection:
            connection.sendall(json.dumps(asked).encode())
            answer = b""
            while len(answer) < MOST_BYTES:
                connection.settimeout(max(end_s - monotonic_s(), 0.001))  # of the whole: an answer may come in drops
                part = connection.recv(65_536)
                if not part:
                    break
                answer += part
        said: Any = json.loads(answer.rstrip(b"\x00"))
    except (OSError, ValueError) as error:
        raise DeviceError(f"{host} does not answer {command} ({_cause(error)}): see that it runs") from error
    status = said.get("STATUS") if isinstance(said, dict) else None
    first = status[0] if isinstance(status, list) and status and isinstance(status[0], dict) else {}
    if first.get("STATUS") not in ACCEPTED:
        raise DeviceError(f"{host} refused {command}: {str(first.get('Msg', 'no reason'))[:100]}")
    return dict(said)


def _cause(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing whole within {TIMEOUT_S:g} s"
    return "the answer was cut off" if isinstance(error, ValueError) else (getattr(error, "strerror", "") or "no link")
