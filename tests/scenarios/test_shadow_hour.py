"""An hour in shadow: meters deviate from the plan, and Mara says whose, what it costs and what it endangers."""

from pathlib import Path
from typing import Any

import pytest

from mara.core.contract import Tier
from mara.core.finance import Line
from mara.errors import StoreWentBack
from mara.runtime.published_state import PublishedState
from mara.store.read.balance import ledger
from mara.store.read.promises import contract as contract_life
from mara.store.read.read_model import ReadModel
from tests.builders import NORTH, WEST, config, contract
from tests.scenarios.real_fleet import RealFleet, running

SITES = ("west", "north", "east")
PRICE_USD_PER_MWH = 50.0
TICK_H = 1 / 12
CONTRACTS = (
    contract("gold", Tier.PREMIUM, 4.0),
    contract("silver", Tier.STANDARD, 3.0),
    contract("far", Tier.PREMIUM, 4.0),
)


def followed(planned_mw: float) -> float:
    return planned_mw


def fleet_of(path: Path, *, world: str = "live") -> RealFleet:
    """Three sites whose meters follow the plan; a Premium contract at West has used most of its error budget."""
    made = RealFleet(path / "mara.db", config(), CONTRACTS, (WEST, WEST, NORTH), (3, 0, 0), world=world)
    made.meters = dict.fromkeys(SITES, followed)
    return made


async def in_shadow(fleet: RealFleet) -> None:
    await fleet.tick()
    for site_id in SITES:
        await fleet.platform.set_mode(site_id, "shadow", "a trial")


async def test_a_site_that_leaves_its_plan_is_named_within_two_ticks_with_its_cost_and_the_promise_in_danger(
    tmp_path: Path,
) -> None:
    async with running(fleet_of(tmp_path)) as fleet:
        await in_shadow(fleet)
        await fleet.tick(4)
        assert {site.billed_by for site in fleet.shown.sites} == {"metered"}
        assert not any(site.metered and site.metered.is_deviating for site in fleet.shown.sites)
        fleet.meters["west"] = lambda _: 2.0  # a breaker fell
        planned_mw = fleet.site("west").site_power_mw
        await fleet.tick(2)
        west = fleet.site("west")
        assert west.metered is not None
        assert west.metered.is_deviating
        assert west.metered.deviation_mw == pytest.approx(2.0 - planned_mw)
        assert west.metered.cost_usd_per_h is not None
        assert west.metered.cost_usd_per_h > 0.0
        assert west.metered.endangered == ("gold",)
        told = fleet.alerts["metered", "west"]
        assert told.startswith("West draws 2.0 MW where")
        assert f"costs {west.metered.cost_usd_per_h:.0f} USD/h; in danger within two ticks: Gold (gold)" in told
        assert [key for key in fleet.alerts if key[0] == "metered"] == [("metered", "west")]
        # 2 MW at the meter serve none of the 7 MW of contracts there; at North all is well.
        missed = {one.id: (one.is_missed, one.bad_ticks) for one in fleet.shown.contracts}
        assert missed == {"gold": (True, 5), "silver": (True, 2), "far": (False, 0)}
    fleet.refuse_differences()


async def test_a_metered_hour_is_billed_to_the_micro_dollar_and_a_restart_changes_nothing(tmp_path: Path) -> None:
    shown_mw = [5.0, 6.5, 0.0, 7.25, 31.0]
    fleet = fleet_of(tmp_path)
    async with running(fleet):
        await in_shadow(fleet)
        await fleet.tick()  # the first tick that is metered
        for power_mw in shown_mw[:3]:
            fleet.meters["west"] = lambda _, told=power_mw: told  # type: ignore[misc]
            await fleet.tick()
    again = RealFleet(fleet.path, fleet.config, clock=fleet.clock)
    again.meters = fleet.meters
    async with running(again):
        assert again.site("west").billed_by == "metered"
        for power_mw in shown_mw[3:]:
            again.meters["west"] = lambda _, told=power_mw: told  # type: ignore[misc]
            await again.tick()
    reading = ReadModel.open(fleet.url)
    rows = reading.ask(
        "SELECT energy_micro_usd AS planned, meter_micro_usd AS corrected FROM ledger WHERE site = 0 ORDER BY tick"
    )
    billed = [rows[tick].planned + rows[tick + 1].corrected for tick in range(1, 1 + len(shown_mw))]
    assert billed == [-round(power_mw * TICK_H * PRICE_USD_PER_MWH * 1e6) for power_mw in shown_mw]
    assert ledger(reading, site_id="west").metered_ticks_count == len(shown_mw) + 1
    assert [window.metered_ticks for window in contract_life(reading, "gold").windows] == [len(shown_mw) + 1]
    stored = reading.ask("SELECT power_mw FROM meters WHERE site = 0 AND tick >= 2 ORDER BY tick")
    assert [row.power_mw for row in stored] == shown_mw
    reading.close()
    fleet.refuse_differences()


