"""Meters that are asked over Modbus TCP, each at its own pace.

The library comes with the extra `modbus`. Source: https://modbus.org/docs/Modbus_Application_Protocol_V1_1b3.pdf,
functions 3 and 4; numbers of 32 bits are two registers, the high one first unless the meter has it otherwise.
"""

import math
import struct
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from mara.core.metering import Reading
from mara.errors import DeviceError, StoreError
from mara.signals.meters.base import Take

TIMEOUT_S: Final = 3.0
Format: TypeAlias = Literal["uint16", "int16", "uint32", "int32", "float32"]
CODES: Final[dict[Format, str]] = {"uint16": "H", "int16": "h", "uint32": "I", "int32": "i", "float32": "f"}


class ModbusMeter:
    """A meter whose power stands in registers.

    Args:
        site_id, group: site, and kind of machines that it covers; an empty group is the whole site.
        is_input: true where it is an input register, false for a holding register.
        is_low_first: true where the low register comes first.
        mw_per_count: megawatts of a count; negative where the meter counts consumption as negative.
        no_value_counts: what the meter tells where it has no value; None where it never does.
        now: the wall time of a reading.
    """

    def __init__(
        self,
        address: tuple[str, int, int],
        register: int,
        form: Format,
        *,
        site_id: str,
        group: str,
        is_input: bool,
        is_low_first: bool,
        mw_per_count: float,
        no_value_counts: int | None,
        interval_s: float,
        now: Callable[[], datetime],
    ) -> None:
        host, port, device = address
        self.name = f"modbus://{host}:{port}/{device}/{register}"
        self._address = address
        self._register = register
        self._form = form
        self._covers = site_id, group
        self._is_input = is_input
        self._is_low_first = is_low_first
        self._mw_per_count = mw_per_count
        self._no_value_counts = no_value_counts
        self._interval_s = interval_s
        self._now = now

    def listen(self, take: Take, refused: Callable[[str], None], is_over: threading.Event) -> None:
        """Ask the meter until it is over; see `MeterSource`."""
        while not is_over.is_set():
            counts = self._asked()
            if counts == self._no_value_counts or not math.isfinite(counts):
                refused(f"{self.name} tells that it has no value: nothing is stored, and it becomes unknown")
            else:
                site_id, group = self._covers
                power_mw = counts * self._mw_per_count
                try:
                    take([Reading(site_id=site_id, group=group, at=self._now(), power_mw=power_mw)])
                except StoreError as error:
                    raise DeviceError(f"its reading could not be stored ({error})") from error
            is_over.wait(self._interval_s)

    def _asked(self) -> float:
        """Read the registers over a new connection: an idle one may be half open unseen."""
        from pymodbus.client import ModbusTcpClient
        from pymodbus.exceptions import ModbusException

        host, port, device = self._address
        client: Any = ModbusTcpClient(host, port=port, timeout=TIMEOUT_S, retries=0)
        try:
            if not client.connect():
                raise DeviceError(f"the meter at {host}:{port} cannot be reached: see that it runs")
            read = client.read_input_registers if self._is_input else client.read_holding_registers
            answer = read(self._register, count=struct.calcsize(CODES[self._form]) // 2, device_id=device)
            if answer.isError():
                code = getattr(answer, "exception_code", 0)
                raise DeviceError(f"the meter at {host}:{port} refused register {self._register} (exception {code})")
            return number_of(answer.registers, self._form, is_low_first=self._is_low_first)
        except (ModbusException, OSError) as error:
            raise DeviceError(f"the meter at {host}:{port} does not answer within {TIMEOUT_S:g} s") from error
        finally:
            client.close()


def number_of(registers: Sequence[int], form: Format, *, is_low_first: bool) -> float:
    """Read a number from registers of 16 bits."""
    words = registers[::-1] if is_low_first else registers
    packed = struct.pack(f">{len(words)}H", *words)
    (number,) = struct.unpack(f">{CODES[form]}", packed)
    return float(number)
