"""Miners behind pyasic-rs: what that library does not tell is unknown, and never taken for a miner that runs."""

import socket
from collections.abc import Iterator

import pytest

from mara.errors import DeviceError
from mara.signals.executors.asic import asic_miners
from mara.signals.executors.luxos import PORT
from tests.signals.asics import FakeAsic, forget_library, reached_by_library
from tests.signals.devices import CLOCK, a_miner, serving

LUXOS_HOST = "127.0.0.94"
"""An address of this machine: the library asks at one port alone."""


@pytest.fixture
def miner() -> Iterator[FakeAsic]:
    fake = FakeAsic("10.0.0.1")
    with reached_by_library([fake]):
        yield fake
    forget_library()


def test_a_miner_that_tells_nothing_is_unknown_and_not_running(miner: FakeAsic) -> None:
    executor = asic_miners([miner.ip], 0.0035, None, CLOCK.monotonic_s)
    executor.apply(((miner.ip, "sleep"),))
    assert executor.read() == ((miner.ip, "sleep"),)
    miner.tells = False
    with pytest.raises(DeviceError, match="does not tell its hashrate"):
        executor.read()


def test_a_miner_whose_firmware_never_tells_whether_it_sleeps_is_refused(miner: FakeAsic) -> None:
    miner.firmware = "LuxOS"
    executor = asic_miners([miner.ip], 0.0035, None, CLOCK.monotonic_s)
    with pytest.raises(DeviceError, match="name it as luxos"):
        executor.read()
    with pytest.raises(DeviceError, match="name it as luxos"):
        executor.apply(((miner.ip, "sleep"),))
    assert miner.history == []


def test_the_library_itself_knows_a_miner_with_luxos_by_its_replies() -> None:
    pytest.importorskip("pyasic_rs", reason="the extra `asic` is not installed")
    with socket.socket() as probe:
        try:
            probe.bind((LUXOS_HOST, PORT))
        except OSError:
            pytest.skip(f"{LUXOS_HOST}:{PORT} cannot be listened at")
    miner = a_miner()
    with serving(miner.answer, LUXOS_HOST, PORT), pytest.raises(DeviceError, match=f"{LUXOS_HOST} runs LuxOS"):
        asic_miners([LUXOS_HOST], 0.0035, None, CLOCK.monotonic_s).read()
    assert "version" in miner.commands
    assert "curtail" not in miner.commands
