"""Every fault against every executor: the devices end as their owner had them, and plain words say why not yet."""

import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mara.core.metering import ExecutorStatus
from mara.signals import nvidia
from mara.signals.executors import asic, http_call, luxos, modbus
from mara.signals.executors.driver import Driver, WritePace
from mara.signals.executors.hold import HoldFile
from mara.signals.executors.watchdog import release_all
from mara.signals.imitations import serving
from mara.signals.imitations.kube_api import TOKEN
from tests.signals.devices import CLOCK, SECRET
from tests.signals.rigs import KINDS, SITE, Rig, rig_of

PATIENCE_S = 0.5
SHORT_PATIENCE_S = 0.1
"""Patience where it is known to run out."""
DROP_S = 0.02
"""Pause between the bytes of an answer in drops, each of which comes within the patience."""
LOW_MW, LOWER_MW = 1.0, 0.5
"""Limits within what each kind of device takes: two of three miners sleep, or all but one half."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for(PATIENCE_S, monkeypatch)


def wait_for(patience_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every executor wait so long for an answer."""
    monkeypatch.setattr(luxos, "TIMEOUT_S", patience_s)
    monkeypatch.setattr(modbus, "TIMEOUT_S", patience_s)
    monkeypatch.setattr(asic, "TIMEOUT_S", patience_s)
    monkeypatch.setattr(http_call, "DEADLINE_S", patience_s)
    monkeypatch.setattr(nvidia, "TIMEOUT_S", patience_s)


class Driven:
    """Imitated devices with a driver, and what it wrote into the log."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        pytest.importorskip("pymodbus", reason="the extra `modbus` is not installed")
        self.rig = rig
        self.folder = folder
        self.logged: list[tuple[str, str, str]] = []
        self.driver = self.another(folder)

    def another(self, folder: Path) -> Driver:
        def log(kind: str, _: str, before: str, after: str) -> None:
            self.logged.append((kind, before, after))

        hold = HoldFile(folder, self.folder / "locks", SITE)
        pace = WritePace(least_interval_s=0.0)
        return Driver(
            self.rig.executor,
            hold,
            self.rig.spec,
            pace,
            log,
            lease=lambda: "a lease",
            monotonic_s=CLOCK.monotonic_s,
        )

    def follow(self, limit_mw: float | None) -> ExecutorStatus:
        began_s = CLOCK.monotonic_s()
        status = self.driver.follow(limit_mw, "a test", is_dry=False)
        assert CLOCK.monotonic_s() - began_s < 20 * PATIENCE_S, "a fault holds a site up for a bounded time"
        return status

    def written(self) -> list[object]:
        """Bring the devices to a limit, which they take."""
        assert self.follow(LOW_MW).state == "written"
        assert not self.rig.is_owners
        return self.rig.values

    def assert_given_back(self) -> None:
        assert self.driver.release("the test ends").state == "released"
        assert self.rig.is_owners
        assert self.rig.outside == []
        assert not self.driver.is_holding


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driven]:
    with rig_of(request.param) as rig:
        yield Driven(rig, tmp_path)


SILENCE = r"(cannot be reached|does not answer)"


def test_a_lost_link_leaves_a_site_held_until_it_answers_and_is_given_back(site: Driven) -> None:
    limited = site.written()
    site.rig.cut()
    failed = site.follow(LOWER_MW)
    assert (failed.state, site.rig.values) == ("failed", limited)
    assert re.search(SILENCE, failed.message)
    assert site.driver.release("disarmed").state == "failed"
    assert site.driver.is_holding, "who does not answer is given back later"
    site.rig.link()
    site.assert_given_back()


@pytest.mark.parametrize("fault", ["silent", "slow"])
def test_a_half_open_socket_or_an_answer_in_drops_is_given_up_in_time(
    site: Driven, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "DROP_S", DROP_S)
    limited = site.written()
    site.rig.break_down(fault)
    wait_for(SHORT_PATIENCE_S, monkeypatch)
    failed = site.follow(LOWER_MW)
    wait_for(PATIENCE_S, monkeypatch)
    assert (failed.state, site.rig.values) == ("failed", limited)
    assert re.search(r"does not answer .*within 0\.1 s", failed.message)
    site.rig.break_down("")
    site.assert_given_back()


def test_a_refused_write_does_not_count_and_is_told_with_the_reason(site: Driven) -> None:
    site.rig.break_down("refuse")
    failed = site.follow(LOW_MW)
    assert failed.state == "failed"
    assert re.search(r"refused|did not take", failed.message)
    assert site.rig.is_owners
    assert site.driver.is_due, "it is tried again"
    site.rig.break_down("")
    site.written()
    site.assert_given_back()


def test_a_write_that_reads_back_otherwise_does_not_count(site: Driven) -> None:
    site.rig.break_down("ignore")
    failed = site.follow(LOW_MW)
    assert failed.state == "failed"
    assert re.search(r"was written, .* was read back: it does not count", failed.message)
    site.rig.break_down("")
    site.assert_given_back()


def test_a_device_that_takes_another_value_than_it_was_given_is_given_back_all_the_same(
    site: Driven, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands right after a write is its effect, and no override by hand."""
    executor = site.driver._executor
    apply = executor.apply

    def clamped(changes: object) -> None:
        apply(changes)  # type: ignore[arg-type]
        site.rig.set_by_hand()

    monkeypatch.setattr(executor, "apply", clamped)
    assert "it does not count" in site.follow(LOW_MW).message
    monkeypatch.undo()
    assert site.follow(LOWER_MW).state == "written"
    site.assert_given_back()


