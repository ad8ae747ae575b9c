"""Undo of recent orders: by the inverse order, or by withholding one not yet sent.

Only the user who gave an order may undo it.
"""

import asyncio
import sys
from dataclasses import replace

import pytest

from mara.api.security.authenticator import CALLER, SCOPE_KEY, Identity
from mara.core.commands import Cancel, Outage, Restore
from mara.errors import CommandError
from tests.ui.conftest import UNDO_S, Screen, element_of
from tests.ui.snapshots import snapshot_at


async def send(screen: Screen, marker: str, event: str, given: object) -> None:
    screen.user.find(marker=marker).trigger(event, given)
    await asyncio.sleep(0.03)


async def undo(screen: Screen) -> None:
    """Press the button of the newest entry of the bar."""
    entries = element_of(screen.user, "undo-bar").props["entries"]
    await send(screen, "undo-bar", "orderUndo", {"key": entries[-1]["key"]})


def act(role: str, name: str = "local") -> None:
    CALLER.set({"type": "websocket", "headers": [], SCOPE_KEY: Identity(name=name, role=role)})


async def test_an_outage_is_undone_to_how_each_site_stood_before(screen: Screen) -> None:
    screen.give_time_to_undo()
    snapshot = snapshot_at(288)
    sites = tuple(
        replace(site, outage_ends_tick=300) if site.id == "texas" else replace(site, outage_ends_tick=0)
        for site in snapshot.sites
    )
    screen.platform.publisher.publish(replace(snapshot, sites=sites))
    await screen.open()
    await send(screen, "outage-dialog", "orderDown", {"sites": ["oslo", "texas"], "minutes": 240})
    await undo(screen)
    assert screen.platform.ordered[2:] == [Restore(site_id="oslo"), Outage(site_id="texas", duration_ticks=11)]
    await send(screen, "outage-dialog", "orderRestore", {"sites": ["texas"]})
    await undo(screen)
    assert screen.platform.ordered[4:] == [Restore(site_id="texas"), Outage(site_id="texas", duration_ticks=11)]
    await screen.user.should_see("Undone: Texas USA back")


async def test_a_booking_is_undone_by_its_cancel_and_the_form_says_so(screen: Screen) -> None:
    screen.give_time_to_undo()
    await screen.open("/sla")
    await send(screen, "request-form", "orderQuote", {"tier": "premium", "power": "5", "hours": "48", "number": 1})
    await send(screen, "request-form", "orderBook", {"id": "q-0001", "customer": "Acme"})
    (entry,) = element_of(screen.user, "undo-bar").props["entries"]
    assert (entry["is_held"], 20.0 < entry["left_s"] <= 30.0) == (False, True)
    await undo(screen)
    assert screen.platform.ordered == [Cancel(contract_id="c-0001")]
    assert element_of(screen.user, "request-form").props["booking"]["text"] == "Undone: it is not booked any more."


async def test_after_its_seconds_an_order_stands(screen: Screen) -> None:
    await screen.open()
    await send(screen, "outage-dialog", "orderDown", {"sites": ["oslo"], "minutes": 60})
    await asyncio.sleep(1.5 * UNDO_S)
    assert element_of(screen.user, "undo-bar").props["entries"] == []
    await send(screen, "undo-bar", "orderUndo", {"key": "1"})
    await screen.user.should_see("too late")
    assert len(screen.platform.ordered) == 1


async def test_nobody_undoes_what_somebody_else_ordered(screen: Screen) -> None:
    screen.give_time_to_undo()
    await screen.open()
    await send(screen, "outage-dialog", "orderDown", {"sites": ["oslo"], "minutes": 60})
    act("admin", "eve")
    await undo(screen)
    assert screen.platform.ordered == [Outage(site_id="oslo", duration_ticks=12)]


async def test_what_is_held_is_judged_again_when_it_goes_out(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    await screen.open("/sla")
    await send(screen, "contract-table", "showContract", {"id": "c003"})
    allowed = {"role": "operator"}

    async def permit(scope: object, deed: object) -> Identity:
        if allowed["role"] == "viewer":
            raise CommandError("the session is over: log in again")
        return Identity(name="local", role="operator")

    monkeypatch.setattr(sys.modules["pages.authorization"], "permit", permit)
    await send(screen, "contract-sheet", "orderCancel", {})
    allowed["role"] = "viewer"
    await asyncio.sleep(1.5 * UNDO_S)
    await screen.user.should_see("Refused: Cancel Delta Health (c003): the session is over")
    assert screen.platform.ordered == []


async def test_a_server_that_ends_lets_go_what_is_held(screen: Screen) -> None:
    await screen.open("/sla")
    await send(screen, "contract-table", "showContract", {"id": "c003"})
    await send(screen, "contract-sheet", "orderCancel", {})
    screen.desk.undo.close()
    await asyncio.sleep(1.5 * UNDO_S)
    assert screen.platform.ordered == []


async def test_a_page_that_is_opened_meanwhile_can_undo_it_too(screen: Screen) -> None:
    screen.give_time_to_undo()
    await screen.open()
    await send(screen, "outage-dialog", "orderDown", {"sites": ["oslo"], "minutes": 60})
    await screen.open("/help")
    (entry,) = element_of(screen.user, "undo-bar").props["entries"]
    assert entry["text"] == "Norway Oslo down"
    await undo(screen)
    assert screen.platform.ordered[-1] == Restore(site_id="oslo")