async def test_a_silent_meter_is_unknown_bad_for_its_promises_and_billed_as_planned(tmp_path: Path) -> None:
    async with running(fleet_of(tmp_path)) as fleet:
        await in_shadow(fleet)
        await fleet.tick(2)
        before = {one.id: one.bad_ticks for one in fleet.shown.contracts}
        fleet.meters["north"] = lambda _: None
        await fleet.tick()  # the last reading still holds
        assert {one.id: one.bad_ticks for one in fleet.shown.contracts} == before
        await fleet.tick()
        assert fleet.site("north").metered_before_mw is None
        assert fleet.site("north").meter_correction_usd == 0.0
        assert next(one for one in fleet.shown.contracts if one.id == "far").is_missed
        assert fleet.alerts["telemetry", "north"].startswith("North: no good telemetry for")
    fleet.refuse_differences()


async def test_a_hall_that_falls_is_planned_around_in_the_next_tick_and_comes_back_with_its_meter(
    tmp_path: Path,
) -> None:
    async with running(fleet_of(tmp_path)) as fleet:
        await in_shadow(fleet)
        await fleet.tick(2)
        assert fleet.site("west").site_power_mw > 0.0
        fleet.meters["west"] = lambda _: 0.0
        await fleet.tick()
        west = fleet.site("west")
        assert west.status == "down"
        assert west.site_power_mw == 0.0
        assert set(west.standing_still) == {"air_miner", "immersion_miner", "gpu", "asic"}
        assert "West is down, as its meter shows" in fleet.alerts["site", "west"]
        document = fleet.platform.publisher.read().dispatch
        assert document is not None
        assert document.sites[WEST].site_limit_mw is None, "nothing keeps its machines from coming back"
        moved = next(one for one in fleet.shown.contracts if one.id == "gold")
        assert (moved.served, moved.site_id) == (True, "north")
        await fleet.tick()
        assert fleet.site("west").status == "down"
        fleet.meters["west"] = lambda _: 3.0
        await fleet.tick()
        assert fleet.site("west").status != "down"
        assert ("site", "west") not in fleet.alerts
    fleet.refuse_differences()


@pytest.mark.parametrize("world", ["synthetic", "replay"])
async def test_a_simulated_world_is_never_billed_by_meters(tmp_path: Path, world: str) -> None:
    async with running(fleet_of(tmp_path, world=world)) as fleet:
        await in_shadow(fleet)
        fleet.meters["west"] = lambda _: 1.0
        await fleet.tick(3)
        assert {site.billed_by for site in fleet.shown.sites} == {"simulated"}
        assert {site.mode for site in fleet.shown.sites} == {"shadow"}
    reading = ReadModel.open(fleet.url)
    assert reading.ask("SELECT 1 FROM meters") == []
    assert reading.ask(f"SELECT 1 FROM ledger WHERE {Line.METER.name.lower()}_micro_usd <> 0") == []
    reading.close()


async def test_a_run_that_went_back_to_its_store_shows_modes_meters_and_what_bills_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(fleet_of(tmp_path)) as fleet:
        await in_shadow(fleet)
        await fleet.tick(2)
        append, refusals = fleet.store.append, [StoreWentBack("another tick was expected")]

        def refuse_once(*args: Any) -> None:
            if refusals:
                raise refusals.pop()
            append(*args)

        monkeypatch.setattr(fleet.store, "append", refuse_once)
        shown: list[tuple[int, str, bool, str]] = []

        def see(current: PublishedState) -> None:
            assert current.snapshot is not None
            west = current.snapshot.sites[WEST]
            shown.append((current.snapshot.tick, west.mode, west.metered is not None, west.billed_by))

        fleet.platform.publisher.follow(see)
        await fleet.tick()
        assert refusals == []
        assert {told[1:] for told in shown} == {("shadow", True, "metered")}
        assert {told[0] for told in shown} == {2, 3}
    fleet.refuse_differences()


async def test_a_site_in_shadow_that_has_never_sent_a_reading_is_told_of(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path)
    fleet.meters = {}
    async with running(fleet):
        await in_shadow(fleet)
        await fleet.tick()
        assert fleet.alerts["telemetry", "east"] == "East is in shadow, and no reading of its meter has ever come"
