"""The driver of a site's devices: its writes, their times, and skipped writes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mara.errors import DeviceError, StoreError
from mara.signals.executors.base import Capabilities, DeviceState
from mara.signals.executors.driver import Driver, WritePace, bounded
from mara.signals.executors.hold import HOLD, HoldFile, hold_in
from mara.signals.executors.ownership import released

OWNERS: DeviceState = (("limit", None),)


class Killed(BaseException):
    """Exception that stands for the end of the process at this point."""


class Register:
    """A device with one limit, which records its history."""

    kind = "register"

    def __init__(self) -> None:
        self.state: DeviceState = OWNERS
        self.history: list[object] = []
        self.fault: Callable[[DeviceState], DeviceState] = lambda state: state

    def capabilities(self) -> Capabilities:
        return Capabilities(device="register", least_mw=5.0, most_mw=50.0, step_mw=0.0)

    def read(self) -> DeviceState:
        return self.state

    def state_for(self, limit_mw: float | None, owners: DeviceState, pinned: DeviceState = ()) -> DeviceState:
        return owners if limit_mw is None else (("limit", limit_mw),)

    def apply(self, changes: DeviceState) -> None:
        self.state = self.fault(changes)
        self.history.append(dict(self.state)["limit"])


class Site:
    """A driver over a register, with a clock and a log that a test controls."""

    def __init__(self, folder: Path, pace: WritePace | None = None) -> None:
        self.register = Register()
        self.now_s = 1_000.0
        self.logged: list[tuple[str, str, str]] = []
        self.log_fault: Exception | None = None
        self.has_lease = True
        self.holds = folder
        self.driver = self.another(pace)

    def another(self, pace: WritePace | None = None) -> Driver:
        def log(kind: str, reason: str, before: str, after: str) -> None:
            del reason
            if self.log_fault is not None:
                raise self.log_fault
            self.logged.append((kind, before, after))

        return Driver(
            self.register,
            HoldFile(self.holds, self.holds / "locks", "oslo"),
            {"kind": "register"},
            pace or WritePace(least_interval_s=0.0),
            log,
            lease=lambda: "a lease" if self.has_lease else "",
            monotonic_s=lambda: self.now_s,
        )

    def follow(self, limit_mw: float | None, *, is_dry: bool = False) -> str:
        return self.driver.follow(limit_mw, "a test", is_dry=is_dry).state

    def found_by_the_watchdog(self) -> str:
        (path,) = self.holds.glob(f"*{HOLD}")
        return released(self.register, hold_in(path), lambda _: None)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_write_is_held_and_logged_before_it_leaves_and_counts_once_read_back(site: Site) -> None:
    def looked_at(state: DeviceState) -> DeviceState:
        assert site.logged == [("write", "limit=none", "limit=20.0")]
        assert hold_in(next(site.holds.glob(f"*{HOLD}"))).owners == OWNERS
        return state

    site.register.fault = looked_at
    status = site.driver.follow(20.0, "a test", is_dry=False)
    assert (status.state, status.message) == ("written", "limit=20.0, read back")


def test_the_same_limit_is_written_once(site: Site) -> None:
    assert [site.follow(20.0) for _ in range(3)] == ["written"] * 3
    assert site.register.history == [20.0]


def test_none_zero_and_a_number_are_three_things(site: Site) -> None:
    for limit_mw in (20.0, 0.0, None):
        site.follow(limit_mw)
    assert site.register.history == [20.0, 0.0, None]


@pytest.mark.parametrize(("limit_mw", "within_mw"), [(None, None), (0.0, 0.0), (2.0, 5.0), (20.0, 20.0), (70.0, 50.0)])
def test_no_limit_is_outside_what_the_device_takes(limit_mw: float | None, within_mw: float | None) -> None:
    assert bounded(limit_mw, Register().capabilities()) == within_mw


def test_a_release_brings_back_what_the_owner_had_set(site: Site) -> None:
    site.register.state = (("limit", 45.0),)
    site.follow(20.0)
    site.follow(10.0)
    assert site.driver.release("the test ends").state == "released"
    assert site.register.state == (("limit", 45.0),)
    assert site.logged[-1] == ("release", "limit=10.0", "limit=45.0")
    assert not list(site.holds.glob(f"*{HOLD}"))


def test_what_somebody_else_sets_is_left_alone_until_a_person_decides(site: Site) -> None:
    site.follow(20.0)
    site.register.state = (("limit", 33.0),)
    assert [site.follow(10.0) for _ in range(3)] == ["override"] * 3
    assert [kind for kind, _, _ in site.logged] == ["write", "override"]
    assert "left alone" in site.driver.release("disarmed").message
    assert (site.register.state, site.register.history) == ((("limit", 33.0),), [20.0])
    assert site.follow(10.0) == "written", "armed again, it goes on from there"
    site.driver.release("the test ends")
    assert site.register.state == (("limit", 33.0),)


def test_a_write_that_reads_back_otherwise_does_not_count_and_is_tried_again(site: Site) -> None:
    site.register.fault = lambda _: OWNERS
    assert [site.follow(20.0), site.follow(20.0)] == ["failed", "failed"]
    site.register.fault = lambda state: state
    assert site.follow(20.0) == "written"
    assert [kind for kind, _, _ in site.logged].count("refused") == 1


def test_nothing_is_written_that_cannot_be_logged(site: Site) -> None:
    site.log_fault = StoreError("the disk is full")
    with pytest.raises(StoreError):
        site.follow(20.0)
    assert site.register.history == []


def test_nothing_is_written_without_a_lease(site: Site) -> None:
    site.has_lease = False
    assert (site.follow(20.0), site.register.history) == ("failed", [])


def test_a_dry_run_logs_what_it_would_write_once_and_writes_nothing(site: Site) -> None:
    assert [site.follow(20.0, is_dry=True) for _ in range(3)] == ["ready"] * 3
    assert (site.register.history, site.logged) == ([], [("planned", "limit=none", "limit=20.0")])
    assert not list(site.holds.glob(f"*{HOLD}"))


def test_writes_are_no_closer_than_their_least_interval(tmp_path: Path) -> None:
    site = Site(tmp_path, WritePace(least_interval_s=10.0))
    site.follow(20.0)
    site.now_s += 9.0
    assert site.follow(10.0) == "ready"
    site.now_s += 1.0
    assert site.follow(10.0) == "written"
    assert site.register.history == [20.0, 10.0]


def test_a_limit_moves_no_faster_than_its_ramp(tmp_path: Path) -> None:
    site = Site(tmp_path, WritePace(least_interval_s=0.0, ramp_mw_per_minute=12.0))
    for _ in range(4):
        site.now_s += 60.0
        site.follow(20.0)
    assert site.register.history == [38.0, 26.0, 20.0], "from 50 MW, 12 a minute"


def test_a_limit_does_not_rise_before_the_time_that_a_document_names(site: Site) -> None:
    site.follow(20.0)
    for limit_mw, now_s in ((None, 1_100.0), (30.0, 1_200.0), (10.0, 1_300.0), (30.0, 1_400.0)):
        site.now_s = now_s
        site.driver.follow(limit_mw, "a test", is_dry=False, not_before_s=1_350.0)
    assert site.register.history == [20.0, 10.0, 30.0]


def test_a_second_writer_is_refused(site: Site) -> None:
    site.follow(20.0)
    other = Site(site.holds / "other")
    other.register = site.register
    other.driver = Driver(
        site.register,
        HoldFile(site.holds / "other", site.holds / "locks", "oslo"),
        {},
        WritePace(least_interval_s=0.0),
        lambda *_: None,
        lease=lambda: "another",
        monotonic_s=lambda: 0.0,
    )
    status = other.driver.follow(10.0, "a test", is_dry=False)
    assert (status.state, site.register.history) == ("failed", [20.0])
    assert "another Mara writes the devices of oslo" in status.message


@pytest.mark.parametrize("is_applied", [False, True])
def test_wherever_a_write_is_broken_off_the_watchdog_finds_the_owners_state(site: Site, is_applied: bool) -> None:
    site.follow(20.0)

    def dies(state: DeviceState) -> DeviceState:
        if is_applied:
            site.register.state = state
        raise Killed

    site.register.fault = dies
    with pytest.raises(Killed):
        site.follow(10.0)
    site.register.fault = lambda state: state
    assert "restored" in site.found_by_the_watchdog()
    assert site.register.state == OWNERS


def test_a_device_that_does_not_take_its_owners_state_back_stays_held(site: Site) -> None:
    site.follow(20.0)
    site.register.fault = lambda _: (("limit", 20.0),)
    assert site.driver.release("the test ends").state == "failed"
    with pytest.raises(DeviceError, match="was to be restored"):
        site.found_by_the_watchdog()
    site.register.fault = lambda state: state
    assert site.driver.release("the test ends").state == "released"
    assert site.register.state == OWNERS