@pytest.mark.parametrize("is_done", [True, False])
def test_a_reboot_in_the_middle_of_a_write_is_written_again(site: Driven, is_done: bool) -> None:
    site.rig.break_down("reboot")
    failed = site.follow(LOW_MW)
    assert failed.state == "failed"
    assert re.search(r"does not answer|broke off", failed.message)
    site.rig.break_down("")
    if not is_done:  # it forgot what it was told
        for device in site.rig.devices:
            setattr(device, site.rig.attribute, site.rig.owners)
    assert site.follow(LOW_MW).state == "written"
    site.assert_given_back()


def test_a_second_writer_is_refused_and_changes_nothing(site: Driven) -> None:
    limited = site.written()
    refused = site.another(site.folder / "other").follow(LOWER_MW, "a test", is_dry=False)
    assert (refused.state, site.rig.values) == ("failed", limited)
    assert "another Mara writes the devices" in refused.message
    site.assert_given_back()


def test_what_somebody_sets_by_hand_is_left_alone_and_the_rest_given_back(site: Driven) -> None:
    site.written()
    site.rig.set_by_hand()
    stopped = site.follow(LOWER_MW)
    assert (stopped.state, site.rig.values[0]) == ("override", site.rig.by_hand)
    assert re.search(r"somebody set .*: not written until a person arms the site again", stopped.message)
    assert site.follow(None).state == "override"
    assert site.driver.release("disarmed").state == "released"
    assert site.rig.values == [site.rig.by_hand, *[site.rig.owners] * (len(site.rig.devices) - 1)]
    assert site.rig.outside == []


def test_no_write_reaches_a_device_without_a_line_in_the_log(site: Driven) -> None:
    for limit_mw in (LOW_MW, LOWER_MW, 0.0, None):
        before = site.rig.values
        count = len(site.logged)
        site.follow(limit_mw)
        assert (len(site.logged) - count == 1) is (site.rig.values != before)
    site.assert_given_back()


def test_what_is_kept_of_a_device_holds_no_secret_and_is_read_by_its_owner_alone(
    site: Driven, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.written()
    site.rig.break_down("refuse")
    said = site.follow(LOWER_MW).message
    site.rig.break_down("")
    kept = [path for path in site.folder.rglob("*") if path.is_file()]
    assert [path.stat().st_mode & 0o077 for path in kept] == [0] * len(kept)
    text = b"".join(path.read_bytes() for path in kept).decode() + str(site.logged) + said + caplog.text
    assert SECRET not in text
    assert TOKEN not in text
    site.assert_given_back()


class Killed(BaseException):
    """Exception that stands for the end of the process at this point."""


class Death:
    """Ends a driver at one of the calls by which it reaches disk, log and devices, before or after its effect."""

    def __init__(self, at: int) -> None:
        self.left = at

    def before_and_after(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any) -> Any:
            self.pass_by()
            answer = call(*given)
            self.pass_by()
            return answer

        return called

    def pass_by(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


MOMENTS = 50
"""Moments at which drivers are ended while they follow four limits.

Each kind has a fifth of them; with KILLS in the environment it has all.
"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_driver_that_ends_at_any_of_its_moments_leaves_what_a_watchdog_can_give_back(
    kind: str, tmp_path: Path
) -> None:
    moments = range(MOMENTS) if "KILLS" in os.environ else range(KINDS.index(kind), MOMENTS, len(KINDS))
    deaths = 0
    with rig_of(kind) as rig:
        for moment in moments:
            folder = tmp_path / str(moment)
            site, death = Driven(rig, folder), Death(moment)
            driver = site.driver
            driver._executor.apply = death.before_and_after(driver._executor.apply)  # type: ignore[method-assign]
            driver._executor.read = death.before_and_after(driver._executor.read)  # type: ignore[method-assign]
            driver._hold.write = death.before_and_after(driver._hold.write)  # type: ignore[method-assign]
            driver._log = death.before_and_after(driver._log)
            try:
                for limit_mw in (LOW_MW, LOWER_MW, 0.0, None):
                    driver.follow(limit_mw, "a test", is_dry=False)
            except Killed:
                deaths += 1
            driver._hold.unlock()  # as the end of a process does
            release_all(folder, SECRET, CLOCK.now, CLOCK.monotonic_s, lambda _: None, tries=1)
            assert rig.is_owners, (moment, rig.values)
            assert not driver.is_holding
            for device in rig.devices:
                logged_count = sum(kind == "write" for kind, _, _ in site.logged)
                assert len(device.history) <= logged_count + 1, "a line for each write, and one of the release"
                device.history.clear()
    assert (deaths > len(moments) / 2, rig.outside) == (True, [])
