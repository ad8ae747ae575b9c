"""Power limits of GPUs: shared out, within bounds, and given back as found."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mara.core.metering import Reading
from mara.errors import ConfigError, DeviceError
from mara.signals import nvidia
from mara.signals.executors.driver import Driver, WritePace
from mara.signals.executors.hold import HoldFile
from mara.signals.executors.nvml import GpuLimits, milliwatts_in, watts_text
from mara.signals.executors.ownership import changes_to
from mara.signals.executors.registry import spec_of
from mara.signals.meters.registry import meters_in
from tests.signals.devices import CLOCK
from tests.signals.gpus import KILOWATT, ImitatedDriver, imitated_gpus

PATIENCE_S = 30.0
OWNERS = [700, 650, 700]


@pytest.fixture
def driver() -> Iterator[ImitatedDriver]:
    """Give the middle GPU a limit by its owner."""
    with imitated_gpus() as made:
        made.gpus[1].limit = 650 * KILOWATT
        yield made


@pytest.fixture
def executor(driver: ImitatedDriver) -> GpuLimits:
    return GpuLimits([gpu.uuid for gpu in driver.gpus], 0.0)


def kilowatts(driver: ImitatedDriver) -> list[float]:
    return [gpu.limit / KILOWATT for gpu in driver.gpus]


def driven(executor: GpuLimits, folder: Path) -> Driver:
    return Driver(
        executor,
        HoldFile(folder, folder / "locks", "oslo", "gpu"),
        {},
        WritePace(least_interval_s=0.0),
        lambda *_: None,
        lease=lambda: "a lease",
        monotonic_s=CLOCK.monotonic_s,
    )


@pytest.mark.parametrize(
    ("limit_mw", "other_power_mw", "expected"),
    [
        (1.175, 0.0, [400.0, 375.0, 400.0]),
        (1.275, 0.1, [400.0, 375.0, 400.0]),
        (1.0, 0.0, [340.0, 320.0, 340.0]),
        (0.9999, 0.0, [339.965, 319.968, 339.965]),
        (0.3, 0.0, [100.0] * 3),
        (0.0, 0.0, [100.0] * 3),
        (0.35, 0.1, [100.0] * 3),
        (2.05, 0.0, OWNERS),
        (90.0, 0.0, OWNERS),
        (None, 0.0, OWNERS),
    ],
)
def test_each_gpu_gets_the_same_part_of_what_its_owner_leaves_it_in_whole_watts(
    driver: ImitatedDriver, limit_mw: float | None, other_power_mw: float, expected: list[float]
) -> None:
    executor = GpuLimits([gpu.uuid for gpu in driver.gpus], other_power_mw)
    owners = executor.read()
    wanted = executor.state_for(limit_mw, owners)
    executor.apply(changes_to(wanted, owners))
    assert (executor.read(), kilowatts(driver)) == (wanted, expected)
    assert [gpu.outside for gpu in driver.gpus] == [[]] * 3


def test_gpus_are_also_found_by_their_index(driver: ImitatedDriver) -> None:
    assert GpuLimits(["2", "1"], 0.0).read() == (("2", "700000 W"), ("1", "650000 W"))


@pytest.mark.parametrize("milliwatts", [0, 1, 100_000, 312_500, 4_294_967_295])
def test_a_limit_is_kept_to_the_milliwatt(milliwatts: int) -> None:
    assert milliwatts_in(watts_text(milliwatts)) == milliwatts


def test_a_stop_tells_the_least_limit_and_says_that_it_is_not_what_was_asked(
    driver: ImitatedDriver, executor: GpuLimits, tmp_path: Path
) -> None:
    site = driven(executor, tmp_path)
    for _ in range(2):
        status = site.follow(0.0, "a stop", is_dry=False)
        assert status.state == "written"
        assert status.message.endswith("; told its least limit of 300000 W, asked for 0")
        assert (site.is_short, site.is_due) == (True, False), "to tell it again brings it no nearer"
    assert kilowatts(driver) == [100.0] * 3
    for limit_mw in (0.3, 1.0):
        assert "least" not in site.follow(limit_mw, "a limit", is_dry=False).message
        assert not site.is_short
    assert site.release("disarmed").state == "released"
    assert kilowatts(driver) == OWNERS


def test_a_gpu_that_is_lost_counts_with_its_owners_limit_and_the_others_are_told(
    driver: ImitatedDriver, executor: GpuLimits, tmp_path: Path
) -> None:
    site = driven(executor, tmp_path)
    site.follow(1.175, "a limit", is_dry=False)
    driver.gpus[1].fault = "lost"
    status = site.follow(1.05, "a limit", is_dry=False)
    assert (status.state, kilowatts(driver)) == ("written", [200.0, 375.0, 200.0])
    assert "; 1 of 3 do not answer" in status.message
    assert site.release("disarmed").state == "failed"
    assert kilowatts(driver) == [700.0, 375.0, 700.0]
    driver.gpus[1].fault = ""
    assert site.release("tried again").state == "released"
    assert kilowatts(driver) == OWNERS


def test_what_was_found_is_given_back_after_a_death_and_no_limit_of_mara_is_taken_for_it(
    driver: ImitatedDriver, executor: GpuLimits, tmp_path: Path
) -> None:
    first = driven(executor, tmp_path)
    first.follow(1.0, "a limit", is_dry=False)
    first._hold.unlock()  # as the end of a process does
    second = driven(GpuLimits([gpu.uuid for gpu in driver.gpus], 0.0), tmp_path)
    assert second.follow(0.5, "another", is_dry=False).state == "written"
    assert second.release("disarmed").state == "released"
    assert kilowatts(driver) == OWNERS


def refuse(driver: ImitatedDriver) -> None:
    driver.gpus[0].fault = "refuse"


def forget(driver: ImitatedDriver) -> None:
    driver.gpus[0].persistence = 0


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (refuse, "GPU-00000000 refused: Mara may not set power limits: run it as root"),
        (forget, "GPU-00000000 refused: it forgets a limit when no program uses it: nvidia-smi -pm 1 mends that"),
    ],
)
def test_a_limit_that_is_refused_is_told_with_what_to_do_and_the_others_take_theirs(
    driver: ImitatedDriver, executor: GpuLimits, spoil: Any, said: str
) -> None:
    wanted = executor.state_for(0.3, executor.read())
    spoil(driver)
    with pytest.raises(DeviceError) as refused:
        executor.apply(wanted)
    assert (str(refused.value), kilowatts(driver)) == (said, [700.0, 100.0, 100.0])


def test_a_gpu_is_given_back_though_its_persistence_mode_was_switched_off_meanwhile(
    driver: ImitatedDriver, executor: GpuLimits, tmp_path: Path
) -> None:
    site = driven(executor, tmp_path)
    site.follow(0.3, "a limit", is_dry=False)
    for gpu in driver.gpus:
        gpu.persistence = 0
    assert site.release("disarmed").state == "released"
    assert kilowatts(driver) == OWNERS


def test_a_limit_beyond_its_bounds_is_refused_by_the_gpu(driver: ImitatedDriver, executor: GpuLimits) -> None:
    with pytest.raises(DeviceError, match="GPU-00000002 did not take the value"):
        executor.apply((("GPU-00000002", "99999 W"),))
    assert driver.gpus[2].outside == [99_999_000]


def lose(driver: ImitatedDriver) -> None:
    for gpu in driver.gpus:
        gpu.fault = "lost"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lose, "GPU-00000000 does not answer: the GPU is lost, .* and 2 more"),
        (ImitatedDriver.unload, "GPU-00000000 does not answer: the NVIDIA driver is not loaded: load it.* and 2 more"),
    ],
)
def test_gpus_that_are_lost_or_have_no_driver_are_told_in_one_line(
    driver: ImitatedDriver, executor: GpuLimits, spoil: Any, said: str
) -> None:
    spoil(driver)
    with pytest.raises(DeviceError, match=said) as failed:
        executor.read()
    assert "\n" not in str(failed.value)


def test_a_machine_without_the_drivers_library_is_told_what_to_install(
    executor: GpuLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pynvml

    def missing(_: str) -> None:
        raise OSError

    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "CDLL", missing)
    with pytest.raises(DeviceError, match=r"does not answer: libnvidia-ml\.so\.1 is not there: install"):
        executor.read()


@pytest.mark.parametrize("gpu", ["GPU-0000000f", "7"])
def test_a_gpu_that_is_not_in_the_machine_is_named(driver: ImitatedDriver, gpu: str) -> None:
    del driver
    with pytest.raises(DeviceError, match=rf"{gpu} is not in this machine: nvidia-smi -L lists those that are"):
        GpuLimits([gpu], 0.0).read()


def test_a_gpu_that_hangs_is_left_out_and_is_waited_for_no_longer_than_a_moment_again(
    driver: ImitatedDriver, executor: GpuLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvidia, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(nvidia, "GRACE_S", 0.0)
    driver.gpus[2].fault = "silent"
    assert [state for _, state in executor.read()] == ["700000 W", "650000 W", "silent"]
    monkeypatch.setattr(nvidia, "TIMEOUT_S", PATIENCE_S)
    began_s = CLOCK.monotonic_s()
    assert [state for _, state in executor.read()] == ["700000 W", "650000 W", "silent"]
    assert CLOCK.monotonic_s() - began_s < PATIENCE_S / 2
    with pytest.raises(DeviceError, match="GPU-00000002 does not answer: an earlier call hangs in the driver still"):
        executor.apply((("GPU-00000002", "100000 W"),))
    driver.gpus[2].fault = ""
    monkeypatch.setattr(nvidia, "GRACE_S", PATIENCE_S)
    assert [state for _, state in executor.read()] == ["700000 W", "650000 W", "700000 W"]


def test_a_write_that_hung_and_ends_late_is_no_override_and_is_given_back(
    driver: ImitatedDriver, executor: GpuLimits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvidia, "TIMEOUT_S", 0.3)
    site = driven(executor, tmp_path)
    apply = executor.apply

    def hung(changes: Any) -> None:
        driver.gpus[0].fault = "silent"
        apply(changes)

    monkeypatch.setattr(executor, "apply", hung)
    status = site.follow(0.3, "a limit", is_dry=False)
    assert (status.state, kilowatts(driver)) == ("failed", [700.0, 100.0, 100.0])
    assert "GPU-00000000 does not answer within 0.3 s" in status.message
    monkeypatch.setattr(executor, "apply", apply)
    monkeypatch.setattr(nvidia, "TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(nvidia, "GRACE_S", PATIENCE_S)
    driver.gpus[0].fault = ""
    assert site.follow(0.3, "a limit", is_dry=False).state == "written"
    assert kilowatts(driver) == [100.0] * 3
    assert site.release("disarmed").state == "released"
    assert kilowatts(driver) == OWNERS


def test_a_call_that_could_not_be_made_blocks_no_later_one(
    executor: GpuLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", exhausted)
        with pytest.raises(DeviceError, match="GPU-00000000 does not answer: can't start new thread, and 2 more"):
            executor.read()
    assert [state for _, state in executor.read()] == ["700000 W", "650000 W", "700000 W"]


def test_a_process_ends_though_its_driver_hangs(driver: ImitatedDriver) -> None:
    driver.load(is_hanging=True)
    code = (
        "from mara.signals import nvidia; nvidia.TIMEOUT_S = 0.2; "
        "from mara.signals.executors.nvml import GpuLimits; GpuLimits(['0'], 0.0).read()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=PATIENCE_S, check=False)
    assert b"GPU 0 does not answer within 0.2 s" in ended.stderr


@pytest.mark.parametrize(
    ("gpus", "said"),
    [
        ([], "gpus"),
        (["0", "0"], "gpus: should name each once, all by UUID or all by index"),
        (["0", "GPU-0a"], "gpus: should name each once, all by UUID or all by index"),
        (["MIG-0a"], "gpus"),
        (["/dev/nvidia0"], "gpus"),
    ],
)
def test_gpus_that_cannot_be_meant_are_refused_in_one_line(gpus: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        spec_of({"site": "oslo", "kind": "nvml", "gpus": gpus}, "executor 1")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


METER = '[[meter]]\nkind = "nvml"\nsite = "oslo"\ngroup = "gpu"\ngpus = ["0", "1"]\nother_power_mw = 0.5\n'


def test_what_gpus_draw_is_a_reading_and_unknown_where_one_of_them_is_silent(
    driver: ImitatedDriver, tmp_path: Path
) -> None:
    path, is_over = tmp_path / "meters.toml", threading.Event()
    path.write_text(METER, encoding="utf-8")
    (meter,) = meters_in(path, {"oslo": ("gpu",)}, "a test", CLOCK.now)
    readings: list[Reading] = []

    def take(said: Sequence[Reading]) -> str:
        readings.extend(said)
        is_over.set()
        return ""

    meter.listen(take, readings.clear, is_over)  # type: ignore[arg-type]
    (reading,) = readings
    assert (reading.site_id, reading.group, reading.quality) == ("oslo", "gpu", "good")
    assert reading.power_mw == pytest.approx(0.5 + 0.7 + 0.65), "the second draws what its limit leaves it"
    is_over.clear()
    driver.gpus[1].fault = "lost"
    with pytest.raises(DeviceError, match="GPU 1 does not answer: the GPU is lost"):
        meter.listen(take, readings.clear, is_over)  # type: ignore[arg-type]
    assert len(readings) == 1


def test_a_meter_of_gpus_names_their_group(tmp_path: Path) -> None:
    path = tmp_path / "meters.toml"
    path.write_text(METER.replace('group = "gpu"', ""), encoding="utf-8")
    with pytest.raises(ConfigError, match="meter 1: group: Field required"):
        meters_in(path, {"oslo": ("gpu",)}, "a test", CLOCK.now)
