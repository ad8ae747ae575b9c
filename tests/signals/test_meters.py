"""Meters over Modbus, on a real server: numbers of every form, and nothing made up where none comes."""

import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mara.core.metering import Reading
from mara.errors import ConfigError
from mara.signals.meters.base import MeterListener
from mara.signals.meters.modbus import Format, ModbusMeter, number_of
from mara.signals.meters.registry import meters_in
from tests.signals.devices import CLOCK

pymodbus = pytest.importorskip("pymodbus", reason="the extra `modbus` is not installed")

PATIENCE_S = 10.0
MACHINES = {"oslo": ("air_miner",), "texas": ("gpu",)}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Start a Modbus server with input and holding registers in a thread; yield its port."""
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    registers = [0] * 20
    registers[0], registers[1:3], registers[4:6], registers[8] = 1_234, [0x0001, 0x86A0], [0x4148, 0x0000], 0xFFFF
    loop, started = asyncio.new_event_loop(), threading.Event()
    servers: list[ModbusTcpServer] = []

    async def serve() -> None:
        block = SimData(address=0, values=registers, datatype=DataType.REGISTERS)
        server = ModbusTcpServer(SimDevice(1, simdata=[block]), address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        servers.append(server)
        started.set()

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(serve(), loop).result(PATIENCE_S)
    assert started.wait(PATIENCE_S)
    (server,) = servers
    yield server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    asyncio.run_coroutine_threadsafe(server.shutdown(), loop).result(PATIENCE_S)  # type: ignore[no-untyped-call]
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE_S)
    loop.close()


class Told:
    """The readings that come through the door, and the reasons of what does not."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.refusals: list[str] = []
        self.changed = threading.Condition()
        self.is_over = threading.Event()

    def take(self, readings: Sequence[Reading]) -> str:
        with self.changed:
            self.readings += readings
            self.is_over.set()
            self.changed.notify_all()
        return ""

    def refused(self, reason: str) -> None:
        self.refusals.append(reason)
        self.is_over.set()


def meter(port: int, register: int, form: Format, **changes: object) -> ModbusMeter:
    options: dict[str, object] = {
        "site_id": "oslo",
        "group": "",
        "is_input": True,
        "is_low_first": False,
        "mw_per_count": 0.01,
        "no_value_counts": None,
        "interval_s": 0.0,
        "now": CLOCK.now,
        **changes,
    }
    return ModbusMeter(("127.0.0.1", port, 1), register, form, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("register", "form", "mw_per_count", "power_mw"),
    [(0, "uint16", 0.01, 12.34), (1, "uint32", 1e-4, 10.0), (4, "float32", 1.0, 12.5), (0, "int16", -0.01, -12.34)],
)
def test_a_meter_tells_megawatts_in_any_form(
    port: int, register: int, form: Format, mw_per_count: float, power_mw: float
) -> None:
    told = Told()
    meter(port, register, form, mw_per_count=mw_per_count).listen(told.take, told.refused, told.is_over)
    (reading,) = told.readings
    assert (reading.site_id, reading.group, reading.quality) == ("oslo", "", "good")
    assert reading.power_mw == pytest.approx(power_mw)
    assert abs((CLOCK.now() - reading.at).total_seconds()) < PATIENCE_S


def test_a_meter_without_a_value_tells_nothing(port: int) -> None:
    told = Told()
    meter(port, 8, "uint16", no_value_counts=0xFFFF).listen(told.take, told.refused, told.is_over)
    assert told.readings == []
    assert "it has no value: nothing is stored, and it becomes unknown" in told.refusals[0]


@pytest.mark.parametrize(
    ("registers", "form", "is_low_first", "number"),
    [
        ([0x0001, 0x0000], "uint32", False, 65_536.0),
        ([0x0001, 0x0000], "uint32", True, 1.0),
        ([0xFFFF, 0xFFFE], "int32", False, -2.0),
        ([0x8000], "int16", False, -32_768.0),
    ],
)
def test_numbers_of_two_registers_have_their_order(
    registers: list[int], form: Format, is_low_first: bool, number: float
) -> None:
    assert number_of(registers, form, is_low_first=is_low_first) == number


def test_a_meter_that_is_lost_is_told_once_and_heard_again_when_it_is_back(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A register that the meter does not have stands for a meter that does not answer."""
    told, missing = Told(), meter(port, 900, "uint16")
    with caplog.at_level(logging.WARNING, logger="mara.meters"):
        listener = MeterListener(missing, told.take, first_wait_s=0.005)
        while not [record for record in caplog.records if record.name == "mara.meters"]:
            threading.Event().wait(0.005)  # the log tells nobody
        missing._register = 0
        with told.changed:
            assert told.changed.wait_for(lambda: told.readings, PATIENCE_S)
        listener.close()
    said = [(record.getMessage(), vars(record).get("reason", "")) for record in caplog.records if "mara" in record.name]
    assert [message for message, _ in said] == ["meters not reached", "meters reached again"]
    assert "refused register 900" in said[0][1]


METER = '[[meter]]\nkind = "modbus"\nsite = "oslo"\nhost = "10.0.0.9"\nregister = 3\nmw_per_count = 0.1\n'
BROKER = '[[meter]]\nkind = "mqtt"\nurl = "mqtt://10.0.0.9"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("meter = 1", "should hold [[meter]] tables"),
        (METER.replace("modbus", "telepathy"), "meter 1: kind"),
        (METER.replace("oslo", "osla"), "no site 'osla': name one of oslo, texas"),
        (METER + 'group = "gpu"', "oslo has no machines 'gpu'"),
        (METER + "interval_s = 0", "interval_s"),
        (METER + METER, "meter 2: modbus://10.0.0.9:502/1/3 is named twice"),
        (BROKER.replace("10.0", "me:hunter2@10.0"), "url should hold no password"),
        (BROKER + 'password_file = "/nowhere"', "password_file cannot be read (FileNotFoundError)"),
        (BROKER.replace("mqtt://", "http://"), "meter 1: url should be mqtt://HOST"),
    ],
)
def test_a_meters_file_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "meters.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        meters_in(path, MACHINES, "mara-r-1", CLOCK.now)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_password_stands_in_a_file_of_its_own_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n", encoding="utf-8")
    path = tmp_path / "meters.toml"
    path.write_text(f'{BROKER}user = "mara"\npassword_file = "{tmp_path / "secret"}"\n', encoding="utf-8")
    (source,) = meters_in(path, MACHINES, "mara-r-1", CLOCK.now)
    assert source._broker.password == "hunter2"  # type: ignore[attr-defined]
    assert "hunter2" not in repr(source._broker) + source.name  # type: ignore[attr-defined]
