"""The operations page: modes, meters beside the plan, and rights to change them."""

from dataclasses import replace

import pytest

from components.operations.operation_panels import site_channel
from components.shared.controls import mode_cell
from mara.api.security.authenticator import CALLER, SCOPE_KEY, Identity
from mara.core.metering import ExecutorStatus, MeteredSnapshot
from mara.core.snapshot import Snapshot
from tests.ui.conftest import Screen, element_of
from tests.ui.rows import row_of
from tests.ui.snapshots import snapshot_at

SNAPSHOT = snapshot_at()
METERED = MeteredSnapshot(
    site_power_mw=12.5, age_s=90.0, deviation_mw=4.0, is_deviating=True, cost_usd_per_h=160.0, endangered=("c007",)
)


def with_first(mode: str, metered: MeteredSnapshot | None) -> Snapshot:
    first = replace(SNAPSHOT.sites[0], mode=mode, metered=metered)
    return replace(SNAPSHOT, sites=(first, *SNAPSHOT.sites[1:]))


def row(
    mode: str = "shadow", metered: MeteredSnapshot | None = METERED, *executors: ExecutorStatus
) -> dict[str, object]:
    return row_of(site_channel(with_first(mode, metered), executors)[SNAPSHOT.sites[0].id])


def test_a_site_that_deviates_is_shown_with_cost_and_promises_in_danger() -> None:
    shown = row()
    assert shown["metered"] == {"text": "12.5 MW", "state": "warning", "note": "2 min old"}
    assert shown["danger"] == {"text": "c007", "state": "critical"}
    assert "160" in str(shown["cost"])


def test_unknown_power_is_no_number_and_a_simulated_site_says_so() -> None:
    unknown = row(metered=replace(METERED, site_power_mw=None, deviation_mw=None, cost_usd_per_h=None))
    assert unknown["metered"] == {"text": "unknown", "state": "warning", "note": "2 min old"}
    assert row(metered=None)["metered"] == "simulated"


def test_the_last_write_is_shown_with_its_response_time_and_an_override_stands_out() -> None:
    status = ExecutorStatus(
        site_id=SNAPSHOT.sites[0].id, kind="modbus", state="override", message="somebody set 3 MW", response_s=0.25
    )
    shown = row("act", METERED, status)
    assert shown["write"] == {"text": "somebody set 3 MW", "state": "warning", "note": "modbus"}
    assert shown["response"] == "0.25 s"


@pytest.mark.parametrize(("mode", "label"), [("advise", "Advise"), ("act", f"Act: 1 of {len(SNAPSHOT.sites)}")])
def test_every_page_tells_the_strongest_mode(mode: str, label: str) -> None:
    assert mode_cell(with_first(mode, None)) == {"text": label, "state": mode}


async def test_a_site_is_disarmed_by_a_form_and_a_refusal_is_said_beside_it(screen: Screen) -> None:
    await screen.open("/operations")
    assert screen.text_of("mode") == "Advise"
    form = screen.user.find(marker="disarm")
    form.trigger("submit", [["site", "oslo"], ["mode", "shadow"], ["reason", "meters first"]])
    await screen.delivery()
    assert screen.platform.modes == [("oslo", "shadow", "meters first")]
    screen.user.find(marker="arm").trigger("submit", [["site", "oslo"], ["mode", "act"], ["reason", ""]])
    await screen.delivery()
    assert "needs a reason" in str(element_of(screen.user, "arm-refusal").text)  # type: ignore[attr-defined]


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_nobody_but_an_admin_arms_a_site_whichever_page_sends_it(screen: Screen, role: str) -> None:
    """The page was served to an admin; another user's connection sends the message."""
    await screen.open("/operations")
    CALLER.set({"type": "websocket", "headers": [], SCOPE_KEY: Identity(name="vic", role=role)})
    for mode in ("act", "dry-run"):
        for form in ("arm", "disarm"):
            entered = [["site", "oslo"], ["mode", mode], ["reason", "because"]]
            screen.user.find(marker=form).trigger("submit", entered)
            await screen.delivery()
            assert str(element_of(screen.user, f"{form}-refusal").text)  # type: ignore[attr-defined]
    assert screen.platform.modes == []
