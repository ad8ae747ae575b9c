"""Executor for a Modbus TCP controller with one register for the limit of a site.

The library comes with the extra `modbus`. Source: https://modbus.org/docs/Modbus_Application_Protocol_V1_1b3.pdf,
functions 3 and 6: holding registers of 16 bits.
"""

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

from mara.errors import DeviceError
from mara.signals.executors.base import Capabilities, DeviceState

TIMEOUT_S: Final = 3.0
MOST_COUNTS: Final = 0xFFFF
SETPOINT: Final = "setpoint"
REFUSALS: Final = {
    1: "it does not know the function",
    2: "it has no such register",
    3: "it does not take the value",
    4: "it has failed",
    6: "it is busy",
}
"""Words for the exception codes of a controller, section 7 of the source."""

UNHEARD: Final = logging.NullHandler()
"""Keeps the library's own lines from a terminal; a log that is set up has them."""

Answer = TypeVar("Answer")


class ModbusSetpoint:
    """A register that holds a limit in counts.

    Args:
        mw_per_count: megawatts of a count of the register.
        no_limit_counts: what the register holds where there is no limit; None where it cannot say so.
    """

    kind = "modbus"

    def __init__(
        self,
        host: str,
        port: int,
        device: int,
        register: int,
        *,
        mw_per_count: float,
        no_limit_counts: int | None,
        least_mw: float,
        most_mw: float,
    ) -> None:
        self._address = host, port, device
        self._register = register
        self._mw_per_count = mw_per_count
        self._no_limit_counts = no_limit_counts
        self._bounds_mw = least_mw, most_mw

    def capabilities(self) -> Capabilities:
        host, port, device = self._address
        least_mw, most_mw = self._bounds_mw
        name = f"modbus://{host}:{port}/{device}/{self._register}"
        return Capabilities(device=name, least_mw=least_mw, most_mw=most_mw, step_mw=self._mw_per_count)

    def read(self) -> DeviceState:
        def ask(client: Any) -> DeviceState:
            answer = client.read_holding_registers(self._register, count=1, device_id=self._address[2])
            if answer.isError():
                raise DeviceError(f"register {self._register} cannot be read: {_refusal(answer)}")
            return ((SETPOINT, int(answer.registers[0])),)

        return self._connected(ask)

    def state_for(self, limit_mw: float | None, owners: DeviceState, pinned: DeviceState = ()) -> DeviceState:
        del pinned  # one register is either heard or not
        own = dict(owners)[SETPOINT]
        assert isinstance(own, int)
        if limit_mw is None:
            return owners
        # Rounded down, so that a limit is kept; the small part is for quotients just below a whole number.
        counts = min(int(limit_mw / self._mw_per_count + 1e-9), MOST_COUNTS)
        return ((SETPOINT, counts if own == self._no_limit_counts else min(counts, own)),)

    def apply(self, changes: DeviceState) -> None:
        counts = dict(changes)[SETPOINT]
        assert isinstance(counts, int)

        def ask(client: Any) -> None:
            answer = client.write_register(self._register, counts, device_id=self._address[2])
            if answer.isError():
                raise DeviceError(f"register {self._register} did not take {counts}: {_refusal(answer)}")

        self._connected(ask)

    def _connected(self, ask: Callable[[Any], Answer]) -> Answer:
        """Ask over a connection of its own: an idle one may be half open unseen."""
        from pymodbus.client import ModbusTcpClient
        from pymodbus.exceptions import ModbusException

        logging.getLogger("pymodbus").addHandler(UNHEARD)
        host, port, _ = self._address
        client: Any = ModbusTcpClient(host, port=port, timeout=TIMEOUT_S, retries=0)
        try:
            if not client.connect():
                raise DeviceError(f"the controller at {host}:{port} cannot be reached: see that it runs")
            return ask(client)
        except (ModbusException, OSError) as error:
            raise DeviceError(
                f"the controller at {host}:{port} does not answer whole within {TIMEOUT_S:g} s: see that it is not hung"
            ) from error
        finally:
            client.close()


def _refusal(answer: Any) -> str:
    code = getattr(answer, "exception_code", 0)
    return f"{REFUSALS.get(code, 'it refused')} (Modbus exception {code})"
