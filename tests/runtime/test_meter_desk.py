"""What meters tell besides the API is stored and stands beside the plan, or is unknown."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from mara.runtime.signals.meter_desk import MeterDesk
from tests.runtime.desks import desks_in
from tests.signals.devices import CLOCK
from tests.signals.rigs import SITE, rig_of, write_executors
from tests.store.runs import small_charter


async def test_a_modbus_meter_stands_beside_the_plan_and_is_unknown_once_it_is_silent(tmp_path: Path) -> None:
    pytest.importorskip("pymodbus", reason="the extra `modbus` is not installed")
    with rig_of("modbus") as rig:
        write_executors(tmp_path, rig)
        rig.devices[0].value = 25
        (tmp_path / "meters.toml").write_text(
            f'[[meter]]\nkind = "modbus"\nsite = "{SITE}"\nhost = "127.0.0.1"\nport = {rig.ports[0]}\nregister = 100\n'
            "input = false\nmw_per_count = 0.01\n",
            encoding="utf-8",
        )
        async with desks_in(tmp_path, CLOCK) as desks:
            desks.publish(0, None)
            meters = MeterDesk(tmp_path / "meters.toml", CLOCK)
            await meters.open(small_charter(), "r-1", desks.signals)
            await desks.until(lambda: power_mw(desks.publisher.read().snapshot) is not None)
            assert power_mw(desks.publisher.read().snapshot) == pytest.approx(0.25)
            await asyncio.wait_for(meters.close(), 10.0)
            late = replace(desks.snapshot, tick_minutes=0)
            assert power_mw(desks.signals.beside(late, desks.document)) is None


def power_mw(snapshot: object) -> float | None:
    (site,) = [site for site in snapshot.sites if site.id == SITE]  # type: ignore[attr-defined]
    return None if site.metered is None else site.metered.site_power_mw
