"""Imitated Modbus controller: one holding register, whose bounds it keeps."""

import socket
import struct
import threading
from collections.abc import Callable
from typing import Final

from mara.signals.imitations.serving import hung, sent, untold

NO_LIMIT: Final = 0xFFFF
READ, WRITE = 3, 6
"""Functions that it has: read holding registers, write one register."""
REFUSED: Final = 0x80


class ImitatedController:
    """A controller that takes a limit in counts, up to a bound, or none at all.

    Args:
        told: called with each change of its register.
    """

    def __init__(
        self,
        register: int = 100,
        most_counts: int = 60,
        no_limit_counts: int = NO_LIMIT,
        told: Callable[[str], None] | None = None,
    ) -> None:
        self.value = no_limit_counts
        self.register = register
        self.most_counts = most_counts
        self.no_limit_counts = no_limit_counts
        self.unit = 1
        self.fault = ""
        self.history: list[int] = []
        self.outside: list[int] = []
        """Values beyond its bounds that somebody tried to write."""
        self._told = told or untold
        self._one_at_a_time = threading.Lock()

    def answer(self, connection: socket.socket) -> None:
        """Answer the requests of a connection."""
        while len(head := connection.recv(7)) == 7:
            transaction, _, length, unit = struct.unpack(">HHHB", head)
            pdu = connection.recv(length - 1)
            if self.fault == "silent":
                hung(connection)
                return
            if unit != self.unit:
                continue
            with self._one_at_a_time:
                said = self._obey(pdu)
            if self.fault == "reboot" and pdu[0] == WRITE:
                return
            sent(connection, struct.pack(">HHHB", transaction, 0, len(said) + 1, unit) + said, self.fault)

    def _obey(self, pdu: bytes) -> bytes:
        function, address, value = struct.unpack(">BHH", pdu)
        if function not in {READ, WRITE}:
            return bytes((function | REFUSED, 1))
        if address != self.register or (function == READ and value != 1):
            return bytes((function | REFUSED, 2))
        if function == READ:
            return struct.pack(">BBH", READ, 2, self.value)
        if value > self.most_counts and value != self.no_limit_counts:
            self.outside.append(value)
            return bytes((WRITE | REFUSED, 3))
        if self.fault == "refuse":
            return bytes((WRITE | REFUSED, 4))
        if self.fault != "ignore":
            self.value = value
            self.history.append(value)
            self._told(f"register {self.register} = {value}")
        return pdu
