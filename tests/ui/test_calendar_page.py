"""The calendar shows what is announced by site and by contract, and announces to a whole site."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from components.ahead.announced_list import announced_channel
from components.ahead.calendar_table import DAYS, EMPTY, calendar_channels
from mara.core.commands import Retract
from mara.core.history import ExclusionAhead
from mara.core.live_source import AnnouncedLimit
from tests.ui.archive import maintenance_ahead
from tests.ui.conftest import UNDO_S, Screen, element_of
from tests.ui.quotes import contract_row
from tests.ui.snapshots import START, TICK_MINUTES, snapshot_at

SNAPSHOT = replace(snapshot_at(288), power=())
PUMP = "14:00 to 17:00 maintenance: pump, by ada"


def told(rows: Any, key: str) -> dict[int, list[str]]:
    """Texts of a row's entries by day."""
    return {day: [one["text"] for one in found] for day, found in enumerate(rows[key]["days"]) if found}


def test_the_same_maintenance_of_several_contracts_is_one_entry_of_their_site_and_one_of_each() -> None:
    channels = calendar_channels(SNAPSHOT, maintenance_ahead(), ())
    there = [contract.id for contract in SNAPSHOT.contracts if contract.site_id == "oslo"]
    oslo = told(channels["calendar-sites"], "oslo")
    assert oslo[3] == [f"{PUMP} ({len(there)} contracts)"]
    assert oslo[2] == ["14:00 to 15:00 customer order: test, by ada (1 contract)"]
    for contract_id in there:
        assert told(channels["calendar-contracts"], contract_id)[3] == [PUMP]
    labels: Any = channels["calendar-days"]["labels"]
    assert (len(labels), labels[0], labels[3]) == (DAYS, "Wed 2 Jul", "Sat 5 Jul")


def test_contracts_start_and_end_on_their_day_and_those_that_wait_are_nowhere_yet() -> None:
    first = SNAPSHOT.contracts[0]
    ends = replace(first, ends_at=SNAPSHOT.at + timedelta(days=2, hours=6))
    starts = replace(contract_row(99, 288, is_live=False), id="c099", starts_at=SNAPSHOT.at + timedelta(hours=1))
    channels = calendar_channels(replace(SNAPSHOT, contracts=(ends,)), (), (starts,))
    assert told(channels["calendar-sites"], first.site_id)[2][0].startswith(f"06:00 {first.customer} ({first.id}) ends")
    assert told(channels["calendar-sites"], "Not placed")[0][0].startswith(f"01:00 {starts.customer} (c099) starts")
    assert set(channels["calendar-contracts"]) == {first.id, "c099"}


def test_an_exclusion_of_the_whole_fleet_stands_at_every_site_and_a_long_one_on_each_of_its_days() -> None:
    row = maintenance_ahead()[0].row
    long = replace(
        row, starts_at=SNAPSHOT.at - timedelta(days=1), ends_at=SNAPSHOT.at + timedelta(days=2), reason="grid"
    )
    channels = calendar_channels(SNAPSHOT, (ExclusionAhead(contract_id="", row=long),), ())
    served = {contract.site_id or "Not placed" for contract in SNAPSHOT.contracts}
    assert all({0, 1} <= set(told(channels["calendar-sites"], site)) for site in served)


def test_ordered_outages_are_shown_until_their_end() -> None:
    down = replace(SNAPSHOT.sites[0], outage_ends_tick=SNAPSHOT.tick + 12)
    channels = calendar_channels(replace(SNAPSHOT, sites=(down,), contracts=()), (), ())
    assert told(channels["calendar-sites"], down.id) == {0: ["Ordered down until 01:00"]}


