"""Imitated miner with LuxOS: one command a connection, and one session at a time."""

import json
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from mara.signals.imitations.serving import hung, sent, untold

SESSION_S: Final = 60.0
"""Time after which a session that nobody ends is over."""
MODES: Final = {"sleep": "Sleep", "wakeup": "None"}


class ImitatedMiner:
    """A miner that sleeps and wakes by the order of its session's holder alone.

    Args:
        monotonic_s: real time, by which sessions run out.
        told: called with each change of its mode.
    """

    def __init__(self, monotonic_s: Callable[[], float], told: Callable[[str], None] | None = None) -> None:
        self.mode = "None"
        self.fault = ""
        self.session = ""
        self.session_s = SESSION_S
        self.commands: list[str] = []
        self.history: list[str] = []
        self.sessions_count = 0
        self._monotonic_s = monotonic_s
        self._told = told or untold
        self._began_s = 0.0
        self._one_at_a_time = threading.Lock()

    def answer(self, connection: socket.socket) -> None:
        """Answer the command of a connection."""
        asked = b""
        while part := connection.recv(65_536):
            asked += part
            try:
                command = json.loads(asked)
                break
            except ValueError:
                continue
        else:
            return
        if self.fault == "silent":
            hung(connection)
            return
        with self._one_at_a_time:
            said = self._obey(command)
        if self.fault == "reboot" and command["command"] == "curtail":
            self.session = ""
            return
        sent(connection, json.dumps(said).encode() + b"\x00", self.fault)

    def _obey(self, asked: dict[str, Any]) -> dict[str, Any]:
        command, parameter = asked["command"], asked.get("parameter", "")
        self.commands.append(command)
        if self.session and self._monotonic_s() - self._began_s > self.session_s:
            self.session = ""
        if set(asked) - {"command", "parameter"}:
            return _status("E", "Invalid command")
        match command:
            case "config":
                return {**_status("S", "config"), "CONFIG": [{"CurtailMode": self.mode, "Hostname": "luxminer"}]}
            case "logon" if self.session:
                return _status("E", "Another session is active")
            case "logon":
                self.sessions_count += 1
                self.session, self._began_s = f"s{self.sessions_count}", self._monotonic_s()
                return {**_status("S", "Session created"), "SESSION": [{"SessionID": self.session}]}
            case "logoff" if parameter == self.session:
                self.session = ""
                return _status("S", "Session terminated")
            case "curtail":
                return self._curtailed(*parameter.partition(",")[::2])
        return _status("E", "Unknown command or wrong session")

    def _curtailed(self, session: str, wanted: str) -> dict[str, Any]:
        if session != self.session or not session:
            return _status("E", "Invalid session id")
        if wanted not in MODES or self.fault == "refuse":
            return _status("E", "Invalid parameter")
        if self.fault != "ignore":
            self.mode = MODES[wanted]
            self.history.append(self.mode)
            self._told(f"curtail {wanted}")
        return _status("S", f"Curtail {wanted}")


def _status(kind: str, message: str) -> dict[str, Any]:
    return {"STATUS": [{"STATUS": kind, "Msg": message}], "id": 1}
