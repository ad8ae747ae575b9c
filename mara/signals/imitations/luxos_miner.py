"""Imitated miner with LuxOS: one command a connection, and one session at a time.

Its replies have the fields and codes of docs/formats.md#replies-of-miners.
"""

import json
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from mara.signals.imitations.serving import hung, sent, untold

SESSION_S: Final = 60.0
"""Time since its last use after which a session that nobody ends is over."""
MODES: Final = {"sleep": "Sleep", "wakeup": "None"}
ACTIONS: Final = {"sleep": "sleep mode", "wakeup": "wake up"}
FIRMWARE: Final = "LUXminer 2025.4.8.220305-57b389c7"
WHEN_S: Final = 1_760_242_394
"""Time that all of its replies bear."""


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
            return _status("E", "Invalid command", 14)
        match command:
            case "config":
                is_on = self.mode == "None"
                told = {"CurtailMode": self.mode, "Hostname": "luxminer", "IsPowerSupplyOn": is_on, "OS": "LuxOS"}
                return {**_status("S", "LUXminer config", 33), "CONFIG": [told]}
            case "version":
                told = {"API": "3.7", "LUXminer": FIRMWARE.removeprefix("LUXminer "), "Type": "Antminer S19k Pro"}
                return {**_status("S", "LUXminer versions", 22), "VERSION": [told]}
            case "logon" if self.session:
                return _status("E", "Another session is active", 402)
            case "logon":
                self.sessions_count += 1
                self.session, self._began_s = f"s{self.sessions_count}", self._monotonic_s()
                return {**_status("S", "Session created", 316), "SESSION": [{"SessionID": self.session}]}
            case "logoff" if parameter == self.session:
                self.session = ""
                return _status("S", "Session terminated", 0)
            case "curtail":
                return self._curtailed(*parameter.partition(",")[::2])
        return _status("E", "Unknown command or wrong session", 14)

    def _curtailed(self, session: str, wanted: str) -> dict[str, Any]:
        if session != self.session or not session:
            return _status("E", "Invalid session id", 0)
        self._began_s = self._monotonic_s()  # a session that is used begins anew
        if wanted not in MODES or self.fault == "refuse":
            return _status("E", "Invalid parameter", 0)
        if self.fault != "ignore":
            self.mode = MODES[wanted]
            self.history.append(self.mode)
            self._told(f"curtail {wanted}")
        return {**_status("S", "Curtailment command sent", 335), "CURTAIL": [{"Action": ACTIONS[wanted]}]}


def _status(kind: str, message: str, code: int) -> dict[str, Any]:
    """Status of a reply; a code of zero stands for one that no source tells."""
    status = {"Code": code, "Description": FIRMWARE, "Msg": message, "STATUS": kind, "When": WHEN_S}
    return {"STATUS": [status], "id": 1}
