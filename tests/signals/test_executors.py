"""Executors against imitated devices, which refuse what real ones refuse."""

import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mara.errors import ConfigError, DeviceError
from mara.signals.executors import luxos, modbus
from mara.signals.executors.hold import Hold
from mara.signals.executors.luxos import luxos_miners
from mara.signals.executors.modbus import ModbusSetpoint
from mara.signals.executors.ownership import changes_to, released
from mara.signals.executors.posted_limit import PostedLimit
from mara.signals.executors.registry import specs_in
from mara.signals.executors.switched import SwitchedUnits
from mara.signals.imitations.luxos_miner import ImitatedMiner
from mara.signals.imitations.modbus_controller import ImitatedController
from tests.signals.devices import CLOCK, SECRET, a_controller, a_miner, a_service, serving

UNIT_MW = 0.0035


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(luxos, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(modbus, "TIMEOUT_S", 0.3)


@pytest.fixture
def miners() -> Iterator[tuple[list[ImitatedMiner], SwitchedUnits]]:
    fakes = [a_miner() for _ in range(4)]
    with ExitStack() as stack:
        ports = [stack.enter_context(serving(fake.answer)) for fake in fakes]
        yield fakes, luxos_miners([f"127.0.0.1:{port}" for port in ports], UNIT_MW, CLOCK.monotonic_s)


def modes(fakes: list[ImitatedMiner]) -> list[str]:
    return [fake.mode for fake in fakes]


def test_miners_fall_asleep_in_their_order_and_wake_in_reverse(
    miners: tuple[list[ImitatedMiner], SwitchedUnits],
) -> None:
    fakes, executor = miners
    owners = executor.read()
    for limit_mw, expected in ((2.5 * UNIT_MW, "SSNN"), (0.0, "SSSS"), (3 * UNIT_MW, "SNNN"), (None, "NNNN")):
        wanted = executor.state_for(limit_mw, owners)
        executor.apply(changes_to(wanted, executor.read()))
        assert executor.read() == wanted
        assert [mode[0] for mode in modes(fakes)] == list(expected)


def test_only_curtail_is_sent_in_a_session_that_is_ended(miners: tuple[list[ImitatedMiner], SwitchedUnits]) -> None:
    fakes, executor = miners
    executor.apply(executor.state_for(0.0, executor.read()))
    assert fakes[0].commands == ["config", "logon", "curtail", "logoff"]
    assert {fake.session for fake in fakes} == {""}


def test_a_miner_that_its_owner_put_to_sleep_is_never_woken(miners: tuple[list[ImitatedMiner], SwitchedUnits]) -> None:
    fakes, executor = miners
    fakes[3].mode = "Sleep"
    owners = executor.read()
    limited = executor.state_for(2 * UNIT_MW, owners)
    executor.apply(changes_to(limited, owners))
    assert modes(fakes) == ["Sleep", "None", "None", "Sleep"]
    executor.apply(changes_to(owners, limited))
    assert modes(fakes) == ["None", "None", "None", "Sleep"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [("silent", "does not answer"), ("refuse", "refused curtail: Invalid parameter"), ("session", "Another session")],
)
def test_one_miner_that_fails_is_named_and_the_others_are_told(
    miners: tuple[list[ImitatedMiner], SwitchedUnits], fault: str, said: str
) -> None:
    fakes, executor = miners
    wanted = executor.state_for(0.0, executor.read())
    fakes[1].fault, fakes[1].session = ("", "taken") if fault == "session" else (fault, "")
    fakes[1].session_s = float("inf")
    with pytest.raises(DeviceError, match=said):
        executor.apply(wanted)
    assert modes(fakes) == ["Sleep", "None", "Sleep", "Sleep"]


def test_a_miner_that_hangs_is_waited_for_once_and_counts_as_running(
    miners: tuple[list[ImitatedMiner], SwitchedUnits],
) -> None:
    fakes, executor = miners
    owners = executor.read()
    fakes[3].fault = "silent"
    began_s = CLOCK.monotonic_s()
    found = executor.read()
    assert [state for _, state in found] == ["wakeup", "wakeup", "wakeup", "silent"]
    waited_s = CLOCK.monotonic_s() - began_s
    for _ in range(3):
        executor.read()
    assert CLOCK.monotonic_s() - began_s < 2.0 * waited_s
    wanted = executor.state_for(2 * UNIT_MW, owners, found[3:])
    assert [state for _, state in wanted] == ["sleep", "sleep", "wakeup", "silent"]


def test_a_miner_that_is_idle_is_off_and_information_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    miner = a_miner()
    obey = miner._obey

    def informing(asked: dict[str, Any]) -> dict[str, Any]:
        said = obey(asked)
        return {**said, "STATUS": [{**said["STATUS"][0], "STATUS": "I"}]}

    monkeypatch.setattr(miner, "_obey", informing)
    with serving(miner.answer) as port:
        executor = luxos_miners([f"127.0.0.1:{port}"], UNIT_MW, CLOCK.monotonic_s)
        miner.mode = "Idle"
        assert [state for _, state in executor.read()] == ["sleep"]
        executor.apply(((f"127.0.0.1:{port}", "wakeup"),))
        assert [state for _, state in executor.read()] == ["wakeup"]


def test_a_command_keeps_its_connection_open_until_the_answer_has_come() -> None:
    """As the maker's tool does: a miner may take a half-closed connection for one that was given up."""
    miner, is_half_closed = a_miner(), []

    def answer(connection: socket.socket) -> None:
        asked = json.loads(connection.recv(65_536))
        is_half_closed.append(bool(select.select([connection], [], [], 0.02)[0]))
        connection.sendall(json.dumps(miner._obey(asked)).encode())

    with serving(answer) as port:
        assert luxos_miners([f"127.0.0.1:{port}"], UNIT_MW, CLOCK.monotonic_s).read()
    assert is_half_closed == [False]


def test_a_hundred_miners_are_told_at_once() -> None:
    fakes = [a_miner() for _ in range(100)]
    with ExitStack() as stack:
        hosts = [f"127.0.0.1:{stack.enter_context(serving(fake.answer))}" for fake in fakes]
        executor = luxos_miners(hosts, UNIT_MW, CLOCK.monotonic_s)
        executor.apply(executor.state_for(60 * UNIT_MW, executor.read()))
    assert modes(fakes) == ["Sleep"] * 40 + ["None"] * 60


@pytest.fixture
def controller() -> Iterator[tuple[ImitatedController, ModbusSetpoint]]:
    pytest.importorskip("pymodbus", reason="the extra `modbus` is not installed")
    fake = a_controller()
    with serving(fake.answer) as port:
        yield (
            fake,
            ModbusSetpoint(
                "127.0.0.1", port, 1, 100, mw_per_count=0.5, no_limit_counts=0xFFFF, least_mw=0.0, most_mw=30.0
            ),
        )


def test_a_register_takes_a_limit_rounded_down_and_gives_it_back(
    controller: tuple[ImitatedController, ModbusSetpoint],
) -> None:
    fake, executor = controller
    owners = executor.read()
    for limit_mw, counts in ((12.3, 24), (0.0, 0), (0.3, 0), (12.5, 25), (None, 0xFFFF)):
        wanted = executor.state_for(limit_mw, owners)
        executor.apply(wanted)
        assert (fake.value, executor.read()) == (counts, wanted)


def test_a_limit_of_the_owner_stays_the_most(controller: tuple[ImitatedController, ModbusSetpoint]) -> None:
    fake, executor = controller
    fake.value = 20
    owners = executor.read()
    assert executor.state_for(15.0, owners) == owners
    assert executor.state_for(None, owners) == owners
    assert executor.state_for(9.0, owners) == (("setpoint", 18),)


@pytest.mark.parametrize(
    ("fault", "said"), [("silent", "does not answer"), ("refuse", "did not take 10: it has failed")]
)
def test_a_controller_that_is_silent_or_refuses_is_a_failed_write(
    controller: tuple[ImitatedController, ModbusSetpoint], fault: str, said: str
) -> None:
    fake, executor = controller
    fake.fault = fault
    with pytest.raises(DeviceError, match=said):
        executor.apply((("setpoint", 10),))
    assert fake.value == 0xFFFF


def test_a_web_service_takes_signed_limits_and_gives_them_back() -> None:
    service = a_service()
    with service.serving() as url:
        executor = PostedLimit(url, SECRET, 0.0, 60.0, CLOCK.now)
        owners = executor.read()
        executor.apply(executor.state_for(12.25, owners))
        assert (service.limit_mw, executor.read()) == (12.25, (("limit_mw", 12.25),))
        hold = Hold(site_id="oslo", spec={}, owners=owners, ours=((("limit_mw", 12.25),),))
        assert released(executor, hold, lambda _: None) == "limit_mw=none restored"
        with pytest.raises(DeviceError, match="does not take the signature"):
            PostedLimit(url, "another secret, a wrong one", 0.0, 60.0, CLOCK.now).read()
    assert service.history == [12.25, None]


LUXOS = '[[executor]]\nsite = "oslo"\nkind = "luxos"\nhosts = ["10.0.0.1"]\nunit_power_mw = 0.0035\n'
NVML = '[[executor]]\nsite = "oslo"\nkind = "nvml"\ngpus = ["0"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("executor = 1", "should hold [[executor]] tables"),
        ("[[executor", "should be a TOML file"),
        (LUXOS + "pools = 1", "executor 1: pools: Extra inputs are not permitted"),
        (LUXOS.replace("luxos", "telnet"), "executor 1: kind"),
        (LUXOS.replace('"10.0.0.1"', '"10.0.0.1", "10.0.0.1"'), "hosts should name each miner once"),
        (LUXOS.replace("oslo", "osla"), "no site 'osla': name one of oslo, texas"),
        (LUXOS + LUXOS, "executor 2: oslo has one already"),
        (LUXOS + 'group = "gpu"', "oslo has no machines 'gpu': name one of air_miner, hydro_miner"),
        (LUXOS + 'group = "cpu"', "group: should be one of air_miner, hydro_miner"),
        (LUXOS + 'group = "air_miner"\n' + LUXOS, "executor 2: oslo has one already"),
        (LUXOS + "lease_s = 1.0", "lease_s"),
        (
            LUXOS + 'group = "air_miner"\n' + LUXOS.replace("luxos", "asic") + 'group = "hydro_miner"',
            "executor 2: 10.0.0.1 is named by an earlier executor",
        ),
        (
            NVML + NVML.replace("oslo", "texas").replace('["0"]', '["1", "0"]'),
            "executor 2: GPU 0 is named by an earlier executor",
        ),
    ],
)
def test_an_executors_file_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "executors.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        specs_in(path, {"oslo": ("air_miner", "hydro_miner"), "texas": ("gpu",)})
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