def test_limits_by_the_grid_s_operator_stand_at_their_site_for_as_long_as_they_are_announced() -> None:
    limit = AnnouncedLimit(
        site_id="oslo",
        limit_mw=25.0,
        begins_at=SNAPSHOT.at + timedelta(days=1, hours=9),
        until=SNAPSHOT.at + timedelta(days=1, hours=11),
        author="OpenADR VTN grid.example",
    )
    endless = replace(limit, begins_at=SNAPSHOT.at - timedelta(hours=2), until=None, limit_mw=30.0)
    elsewhere = replace(limit, site_id="no site of ours")
    channels = calendar_channels(replace(SNAPSHOT, contracts=()), (), (), (limit, endless, elsewhere))
    assert set(channels["calendar-sites"]) == {"oslo"}
    days = told(channels["calendar-sites"], "oslo")
    connection = next(f"{site.grid_limit_mw:.1f} MW" for site in SNAPSHOT.sites if site.id == "oslo")
    assert days[1][1] == f"09:00 to 11:00 at most 25.0 MW of {connection}, by OpenADR VTN grid.example"
    assert days[13] == [f"from 22:00 at most 30.0 MW of {connection}, by OpenADR VTN grid.example"]
    assert len(days) == DAYS


async def test_a_whole_site_is_chosen_and_told_after_a_moment_to_undo_it(screen: Screen) -> None:
    await screen.user.open("/calendar")
    form = screen.user.find(marker="maintenance-form")
    entered = {"zone": "utc", "begins": "2025-07-06T14:00", "ends": "2025-07-06T15:00", "reason": "cooling"}
    form.trigger("orderLook", entered)
    await asyncio.sleep(0.05)
    said = element_of(screen.user, "maintenance-form").props["said"]
    assert said["error"] == "A site was expected, nothing came: choose one of the list."
    form.trigger("orderAnnounce", {**entered, "site": "texas"})
    await asyncio.sleep(0.05 + 1.5 * UNDO_S)
    snapshot = screen.platform.publisher.read().snapshot
    assert snapshot is not None
    there = {contract.id for contract in snapshot.contracts if contract.site_id == "texas"}
    assert {one.contract_id for one in screen.platform.excluded} == there
    assert element_of(screen.user, "calendar-table").props["empty"] == EMPTY


async def test_maintenance_is_taken_back_for_its_whole_site_after_a_moment_to_undo_it(screen: Screen) -> None:
    for path in ("/calendar", "/sites/oslo"):
        await screen.user.open(path)
        shown = element_of(screen.user, "announced-list").props["first"]
        entry = next(row for row in shown.values() if row["site"] == "oslo")
        count = len({one.contract_id for one in maintenance_ahead() if one.row.site_id == "oslo"})
        assert entry["when"] == "5 Jul 2025 14:00 UTC to 5 Jul 2025 17:00 UTC"
        assert f"for {count} contracts. It goes out in ten seconds" in entry["ask"]
        sent = {key: entry[key] for key in ("site", "contract", "begins")}
        screen.user.find(marker="announced-list").trigger("orderRetract", sent)
        await asyncio.sleep(0.05)
        assert element_of(screen.user, "announced-list").props["said"] == {"taken": True}
        assert screen.platform.ordered == []
        await asyncio.sleep(1.5 * UNDO_S)
        begins = (maintenance_ahead()[1].row.starts_at - START) // timedelta(minutes=TICK_MINUTES)
        assert screen.platform.ordered == [Retract(site_id="oslo", contract_id="", from_tick=begins)]
        screen.platform.ordered.clear()


def test_a_site_lists_its_own_maintenance_and_what_is_told_to_contracts_that_run_there() -> None:
    assert len(announced_channel(SNAPSHOT, maintenance_ahead())) == 2
    assert len(announced_channel(SNAPSHOT, maintenance_ahead(), "oslo")) == 2
    assert announced_channel(SNAPSHOT, maintenance_ahead(), "texas") == {}
    begun = replace(SNAPSHOT, at=maintenance_ahead()[1].row.starts_at + timedelta(hours=1))
    rows: Any = announced_channel(begun, maintenance_ahead()[1:])
    assert [(row["button"], row["state"]) for row in rows.values()] == [("End it now …", "under way")]
