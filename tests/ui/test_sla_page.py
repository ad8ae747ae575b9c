"""The page of service levels: every contract, live and ended, with its ticks.

Users exclude ticks and cancel contracts there, and see the evidence of each judged tick.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from components.sla.contract_sheet import ContractSheet, life_props, notice_of
from components.sla.contract_table import ContractTable, promise_channel
from mara.core.commands import Cancel, Command
from mara.core.standing import state_of
from mara.errors import CommandError
from mara.runtime.explain.evidence import evidence_csv, evidence_name
from mara.runtime.published_state import PublishedState
from mara.runtime.tick.exclusions import ExclusionRequest
from tests.ui.conftest import UNDO_S, Screen, element_of
from tests.ui.quotes import contract_life, contract_row, evidence_of
from tests.ui.rows import ranked, row_of
from tests.ui.snapshots import START, snapshot_at

ENDED = [contract_row(i, 288, is_live=False) for i in range(5)]


async def opened(screen: Screen, contract_id: str = "c003") -> ContractSheet:
    await screen.user.open("/sla")
    await send(screen, "contract-table", "showContract", {"id": contract_id})
    sheet = element_of(screen.user, "contract-sheet")
    assert isinstance(sheet, ContractSheet)
    return sheet


async def send(screen: Screen, marker: str, event: str, given: object = None) -> None:
    screen.user.find(marker=marker).trigger(event, given)
    await asyncio.sleep(0.05)


async def test_the_page_has_every_contract_live_and_ended(screen: Screen) -> None:
    await screen.user.open("/sla")
    table = element_of(screen.user, "contract-table")
    assert isinstance(table, ContractTable)
    rows = table.props["rows"]
    assert len(rows) == 41 + 12
    assert {row["state"].split()[0] for row in rows.values()} == {"live", "ended"}


def test_a_row_tells_where_a_contract_stands_and_what_its_next_fault_costs() -> None:
    snapshot = snapshot_at(288)
    contract = replace(
        snapshot.contracts[9],
        bad_ticks=3,
        budget_ticks=3,
        burn_rate_share=1.4,
        credit_usd=100.0,
        next_bad_tick_cost_usd=37_800.0,
        availability_share=0.95009,
    )
    stored = replace(contract_row(9, 288, is_live=True), credit_micro_usd=50_000_000)
    channel = promise_channel(replace(snapshot, contracts=(contract,)), [stored])
    row = row_of(channel[contract.id])
    told = (row["tier"], row["state"], row["id"], row["customer"])
    assert told == ("standard", "live danger", "c009", contract.customer)
    assert row["rank"] == pytest.approx(0.75)
    assert row["availability"] == "95.00 %"
    assert row["bad_ticks"] == {"text": "3 of 3", "state": "warn", "share": 1.0}
    assert row["burn"] == {"text": "1.40", "state": "warn"}
    assert row["credits"] == {"text": "150 USD", "state": "bad"}
    assert row["next_bad_tick"] == {"text": "37.8 kUSD", "state": "warn"}


def test_a_broken_promise_comes_first_best_effort_last_and_the_ended_after_them() -> None:
    snapshot = snapshot_at(288)
    broken = replace(snapshot.contracts[10], bad_ticks=200, budget_ticks=3)
    channel = promise_channel(replace(snapshot, contracts=(*snapshot.contracts[11:], broken)), ENDED)
    keys = [key for key, _ in ranked(channel)]
    assert keys[0] == broken.id
    assert state_of(broken) == "broken"
    assert [key[0] for key in keys[-len(ENDED) :]] == ["e"] * len(ENDED)


def test_an_ended_contract_tells_its_credit_and_a_cancelled_one_that_it_was() -> None:
    snapshot = snapshot_at(288)
    cancelled = replace(ENDED[1], ends_at=snapshot.at + timedelta(days=2))
    channel = promise_channel(snapshot, [ENDED[0], cancelled])
    assert row_of(channel["e000"])["now"] == "ended"
    assert row_of(channel["e000"])["credits"] == {"text": "1\u202f250 USD", "state": "bad"}
    assert row_of(channel["e001"])["now"] == "cancelled"


async def test_a_row_opens_the_life_of_its_contract(screen: Screen) -> None:
    sheet = await opened(screen)
    life = sheet.props["life"]
    assert life["id"] == "c003"
    assert life["strip"]["runs"][1] == {"state": "bad", "from": 12, "to": 14}
    assert life["faults"][0].endswith("3 ticks")
    facts = {fact["label"]: fact["text"] for fact in life["facts"]}
    assert (facts["Next bad tick costs"], facts["Budget left"]) == ("12.3 USD", "0 ticks of 0")
    assert life["exclusions"] == [
        {
            "when": "1 Jul 2025 08:20 UTC, 2 h",
            "reason": "grid order: <b>limit</b> of the operator",
            "author": "Ada, announced 1 Jul 2025 00:00 UTC",
        },
    ]


async def test_a_contract_that_cannot_be_read_says_why(screen: Screen) -> None:
    sheet = await opened(screen, "x")
    assert sheet.props["life"]["error"] == "no contract 'x' was booked: name one that was"
    screen.platform.archive.is_broken = True
    await send(screen, "contract-table", "showContract", {"id": "c001"})
    assert sheet.props["life"]["error"] == "the database does not answer: try again"


async def test_an_archive_that_does_not_answer_leaves_the_live_contracts(screen: Screen) -> None:
    screen.platform.archive.is_broken = True
    await screen.user.open("/sla")
    assert len(element_of(screen.user, "contract-table").props["rows"]) == 41


async def test_ticks_are_excluded_with_a_reason_from_whole_ticks_on_after_a_moment_to_undo_it(screen: Screen) -> None:
    sheet = await opened(screen)
    entered = {"kind": "grid order", "begins": "2025-07-03T14:03", "hours": "1,5", "reason": "limit", "author": "Eve"}
    await send(screen, "contract-sheet", "orderExclude", entered)
    assert sheet.props["said"] == {"taken": True}
    assert screen.platform.excluded == []
    await asyncio.sleep(1.5 * UNDO_S)
    begins = 288 + (38 * 60 + 3) // 5
    asked = ExclusionRequest(
        kind="grid order", contract_id="c003", from_tick=begins, to_tick=begins + 18, reason="limit"
    )  # who announces it is who acts: a form says nothing of it
    assert screen.platform.excluded == [asked]
    await screen.user.should_see("Announced for Delta Health (c003)")
    maintenance = {**entered, "kind": "maintenance", "begins": "2025-07-02T14:00"}
    await send(screen, "contract-sheet", "orderExclude", maintenance)
    assert "72 h ahead" in sheet.props["said"]["error"], "what cannot be announced is refused at once, and not held"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"begins": "soon"}, "a UTC time like 2025-07-05 14:00, got 'soon'"),
        ({"hours": "long"}, "a number of hours"),
        ({"hours": "-1"}, "up to a year, got -1 h"),
        ({"hours": "nan"}, "up to a year, got nan h"),
    ],
)
def test_a_notice_that_is_none_is_refused_in_words(change: dict[str, str], said: str) -> None:
    entered = {"kind": "maintenance", "begins": "2025-07-03T14:00", "hours": "1", "reason": "x"}
    with pytest.raises(CommandError, match=said):
        notice_of({**entered, **change})


async def test_a_contract_is_cancelled_by_order_after_a_moment_to_undo_it(screen: Screen) -> None:
    sheet = await opened(screen)
    await send(screen, "contract-sheet", "orderCancel")
    (entry,) = element_of(screen.user, "undo-bar").props["entries"]
    assert (entry["text"], entry["is_held"]) == ("Cancel Delta Health (c003)", True)
    assert sheet.props["said"] == {"taken": True}
    assert screen.platform.ordered == []
    await asyncio.sleep(1.5 * UNDO_S)
    assert screen.platform.ordered == [Cancel(contract_id="c003")]
    await screen.user.should_see("Ordered: Delta Health (c003) ends with the next tick")
    assert element_of(screen.user, "undo-bar").props["entries"] == []


async def test_a_cancel_that_was_undone_never_goes_out(screen: Screen) -> None:
    screen.give_time_to_undo()
    await opened(screen)
    await send(screen, "contract-sheet", "orderCancel")
    (entry,) = element_of(screen.user, "undo-bar").props["entries"]
    await send(screen, "undo-bar", "orderUndo", {"key": entry["key"]})
    await screen.user.should_see("Undone: Cancel Delta Health (c003)")
    assert element_of(screen.user, "undo-bar").props["entries"] == []
    assert screen.platform.ordered == []
    await send(screen, "undo-bar", "orderUndo", {"key": entry["key"]})
    await screen.user.should_see("too late")


async def test_a_refused_cancel_is_told_as_a_refusal_and_never_as_ordered(screen: Screen) -> None:
    sheet = await opened(screen, "e001")
    await send(screen, "contract-sheet", "orderCancel")
    assert "no live contract 'e001'" in sheet.props["said"]["error"]
    assert element_of(screen.user, "undo-bar").props["entries"] == []

    async def refuse(*commands: Command, only_look: bool = False) -> None:
        raise CommandError("1000 commands are waiting: let the engine go on first")

    screen.platform.order = refuse  # type: ignore[method-assign]
    await opened(screen)
    await send(screen, "contract-sheet", "orderCancel")
    await asyncio.sleep(1.5 * UNDO_S)
    await screen.user.should_see("Refused: Cancel Delta Health (c003): 1000 commands are waiting")


async def test_no_event_of_the_browser_itself_orders_anything(screen: Screen) -> None:
    """Esc closes a native dialog with an event `cancel`.

    That event once reached the listener of this name, which cancels contracts.
    """
    sheet = await opened(screen)
    heard = {listener.type for listener in sheet._event_listeners.values()}
    assert heard == {"orderCancel", "orderExclude", "showEvidence"}


async def test_evidence_is_downloaded_as_a_file(screen: Screen) -> None:
    await opened(screen)
    await send(screen, "contract-sheet", "showEvidence")
    (response,) = screen.user.download.http_responses
    assert response.content.startswith(b"tick,timestamp_utc,contract_id,customer")


def test_evidence_starts_no_formula_and_has_a_row_for_each_tick() -> None:
    row = contract_row(6, 288, is_live=True)
    assert row.customer.startswith("=cmd")
    lines = evidence_csv(row, evidence_of(row)).decode().splitlines()
    assert len(lines) == 901
    assert lines[13] == f"12,2025-07-01T01:00:00Z,c006,'{row.customer},premium,{row.power_mw:g},bad,1,0"
    assert lines[101].endswith("excluded,0,0")
    assert all(line.count(",") == 8 for line in lines)


def test_a_file_is_named_without_what_a_file_system_minds() -> None:
    assert evidence_name("../c 1\\é") == "mara-evidence----c-1--.csv"


def test_a_life_that_has_not_begun_draws_no_strip() -> None:
    row = contract_row(1, 288, is_live=True)
    life = replace(contract_life(row), strip=(), windows=())
    shown = life_props(life, snapshot_at(290))
    assert shown["strip"]["runs"] == []
    assert shown["begins"] == "2025-07-05 01:00"
    assert life_props(life, None)["begins"] == f"{START + timedelta(hours=73):%Y-%m-%d %H:%M}"


async def test_before_the_first_tick_the_page_stands_and_says_how_it_begins(screen: Screen) -> None:
    screen.platform.publisher._current = PublishedState()
    await screen.user.open("/sla")
    assert element_of(screen.user, "contract-table").props["rows"] == {}
    assert element_of(screen.user, "credits-owed").props["text"] == "\u2013"
    await send(screen, "contract-table", "showContract", {"id": "c003"})
    await send(
        screen,
        "contract-sheet",
        "orderExclude",
        {"kind": "grid order", "begins": "2025-07-03 14:00", "hours": "1", "reason": "x"},
    )
    sheet = element_of(screen.user, "contract-sheet")
    assert sheet.props["said"] == {"error": "nothing has been settled yet: announce after the first tick"}
