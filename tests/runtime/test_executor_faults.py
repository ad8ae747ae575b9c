"""Faults of Mara's own side, against every kind of device: a stale plan, clocks that jump, a hang, a lost link."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from mara.errors import CommandError
from mara.runtime.published_state import EngineState
from mara.signals import nvidia
from mara.signals.executors import asic, http_call, luxos, modbus
from tests.clocks import HandClock
from tests.runtime.desks import PATIENCE_S, Desks, desks_in
from tests.signals.devices import CLOCK
from tests.signals.rigs import KINDS, SITE, Rig, rig_of, write_executors

LOW_MW, LOWER_MW = 1.0, 0.5


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(luxos, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(modbus, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(asic, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(http_call, "DEADLINE_S", 2.0)
    monkeypatch.setattr(nvidia, "TIMEOUT_S", 1.0)


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    pytest.importorskip("pymodbus", reason="the extra `modbus` is not installed")
    with rig_of(request.param) as made:
        write_executors(tmp_path, made)
        yield made


def a_clock() -> HandClock:
    return HandClock(begun=CLOCK.now())


def pass_time(clock: HandClock, duration_s: float) -> None:
    """Move the monotonic clock alone: signatures are of the wall's."""
    clock.passed_s += duration_s
    clock.begun -= timedelta(seconds=duration_s)


async def armed(desks: Desks, rig: Rig) -> None:
    """Arm the site, and let it reach the limit of its first document."""
    desks.publish(0, LOW_MW)
    await desks.arm()
    await desks.until(lambda: desks.status().state == "written")
    assert not rig.is_owners


async def given_back(desks: Desks, rig: Rig, mode: str) -> None:
    await desks.until(lambda: desks.status().state == "released")
    assert (rig.is_owners, desks.signals.mode_of(SITE)) == (True, mode)
    assert rig.outside == []


async def test_a_stale_plan_gives_a_site_back(rig: Rig, tmp_path: Path) -> None:
    clock = a_clock()
    async with desks_in(tmp_path, clock) as desks:
        await armed(desks, rig)
        for _ in range(700):  # a beat a second, and no document for two ticks
            pass_time(clock, 1.0)
            await desks.executors.look_at_lease()
            if desks.signals.mode_of(SITE) != "act":
                break
        assert 600.0 <= clock.passed_s < 620.0
        await given_back(desks, rig, "shadow")


async def test_a_clock_that_jumps_by_less_than_a_tick_disarms_nobody(rig: Rig, tmp_path: Path) -> None:
    clock = a_clock()
    async with desks_in(tmp_path, clock) as desks:
        await armed(desks, rig)
        clock.begun += timedelta(minutes=4)
        await desks.executors.look_at_lease()
        assert desks.signals.mode_of(SITE) == "act"
        clock.begun -= timedelta(minutes=4)
        desks.publish(2, 0.0)
        await desks.until(lambda: desks.status().state == "written" and zero(rig))


@pytest.mark.parametrize(
    ("by", "said"), [(timedelta(hours=2), "120 min forward"), (timedelta(hours=-1), "60 min back")]
)
async def test_a_clock_that_jumps_further_gives_a_site_back_as_soon_as_its_device_believes_the_time(
    rig: Rig, tmp_path: Path, by: timedelta, said: str
) -> None:
    clock = a_clock()
    async with desks_in(tmp_path, clock) as desks:
        await armed(desks, rig)
        clock.begun += by
        await desks.executors.look_at_lease()
        await desks.until(lambda: desks.signals.mode_of(SITE) == "shadow" and desks.status().state != "written")
        (site,) = desks.publisher.read().disarmed
        assert site.reason == f"this machine's clock jumped {said}"
        if rig.kind == "webhook":  # a signature of another time may be a repeated one
            assert "see that both have the same secret and the right time" in desks.status().message
            clock.begun -= by
            pass_time(clock, 2.0)
            desks.executors._try_again()
        await given_back(desks, rig, "shadow")


def zero(rig: Rig) -> bool:
    least = {str(getattr(device, "least", 0)) for device in rig.devices}  # GPUs do not stop
    return {str(value) for value in rig.values} <= {"0", "0.0", "Sleep", "Hold 60", "paused", *least}


async def test_a_mara_that_hung_for_longer_than_its_lease_has_lost_its_site(rig: Rig, tmp_path: Path) -> None:
    clock = a_clock()
    async with desks_in(tmp_path, clock) as desks:
        await armed(desks, rig)
        pass_time(clock, 11.0)
        await desks.executors.look_at_lease()
        await given_back(desks, rig, "shadow")
        await desks.arm()
        await desks.until(lambda: desks.status().state == "written")


async def test_a_second_mara_is_refused_and_a_hand_on_a_device_ends_writing_there(rig: Rig, tmp_path: Path) -> None:
    clock = a_clock()
    async with desks_in(tmp_path, clock) as desks:
        await armed(desks, rig)
        limited = rig.values
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "locks").symlink_to(tmp_path / "locks")
        write_executors(tmp_path / "other", rig)
        async with desks_in(tmp_path / "other", clock) as other:
            other.publish(0, LOWER_MW)
            await other.arm()
            await other.until(lambda: other.status().state == "failed")
            assert other.status().message == f"another Mara writes the devices of {SITE}: disarm it there first"
        assert rig.values == limited, "its end gives back nothing of ours"
        rig.set_by_hand()
        desks.publish(1, LOWER_MW)
        await desks.until(lambda: desks.status().state == "override")
        assert desks.status().message.startswith("somebody set ")
        assert desks.status().message.endswith("not written until a person arms the site again")
    assert rig.values == [rig.by_hand, *[rig.owners] * (len(rig.devices) - 1)]
    assert rig.outside == []


