"""The operations page: modes, meters beside the plan, and rights to change them."""

from dataclasses import replace

import pytest

from components.operations.operation_panels import SITE_COLUMNS, response_channel, site_channel
from components.shared.controls import mode_cell
from mara.api.security.authenticator import CALLER, SCOPE_KEY, Identity
from mara.core.metering import ExecutorStatus, MeteredSnapshot
from mara.core.overtaking import ResponseStatus
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


def in_danger(customer: str) -> Snapshot:
    shown = with_first("shadow", replace(METERED, endangered=(SNAPSHOT.contracts[0].id,)))
    one = replace(SNAPSHOT.contracts[0], customer=customer, next_bad_tick_cost_usd=3_801.0)
    return replace(shown, contracts=(one, *SNAPSHOT.contracts[1:]))


def row(
    mode: str = "shadow", metered: MeteredSnapshot | None = METERED, *executors: ExecutorStatus
) -> dict[str, object]:
    return row_of(site_channel(with_first(mode, metered), executors)[SNAPSHOT.sites[0].id])


def test_a_site_that_deviates_is_shown_with_cost_and_promises_in_danger() -> None:
    shown = row()
    assert shown["metered"] == {"text": "12.5 MW", "state": "warning", "note": "2 min old"}
    danger = shown["danger"]
    assert isinstance(danger, dict)
    assert (danger["text"], danger["state"]) == ("Harbour (c007)", "critical")
    assert "160" in str(shown["cost"])


def test_promises_in_danger_are_told_by_their_customers_with_what_the_next_bad_tick_costs() -> None:
    first = SNAPSHOT.sites[0].id
    shown = row_of(site_channel(in_danger("Bank"), ())[first])
    assert shown["danger"] == {
        "text": f"Bank ({SNAPSHOT.contracts[0].id})",
        "state": "critical",
        "note": "next bad tick costs 3.80 kUSD",
    }
    assert row_of(site_channel(in_danger(""), ())[first])["danger"]["text"] == SNAPSHOT.contracts[0].id


def test_a_site_whose_meter_never_told_anything_is_unknown_from_shadow_on_and_a_stopped_one_says_so() -> None:
    shown = row_of(site_channel(with_first("shadow", None), ())[SNAPSHOT.sites[0].id])
    assert shown["metered"] == {"text": "unknown", "state": "warning", "note": "no reading ever came"}
    down = replace(SNAPSHOT, sites=(replace(SNAPSHOT.sites[0], status="down", site_power_mw=0.0), *SNAPSHOT.sites[1:]))
    assert row_of(site_channel(down, ())[SNAPSHOT.sites[0].id])["planned"] == {"text": "0.0 MW", "note": "down"}


def test_unknown_power_is_no_number_and_a_simulated_site_says_so() -> None:
    unknown = row(metered=replace(METERED, site_power_mw=None, deviation_mw=None, cost_usd_per_h=None))
    assert unknown["metered"] == {"text": "unknown", "state": "warning", "note": "2 min old"}
    second = site_channel(with_first("shadow", METERED), ())[SNAPSHOT.sites[1].id]
    assert row_of(second)["metered"] == "no meter"


def test_columns_of_meters_are_left_out_while_no_site_has_one() -> None:
    shown = row("advise", metered=None)
    assert [shown[column.key] for column in SITE_COLUMNS if column.if_any] == ["", "", "", ""]


def test_a_site_says_whether_its_bill_and_promises_are_metered_or_planned() -> None:
    assert row()["billed"] == "planned"
    first = replace(SNAPSHOT.sites[0], billed_by="metered", meter_correction_usd=-12.0)
    shown = row_of(site_channel(replace(SNAPSHOT, sites=(first, *SNAPSHOT.sites[1:])), ())[first.id])
    assert shown["billed"] == {"text": "metered", "note": "\u221212 USD for the tick before"}


def test_a_response_shows_its_times_and_a_late_one_stands_out() -> None:
    told = ResponseStatus(
        site_id=SNAPSHOT.sites[0].id, cause="stop", limit_mw=0.0, asked_at=SNAPSHOT.at, told_s=0.01, allowed_s=10.0
    )
    (shown,) = response_channel((replace(told, read_back_s=0.4, state="read back"),), SNAPSHOT).values()
    cells = row_of(shown)
    assert (cells["told"], cells["read"], cells["allowed"]) == ("0.01 s", "0.40 s", "10 s")
    (late,) = response_channel((replace(told, is_late=True),), SNAPSHOT).values()
    assert row_of(late)["state"] == {"text": "late, told", "state": "critical"}


async def test_a_site_is_stopped_by_its_name_entered_again_and_released(screen: Screen) -> None:
    await screen.open("/operations")
    stop, release = screen.user.find(marker="stop-site"), screen.user.find(marker="release-site")
    stop.trigger("submit", [["site", "oslo"], ["again", "dublin"], ["reason", "smoke"]])
    await screen.delivery()
    refusal = str(element_of(screen.user, "stop-site-refusal").text)  # type: ignore[attr-defined]
    assert "'dublin' was entered again: enter the site's name" in refusal
    stop.trigger("submit", [["site", "oslo"], ["again", " Oslo "], ["reason", "smoke"]])
    await screen.delivery()
    release.trigger("submit", [["site", "oslo"], ["reason", "over"]])
    await screen.delivery()
    assert screen.platform.stops == [("oslo", "stop", "smoke"), ("oslo", "release", "over")]


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_nobody_but_an_admin_stops_a_site(screen: Screen, role: str) -> None:
    await screen.open("/operations")
    CALLER.set({"type": "websocket", "headers": [], SCOPE_KEY: Identity(name="vic", role=role)})
    for form, entered in (("stop-site", [["again", "oslo"]]), ("release-site", [])):
        screen.user.find(marker=form).trigger("submit", [["site", "oslo"], ["reason", "because"], *entered])
        await screen.delivery()
        assert "that needs the role admin" in str(element_of(screen.user, f"{form}-refusal").text)  # type: ignore[attr-defined]
    assert screen.platform.stops == []


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
