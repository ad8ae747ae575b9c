"""The response to a call of a product is timed, from its document to the last device that reads back."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mara.core.overtaking import ResponseStatus
from mara.core.power_snapshot import SitePowerSnapshot, power_snapshot_of
from mara.core.power_terms import ReserveProduct
from mara.runtime.live.response_times import ResponseTimes
from tests.core.power_runs import ran, run_of, terms_of
from tests.runtime.desks import Desks, desks_in
from tests.signals.devices import CLOCK
from tests.signals.rigs import KINDS, SITE, Rig, rig_of, write_executors

LOWER_MW = 0.5
RESPONSE_S = 15.0
PRODUCT = ReserveProduct(
    id="rrs", kind="emergency", sites=(0,), response_s=RESPONSE_S, duration_minutes=60, price_usd_per_mw_h=5.0
)
RUN = run_of(terms_of(products=(PRODUCT,)))
SHORT = run_of(terms_of(products=(replace(PRODUCT, response_s=0.01),)))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rig_of("luxos") as made:
        yield made


def called() -> tuple[SitePowerSnapshot, ...]:
    """The power terms of a tick in which the product is called at the site."""
    _, step = ran(RUN, [5.0, 5.0], award=[3.0, 0.0], called=[0.0, 1.0])
    return tuple(replace(one, site_id=SITE) for one in power_snapshot_of(step, RUN) if one.awards)


@asynccontextmanager
async def timed(folder: Path, rig: Rig, run: object = RUN) -> AsyncIterator[tuple[Desks, ResponseTimes]]:
    """Desks whose site acts at the slowest pace there is, with its responses timed."""
    rig.spec["least_interval_s"] = 3_600.0
    rig.spec["ramp_mw_per_minute"] = 0.01
    write_executors(folder, rig)
    async with desks_in(folder, CLOCK) as desks:
        times = ResponseTimes(desks.publisher, CLOCK, desks.signals)
        desks.executors.on_followed = times.on_followed
        times.open(run)  # type: ignore[arg-type]
        desks.publish(0, None)
        await desks.arm()
        await desks.until(lambda: desks.status().state == "ready")
        yield desks, times
        await times.close()


def call(desks: Desks, limit_mw: float) -> None:
    """Show a tick that obeys a call."""
    snapshot = replace(desks.snapshot, tick=1, power=called())
    sites = tuple(
        replace(site, site_limit_mw=limit_mw, is_urgent=True) if site.site_id == SITE else site
        for site in desks.document.sites
    )
    desks.publisher.publish(snapshot, dispatch=replace(desks.document, tick=1, sites=sites))


def response(desks: Desks) -> ResponseStatus:
    (status,) = desks.publisher.read().responses
    return status


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_is_read_back_within_its_response_time_whatever_the_pace(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("pymodbus", reason="the extra `modbus` is not installed")
    with rig_of(kind) as rig:
        async with timed(tmp_path, rig) as (desks, _):
            call(desks, LOWER_MW)
            assert (response(desks).cause, response(desks).state) == ("call of rrs", "told")
            await desks.until(lambda: response(desks).state == "read back")
            took_s = response(desks).read_back_s
            assert took_s is not None
            assert 0.0 < took_s < response(desks).allowed_s == RESPONSE_S
            assert (response(desks).is_late, response(desks).limit_mw) == (False, LOWER_MW)
            assert not rig.is_owners


async def test_a_call_that_devices_refuse_is_late_once_its_time_has_passed(rig: Rig, tmp_path: Path) -> None:
    async with timed(tmp_path, rig, SHORT) as (desks, _):
        rig.break_down("refuse")
        call(desks, LOWER_MW)
        await desks.until(lambda: response(desks).is_late and response(desks).state == "failed")
        assert "refused" in response(desks).message
        assert response(desks).read_back_s is None


async def test_gpus_told_to_stop_say_that_their_least_limit_is_more_and_stay_armed(tmp_path: Path) -> None:
    with rig_of("nvml") as rig:
        async with timed(tmp_path, rig, SHORT) as (desks, _):
            call(desks, 0.0)
            await desks.until(lambda: "told its least limit of 300000 W, asked for 0" in response(desks).message)
            assert (response(desks).state, response(desks).read_back_s) == ("told", None)
            await desks.until(lambda: response(desks).is_late)
            assert (desks.status().state, desks.signals.mode_of(SITE)) == ("written", "act")
        assert rig.is_owners


async def test_the_response_of_a_site_counts_once_every_group_has_reached_its_part(tmp_path: Path) -> None:
    """Executors of groups are told IT power, and one of them may have nothing to write."""
    with rig_of("luxos") as one, rig_of("luxos") as two:
        for rig, group in ((one, "air_miner"), (two, "hydro_miner")):
            rig.spec["group"] = group
        write_executors(tmp_path, one, two)
        async with desks_in(tmp_path, CLOCK) as desks:
            times = ResponseTimes(desks.publisher, CLOCK, desks.signals)
            desks.executors.on_followed = times.on_followed
            times.open(RUN)
            groups = {"air_miner": 1.0, "hydro_miner": 1_000.0}
            sites = tuple(
                replace(site, groups=tuple(replace(g, power_mw=groups.get(g.group, 0.0)) for g in site.groups))
                for site in desks.document.sites
            )
            desks.document = replace(desks.document, sites=sites)
            desks.publish(0, None)
            await desks.arm()
            await desks.until(lambda: {status.state for status in desks.publisher.read().executors} == {"ready"})
            call(desks, 3.0)
            await desks.until(lambda: response(desks).state == "read back")
            assert response(desks).limit_mw == 3.0
            assert (one.values.count("Sleep"), two.is_owners) == (1, True)
