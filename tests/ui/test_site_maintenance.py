"""Maintenance of a whole site from its page: its cost is said first, then all contracts are told or none."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components.ahead.maintenance_form import proposed_begin, site_notice_of
from mara.core.commands import NOTICE_HOURS
from mara.errors import CommandError
from tests.ui.conftest import UNDO_S, Screen, element_of

ENTERED = {"site": "oslo", "zone": "utc", "begins": "2025-07-06T14:00", "ends": "2025-07-06T15:00", "reason": "cooling"}


async def said(screen: Screen, event: str, entered: dict[str, str]) -> dict[str, Any]:
    await screen.user.open("/sites/oslo")
    screen.user.find(marker="maintenance-form").trigger(event, entered)
    await asyncio.sleep(0.05)
    props = element_of(screen.user, "maintenance-form").props["said"]
    assert isinstance(props, dict)
    return props


async def test_the_cost_is_said_before_anything_is_announced(screen: Screen) -> None:
    cost = (await said(screen, "orderLook", ENTERED))["cost"]
    assert "Maintenance of Norway Oslo, 6 Jul 2025 14:00" in cost
    assert "USD are not billed" in cost
    await asyncio.sleep(1.5 * UNDO_S)
    assert screen.platform.excluded == []


async def test_all_contracts_of_the_site_are_told_after_a_moment_to_undo_it(screen: Screen) -> None:
    assert await said(screen, "orderAnnounce", ENTERED) == {"taken": True, "number": 1}
    assert screen.platform.excluded == []
    await asyncio.sleep(1.5 * UNDO_S)
    snapshot = screen.platform.publisher.read().snapshot
    assert snapshot is not None
    there = {contract.id for contract in snapshot.contracts if contract.site_id == "oslo"}
    assert {one.contract_id for one in screen.platform.excluded} == there
    assert {one.to_tick - one.from_tick for one in screen.platform.excluded} == {12}


async def test_maintenance_without_notice_is_refused_at_once(screen: Screen) -> None:
    early = {**ENTERED, "begins": "2025-07-02T14:00", "ends": "2025-07-02T15:00"}
    assert "72 h ahead" in (await said(screen, "orderLook", early))["error"]


async def test_a_refusal_for_short_notice_names_the_site_and_a_begin_that_is_taken(screen: Screen) -> None:
    early = {**ENTERED, "begins": "2025-07-05T00:00", "ends": "2025-07-05T01:00"}
    refusal = (await said(screen, "orderLook", early))["error"]
    assert refusal.startswith("Maintenance of Norway Oslo is announced 72 h ahead")
    assert "let it begin at 6 Jul 2025 03:00 UTC, or pause the run" in refusal
    later = {**ENTERED, "begins": "2025-07-06T03:00", "ends": "2025-07-06T04:00"}
    assert "cost" in await said(screen, "orderLook", later)


async def test_the_proposed_times_move_on_with_the_clock_and_the_zone(screen: Screen) -> None:
    await screen.user.open("/sites/oslo")
    screen.platform.advance(288)
    screen.user.find(marker="maintenance-form").trigger("orderPropose", {**ENTERED, "zone": "local"})
    proposed = element_of(screen.user, "maintenance-form").props["proposed"]
    assert proposed == {"begins": "2025-07-07 05:00", "ends": "2025-07-07 06:00"}


def test_the_proposed_begin_keeps_its_notice_for_minutes_at_any_usual_speed() -> None:
    now = datetime(2025, 7, 2, 0, 55, tzinfo=UTC)
    for speed_factor in (1.0, 60.0, 300.0, 3_600.0):
        later = now + timedelta(minutes=4 * speed_factor)
        assert proposed_begin(now, speed_factor) >= later + timedelta(hours=NOTICE_HOURS)


async def test_local_times_are_those_of_the_site_and_said_beside_utc(screen: Screen) -> None:
    cost = (await said(screen, "orderLook", {**ENTERED, "zone": "local"}))["cost"]
    assert "6 Jul 2025 12:00 UTC to 6 Jul 2025 13:00 UTC (14:00 to 15:00 in Europe/Oslo)" in cost


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"begins": "soon"}, "a UTC time like 2025-07-05 14:00 was expected, 'soon' came"),
        ({"ends": "2025-07-06T13:00"}, "end after it begins"),
        ({"ends": "9999-01-01T00:00"}, "from 2009 to 2199"),
        ({"site": "atlantis"}, "a site was expected, atlantis came: choose one of the list"),
        ({"zone": "local", "begins": "2025-10-26T02:30"}, "2025-10-26 02:30 happens twice in Europe/Oslo"),
        ({"zone": "local", "begins": "2025-03-30T02:30"}, "2025-03-30 02:30 does not exist in Europe/Oslo"),
    ],
)
def test_times_that_are_none_are_refused_in_words(change: dict[str, str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        site_notice_of({**ENTERED, **change}, {"oslo": "Europe/Oslo"})
