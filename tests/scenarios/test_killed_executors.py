"""A Mara killed at any moment leaves its devices as their owner had them, within the lease.

No device was told what it does not take, no write is without a line in the log, and no acknowledged reading is lost.
KILLS=50 in the environment makes a soak test of it, in which some processes are stopped and not killed.
"""

import os
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from mara.signals.executors.hold import HOLD
from mara.signals.executors.nvml import watts_text
from mara.store import maintenance
from tests.forks import begun
from tests.runtime.desks import desks_in
from tests.scenarios.killed_executors import ARMED, LIBRARY, acted
from tests.signals.asics import forget_library, write_library
from tests.signals.devices import CLOCK
from tests.signals.gpus import library_folder
from tests.signals.rigs import KINDS, Rig, rig_of, write_executors
from tests.store.databases import url_of

KILL_COUNT = int(os.environ.get("KILLS", "2"))
STOPPED_EVERY = 10
"""Of so many processes one is stopped for longer than its lease, as a hanging one is."""
LEASE_S = 10.0
SLOWEST_START_S = 60.0
LONGEST_LIFE_S = 0.2


PLACES = {
    "webhook": ("site0", ""),
    "modbus": ("site2", ""),
    "luxos": ("site1", "air_miner"),
    "asic": ("site1", "hydro_miner"),
    "kueue": ("site1", "gpu"),
    "nvml": ("site1", "asic"),
}
"""Sites and groups of machines of each kind of device, of which each process has all."""


@pytest.fixture
def rigs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Rig]]:
    pytest.importorskip("pymodbus", reason="the extra `modbus` is not installed")
    write_library(tmp_path / LIBRARY)
    for module in ("pyasic_rs", "pyasic_rs.factory"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path / LIBRARY))
    with ExitStack() as links:
        kinds = [kind for kind in KINDS if kind != "nvml" or library_folder() is not None]
        made = [links.enter_context(rig_of(kind, is_linked=True)) for kind in kinds]
        for rig in made:
            site_id, group = PLACES[rig.kind]
            rig.spec.update(site=site_id, **({"group": group} if group else {}))
        write_executors(tmp_path, *made)
        yield made
    forget_library()


class Life:
    """A process that acts, and the readings that it acknowledged."""

    def __init__(self, folder: Path, rigs: list[Rig]) -> None:
        self.folder = folder
        self.acknowledged: set[int] = set()
        gpus = next((rig.driver.state for rig in rigs if rig.driver is not None), None)
        self._child, self._here = begun(acted, folder, gpus)
        assert self._here.poll(SLOWEST_START_S)
        assert self._here.recv() == ARMED

    @property
    def holds(self) -> list[Path]:
        return list((self.folder / "holds").glob(f"*{HOLD}"))

    def send(self, number: int) -> None:
        assert self._child.pid is not None
        os.kill(self._child.pid, number)

    def live(self, duration_s: float) -> None:
        end_s = CLOCK.monotonic_s() + duration_s
        while (left_s := end_s - CLOCK.monotonic_s()) > 0.0:
            if self._here.poll(left_s):
                self.acknowledged.add(self._here.recv())

    def live_until_written(self, rigs: list[Rig]) -> None:
        """Live until a device of each kind has been told something."""
        end_s = CLOCK.monotonic_s() + SLOWEST_START_S
        counts = [len(rig.devices[0].history) for rig in rigs]
        while any(len(rig.devices[0].history) == count for rig, count in zip(rigs, counts, strict=True)):
            assert CLOCK.monotonic_s() < end_s, "nothing was written"
            self.live(0.01)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self._child.join(SLOWEST_START_S)
        try:
            while self._here.poll(0):
                self.acknowledged.add(self._here.recv())
        except (EOFError, OSError):
            pass  # the process died between two messages, or within one
        self._here.close()

    def wait_until_given_back(self, rigs: list[Rig], *, is_alive: bool = False) -> None:
        """Another process gives back: its end is seen by the files of what is held, unless Mara lives."""
        end_s = CLOCK.monotonic_s() + LEASE_S
        while not all(rig.is_owners for rig in rigs) or (self.holds and not is_alive):
            left = [rig.values for rig in rigs if not rig.is_owners]
            assert CLOCK.monotonic_s() < end_s, (left, self.holds)
            Event().wait(0.02)


def stored(folder: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "mara.db")) as database:
        return database.execute(question).fetchall()


def assert_all_is_logged(folder: Path, rigs: list[Rig]) -> None:
    """Check that devices took no value more often than the log has it."""
    told = [
        str(text)
        for row in stored(folder, "SELECT after_state, reason FROM signal_log WHERE kind IN ('write', 'release')")
        for text in row
    ]
    for rig in rigs:
        for device, port in zip(rig.devices, rig.ports, strict=True):
            for value, times in Counter(device.history).items():
                words = _words(rig.kind, value, port)
                assert sum(any(one in text for one in words) for text in told) >= times, (rig.kind, value, times)


def _words(kind: str, value: object, port: int) -> tuple[str, ...]:
    """Forms that a setting has in the log."""
    if kind == "webhook":
        return (f"limit_mw={'none' if value is None else value}",)
    if kind == "modbus":
        return (f"setpoint={value}",)
    if kind == "kueue":
        policy, count = str(value).split()
        return (f"stopPolicy={policy}",) if policy == "Hold" else (f"quota={count}", "stopPolicy=None restored")
    if kind == "nvml":
        return (f"{port:08d}={watts_text(int(str(value)))}",)
    return (f":{port}={'sleep' if value in {'Sleep', 'paused'} else 'wakeup'}",)


async def test_a_mara_killed_while_it_writes_leaves_devices_as_their_owner_had_them(
    rigs: list[Rig], tmp_path: Path
) -> None:
    rng = np.random.default_rng(KILL_COUNT)
    acknowledged: set[int] = set()
    for number in range(1, KILL_COUNT + 1):
        life = Life(tmp_path, rigs)
        if number % 3:  # the others die at their start
            life.live_until_written(rigs)
        life.live(float(rng.uniform(0.0, LONGEST_LIFE_S)))
        if number % STOPPED_EVERY == 0:
            life.send(signal.SIGSTOP)
            Event().wait(LEASE_S)  # nothing tells that a process is silent but its silence
            life.wait_until_given_back(rigs, is_alive=True)
            life.send(signal.SIGCONT)
            life.live(LONGEST_LIFE_S)
        life.kill()
        life.wait_until_given_back(rigs)
        acknowledged |= life.acknowledged
    async with desks_in(tmp_path, CLOCK):
        assert all(rig.is_owners for rig in rigs)
    assert all(rig.devices[0].history for rig in rigs), "something was written to each"
    assert [rig.outside for rig in rigs] == [[]] * len(rigs)
    assert acknowledged <= {row[0] for row in stored(tmp_path, "SELECT at_epoch_ms FROM telemetry")}
    assert maintenance.check(url_of(tmp_path / "mara.db")).findings == ()
    assert_all_is_logged(tmp_path, rigs)