async def test_a_site_whose_link_is_lost_while_it_is_disarmed_is_given_back_when_it_answers(
    rig: Rig, tmp_path: Path
) -> None:
    clock = a_clock()
    async with desks_in(tmp_path, clock) as desks:
        await armed(desks, rig)
        limited = rig.values
        rig.cut()
        await desks.signals.set_mode(SITE, "shadow", "the link is bad")
        await desks.until(lambda: desks.status().state == "failed")
        assert rig.values == limited
        rig.link()
        pass_time(clock, 100.0)
        desks.executors._try_again()
        await given_back(desks, rig, "shadow")


async def test_a_lost_link_is_tried_again_before_the_next_document(rig: Rig, tmp_path: Path) -> None:
    clock = a_clock()
    async with desks_in(tmp_path, clock) as desks:
        rig.cut()
        desks.publish(0, LOW_MW)
        await desks.arm()
        (site,) = desks.executors._sites.values()
        # arming gives back what was held before the document is followed, and that fails as well
        await desks.until(lambda: site.last is not None and not site.one_at_a_time.locked())
        assert desks.status().state == "failed"
        rig.link()
        pass_time(clock, 100.0)
        desks.executors._try_again()
        await desks.until(lambda: desks.status().state == "written")
        assert not rig.is_owners
    assert rig.is_owners


async def test_machines_start_no_earlier_than_their_document_says(tmp_path: Path) -> None:
    clock = a_clock()
    with rig_of("luxos") as rig:
        write_executors(tmp_path, rig)
        async with desks_in(tmp_path, clock) as desks:
            await armed(desks, rig)
            earliest = desks.document.valid_from + timedelta(minutes=10)
            resting = tuple(
                replace(site, groups=tuple(replace(group, not_before=earliest) for group in site.groups))
                for site in desks.document.sites
            )
            desks.document = replace(desks.document, sites=resting)
            told, limited = desks.status(), rig.values
            desks.publish(1, None)
            await desks.until(lambda: desks.status() is not told)
            assert rig.values == limited
            pass_time(clock, 601.0)
            desks.executors._try_again()
            await desks.until(lambda: rig.is_owners)


async def test_a_driver_of_gpus_that_hangs_delays_no_other_executor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvidia, "TIMEOUT_S", PATIENCE_S)
    with rig_of("luxos") as miners, rig_of("nvml") as gpus:
        miners.spec["group"], gpus.spec["group"] = "air_miner", "gpu"
        write_executors(tmp_path, miners, gpus)
        async with desks_in(tmp_path, CLOCK) as desks:
            assert gpus.driver is not None
            gpus.driver.load(is_hanging=True)
            sites = tuple(
                replace(site, groups=tuple(replace(group, power_mw=LOW_MW) for group in site.groups))
                for site in desks.document.sites
            )
            desks.document = replace(desks.document, sites=sites)
            desks.publish(0, LOW_MW)
            await desks.arm()
            await desks.until(lambda: states(desks)["luxos"] == "written")
            assert states(desks)["nvml"] == "released", "it waits for its driver"
            await desks.executors.look_at_lease()
            assert desks.signals.mode_of(SITE) == "act"
            gpus.driver.load()
            await desks.until(lambda: states(desks)["nvml"] == "written")
        assert (miners.is_owners, gpus.is_owners) == (True, True)


def states(desks: Desks) -> dict[str, str]:
    return {status.kind: status.state for status in desks.publisher.read().executors}


async def test_a_thread_pool_that_hangs_holds_up_neither_a_site_nor_the_lease(tmp_path: Path) -> None:
    """On two cores the pool of the event loop has six threads: so many calls that hang would hold all of it."""
    is_over, pool = Event(), asyncio.get_running_loop()
    with rig_of("luxos") as rig:
        write_executors(tmp_path, rig)
        async with desks_in(tmp_path, CLOCK) as desks:
            await armed(desks, rig)
            hanging = [pool.run_in_executor(None, is_over.wait, PATIENCE_S) for _ in range(40)]
            await desks.executors.look_at_lease()
            desks.publish(1, LOWER_MW)
            await desks.until(lambda: rig.values.count("Sleep") == 2)
            assert desks.signals.mode_of(SITE) == "act"
            assert not any(call.done() for call in hanging)
            is_over.set()
            await asyncio.gather(*hanging)


@pytest.mark.parametrize("rig", ["webhook"], indirect=True)
async def test_nobody_arms_a_site_before_its_first_targets_or_by_those_of_another_time(
    rig: Rig, tmp_path: Path
) -> None:
    """As after a start whose clock stands before or behind that of the stored ticks."""
    clock = a_clock()
    async with desks_in(tmp_path, clock) as desks:
        desks.publisher.mark(EngineState.RUNNING)
        with pytest.raises(CommandError, match="no tick has been computed yet"):
            await desks.arm()
        desks.snapshot = replace(desks.snapshot, plays="live")
        desks.publish(0, LOW_MW)
        clock.begun = desks.document.valid_to
        with pytest.raises(CommandError, match="wait for the next tick, or set the clock right"):
            await desks.arm()
        assert rig.is_owners
        clock.begun = desks.document.valid_from
        await desks.arm()
