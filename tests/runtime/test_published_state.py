"""The published state: each change is a new version, the last snapshot stays."""

from mara.runtime.clock import SystemClock
from mara.runtime.published_state import EngineState, StatePublisher
from tests.ui.snapshots import snapshot_at


def test_every_change_is_a_new_version() -> None:
    publisher = StatePublisher()
    assert publisher.read().version == 0
    publisher.publish(snapshot_at(1))
    assert publisher.read().version == 1
    publisher.mark(EngineState.PAUSED)
    assert publisher.read().version == 2
    publisher.set_speed(60.0)
    assert publisher.read().version == 3


def test_a_state_needs_no_new_picture_and_a_new_picture_means_that_all_is_well() -> None:
    publisher = StatePublisher()
    publisher.publish(snapshot_at(1))
    publisher.mark(EngineState.DEGRADED, "disk full")
    shown = publisher.read()
    assert (shown.state, shown.reason) == (EngineState.DEGRADED, "disk full")
    assert shown.snapshot == snapshot_at(1)
    publisher.publish(snapshot_at(2))
    shown = publisher.read()
    assert (shown.state, shown.reason) == (EngineState.RUNNING, "")


def test_what_was_read_does_not_change_afterwards() -> None:
    publisher = StatePublisher()
    before = publisher.read()
    publisher.publish(snapshot_at(1))
    assert before.snapshot is None
    assert before.version == 0


def test_the_machine_s_clock_paces_by_a_time_that_never_steps_back_and_stamps_in_utc() -> None:
    clock = SystemClock()
    times = [clock.monotonic_s() for _ in range(100)]
    assert times == sorted(times)
    assert clock.now().utcoffset() is not None
    assert clock.now().tzname() == "UTC"
    assert clock.cpu_s() <= clock.cpu_s()
