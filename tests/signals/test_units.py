"""Many units behind one executor: least times on and off, silent ones, and what is given back one by one."""

from pathlib import Path

import pytest

from mara.errors import DeviceError
from mara.signals.executors.base import DeviceState
from mara.signals.executors.driver import Driver, WritePace
from mara.signals.executors.hold import HOLD, HoldFile, hold_in
from mara.signals.executors.switched import SwitchedUnits

HOSTS = ("a", "b", "c", "d")
UNIT_MW = 1.0


class Units:
    """Four units that run or sleep, some of which may be silent, and a driver over them."""

    def __init__(self, folder: Path, pace: WritePace | None = None) -> None:
        self.now_s = 1_000.0
        self.states = dict.fromkeys(HOSTS, "wakeup")
        self.silent: set[str] = set()
        self.folder = folder
        self.executor = SwitchedUnits("units", HOSTS, UNIT_MW, self.tell, lambda: self.now_s)
        self.driver = Driver(
            self.executor,
            HoldFile(folder, folder / "locks", "oslo", "air_miner"),
            {},
            pace or WritePace(least_interval_s=0.0),
            lambda *_: None,
            lease=lambda: "a lease",
            monotonic_s=lambda: self.now_s,
        )

    def tell(self, host: str, wanted: str | None) -> str:
        if host in self.silent:
            raise DeviceError(f"{host} does not answer")
        self.states[host] = wanted or self.states[host]
        return self.states[host]

    def follow(self, limit_mw: float | None, *, is_urgent: bool = False, not_before_s: float = float("-inf")) -> str:
        self.now_s += 100.0
        self.driver.follow(limit_mw, "a test", is_dry=False, is_urgent=is_urgent, not_before_s=not_before_s)
        return "".join(state[0] for state in self.states.values())

    @property
    def owners(self) -> DeviceState:
        (path,) = self.folder.glob(f"*{HOLD}")
        return hold_in(path).owners


@pytest.fixture
def units(tmp_path: Path) -> Units:
    return Units(tmp_path)


def test_a_unit_that_was_switched_a_short_time_ago_stays_and_others_take_its_place(tmp_path: Path) -> None:
    units = Units(tmp_path, WritePace(least_interval_s=0.0, least_on_s=250.0, least_off_s=250.0))
    assert units.follow(2.0) == "ssww"
    assert (units.follow(3.0), units.driver.is_due) == ("ssww", True)
    assert units.follow(3.0) == "ssww"
    assert (units.follow(3.0), units.driver.is_due) == ("swww", False)
    assert units.follow(2.0) == "swsw", "b has just begun to run"


def test_no_unit_is_woken_before_the_time_that_a_document_names(units: Units) -> None:
    assert units.follow(0.0) == "ssss"
    earliest_s = units.now_s + 250.0
    assert (units.follow(None, not_before_s=earliest_s), units.driver.is_due) == ("ssss", True)
    assert units.follow(2.0, is_urgent=True, not_before_s=earliest_s) == "ssss"
    assert (units.follow(None, not_before_s=earliest_s), units.driver.is_due) == ("wwww", False)


def test_an_urgent_limit_is_kept_whatever_pace_ramp_and_least_times_say(tmp_path: Path) -> None:
    slow = WritePace(least_interval_s=3_600.0, ramp_mw_per_minute=0.1, least_on_s=3_600.0, least_off_s=3_600.0)
    units = Units(tmp_path, slow)
    assert units.follow(1.0, is_urgent=True) == "sssw"
    assert (units.follow(0.0), units.follow(0.0, is_urgent=True)) == ("sssw", "ssss")


def test_a_silent_unit_counts_as_running_and_is_told_when_it_answers(units: Units) -> None:
    units.silent = {"a"}
    assert units.follow(2.0) == "wssw"
    assert "1 of 4 do not answer" in units.driver.follow(2.0, "a test", is_dry=False).message
    units.silent = set()
    assert units.follow(2.0) == "ssww"
    assert units.owners == tuple((host, "wakeup") for host in HOSTS)


def test_a_unit_that_answers_again_is_no_override_whatever_it_was_told_before(units: Units) -> None:
    assert units.follow(3.0) == "swww"
    units.silent = {"a"}
    assert units.follow(2.0) == "sssw", "a may be running"
    units.silent, units.states["a"] = set(), "wakeup"  # it has started anew
    assert units.follow(2.0) == "ssww"
    assert not units.driver.is_overridden


def test_those_that_answer_are_given_back_and_the_others_when_they_do(units: Units) -> None:
    units.follow(1.0)
    units.silent = {"b"}
    failed = units.driver.release("disarmed")
    assert (failed.state, units.driver.is_holding) == ("failed", True)
    assert failed.message == "1 do not answer and may still be limited, b the first: see to their link"
    assert units.states == {"a": "wakeup", "b": "sleep", "c": "wakeup", "d": "wakeup"}
    units.silent, units.now_s = set(), units.now_s + 100.0
    assert units.driver.release("tried again").state == "released"
    assert set(units.states.values()) == {"wakeup"}


def test_a_unit_that_its_owner_put_to_sleep_while_it_was_silent_stays_asleep(units: Units) -> None:
    units.silent, units.states["d"] = {"d"}, "sleep"
    assert units.follow(2.0) == "ssws"
    units.silent = set()
    assert units.follow(None) == "wwws"
    assert units.driver.release("disarmed").state == "released"
    assert units.states["d"] == "sleep"
