"""Executors against imitated devices, which refuse what real ones refuse."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mara.errors import ConfigError, DeviceError
from mara.signals.executors import luxos, modbus
from mara.signals.executors.driver import released
from mara.signals.executors.hold import Hold
from mara.signals.executors.luxos import LuxosMiners
from mara.signals.executors.modbus import ModbusSetpoint
from mara.signals.executors.posted_limit import PostedLimit
from mara.signals.executors.registry import specs_in
from tests.signals.fake_devices import SECRET, FakeController, FakeLuxos, FakeService, serving

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
UNIT_MW = 0.0035


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(luxos, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(modbus, "TIMEOUT_S", 0.3)


@pytest.fixture
def miners() -> Iterator[tuple[list[FakeLuxos], LuxosMiners]]:
    fakes = [FakeLuxos() for _ in range(4)]
    with ExitStack() as stack:
        ports = [stack.enter_context(serving(fake.answer)) for fake in fakes]
        yield fakes, LuxosMiners([f"127.0.0.1:{port}" for port in ports], UNIT_MW)


def modes(fakes: list[FakeLuxos]) -> list[str]:
    return [fake.mode for fake in fakes]


def test_miners_fall_asleep_in_their_order_and_wake_in_reverse(miners: tuple[list[FakeLuxos], LuxosMiners]) -> None:
    fakes, executor = miners
    owners = executor.read()
    for limit_mw, expected in ((2.5 * UNIT_MW, "SSNN"), (0.0, "SSSS"), (3 * UNIT_MW, "SNNN"), (None, "NNNN")):
        wanted = executor.state_for(limit_mw, owners)
        executor.apply(wanted)
        assert executor.read() == wanted
        assert [mode[0] for mode in modes(fakes)] == list(expected)


def test_only_curtail_is_sent_in_a_session_that_is_ended(miners: tuple[list[FakeLuxos], LuxosMiners]) -> None:
    fakes, executor = miners
    executor.apply(executor.state_for(0.0, executor.read()))
    assert fakes[0].commands == ["config", "config", "logon", "curtail", "logoff"]
    assert {fake.session for fake in fakes} == {""}
    executor.apply(executor.read())
    assert [fake.sessions_count for fake in fakes] == [1, 1, 1, 1], "what sleeps is not told again"


def test_a_miner_that_its_owner_put_to_sleep_is_never_woken(miners: tuple[list[FakeLuxos], LuxosMiners]) -> None:
    fakes, executor = miners
    fakes[3].mode = "Sleep"
    owners = executor.read()
    executor.apply(executor.state_for(2 * UNIT_MW, owners))
    assert modes(fakes) == ["Sleep", "None", "None", "Sleep"]
    executor.release(owners)
    assert modes(fakes) == ["None", "None", "None", "Sleep"]


@pytest.mark.parametrize(
    ("fault", "said"), [("silent", "does not answer"), ("refuse", "refused config"), ("session", "Another session")]
)
def test_one_miner_that_fails_is_named_and_the_others_are_told(
    miners: tuple[list[FakeLuxos], LuxosMiners], fault: str, said: str
) -> None:
    fakes, executor = miners
    wanted = executor.state_for(0.0, executor.read())
    fakes[1].fault, fakes[1].session = ("", "taken") if fault == "session" else (fault, "")
    with pytest.raises(DeviceError, match=said):
        executor.apply(wanted)
    assert modes(fakes)[1] == "None"
    if fault == "session":
        assert modes(fakes) == ["Sleep", "None", "Sleep", "Sleep"]


def test_a_hundred_miners_are_told_at_once() -> None:
    fakes = [FakeLuxos() for _ in range(100)]
    with ExitStack() as stack:
        hosts = [f"127.0.0.1:{stack.enter_context(serving(fake.answer))}" for fake in fakes]
        executor = LuxosMiners(hosts, UNIT_MW)
        executor.apply(executor.state_for(60 * UNIT_MW, executor.read()))
    assert modes(fakes) == ["Sleep"] * 40 + ["None"] * 60


@pytest.fixture
def controller() -> Iterator[tuple[FakeController, ModbusSetpoint]]:
    pytest.importorskip("pymodbus", reason="the extra `modbus` is not installed")
    fake = FakeController()
    with serving(fake.answer) as port:
        yield (
            fake,
            ModbusSetpoint(
                "127.0.0.1", port, 1, 100, mw_per_count=0.5, no_limit_counts=0xFFFF, least_mw=0.0, most_mw=30.0
            ),
        )


def test_a_register_takes_a_limit_rounded_down_and_gives_it_back(
    controller: tuple[FakeController, ModbusSetpoint],
) -> None:
    fake, executor = controller
    owners = executor.read()
    for limit_mw, counts in ((12.3, 24), (0.0, 0), (0.3, 0), (12.5, 25), (None, 0xFFFF)):
        wanted = executor.state_for(limit_mw, owners)
        executor.apply(wanted)
        assert (fake.value, executor.read()) == (counts, wanted)


def test_a_limit_of_the_owner_stays_the_most(controller: tuple[FakeController, ModbusSetpoint]) -> None:
    fake, executor = controller
    fake.value = 20
    owners = executor.read()
    assert executor.state_for(15.0, owners) == owners
    assert executor.state_for(None, owners) == owners
    assert executor.state_for(9.0, owners) == (("setpoint", 18),)


@pytest.mark.parametrize(("fault", "said"), [("silent", "does not answer"), ("refuse", "did not take 10")])
def test_a_controller_that_is_silent_or_refuses_is_a_failed_write(
    controller: tuple[FakeController, ModbusSetpoint], fault: str, said: str
) -> None:
    fake, executor = controller
    fake.fault = fault
    with pytest.raises(DeviceError, match=said):
        executor.apply((("setpoint", 10),))
    assert fake.value == 0xFFFF


def test_a_web_service_takes_signed_limits_and_gives_them_back() -> None:
    service = FakeService()
    with service.serving() as url:
        executor = PostedLimit(url, SECRET, 0.0, 60.0, lambda: NOW)
        owners = executor.read()
        executor.apply(executor.state_for(12.25, owners))
        assert (service.limit_mw, executor.read()) == (12.25, (("limit_mw", 12.25),))
        hold = Hold(site_id="oslo", spec={}, owners=owners, ours=((("limit_mw", 12.25),),))
        assert released(executor, hold, lambda _: None) == "limit_mw=none restored"
        with pytest.raises(DeviceError, match="does not answer"):
            PostedLimit(url, "another secret, a wrong one", 0.0, 60.0, lambda: NOW).read()
    assert service.written == [12.25, None]


LUXOS = '[[executor]]\nsite = "oslo"\nkind = "luxos"\nhosts = ["10.0.0.1"]\nunit_power_mw = 0.0035\n'


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
        (LUXOS + "lease_s = 1.0", "lease_s"),
    ],
)
def test_an_executors_file_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "executors.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        specs_in(path, ("oslo", "texas"))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
