"""Questions about a run with known events get its ticks, numbers and sites."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mara.core.explanation import Explanation
from mara.core.grounding import quantity
from mara.runtime.explain.run_history import RunHistory
from mara.runtime.explain.why import ALWAYS_ASKED, can_be_asked, explained
from mara.store.read.decisions import Decisions
from mara.store.read.read_model import ReadModel
from tests.postgres_server import database_of_file
from tests.runtime.told_run import TICKS, told_charter, told_run, told_run_at

EVERY_QUESTION = (
    "Why was West curtailed at 15:00 on 1 July?",
    "Why was West curtailed on 1 July?",
    "why is West running",
    "why was North down at 07:00 on 2 July",
    "why were miners off on 1 July",
    "why was Nimbus Games off at 20:00 on 2 July",
    "why was Nimbus Games off at 06:00 on 2 July",
    "why is Cirrus Forecasts off?",
    "why was c1-000001-0 off at 03:00 on 1 July",
    "why was Basalt Render off",
    "why did Premium move on 2 July",
    "why did Flexible move from West to North on 2 July",
    "why did anything move to East at 12:00",
    "why was Basalt Render refused",
    "what credits were paid",
    "what did West earn at 15:00 on 1 July",
    "why did the fleet lose money on 1 July",
    "what was the plan at 06:00",
    "why is power in East so expensive",
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def reading(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadModel]:
    file = tmp_path_factory.mktemp("told") / "mara.db"
    found = told_run(file) if request.param == "sqlite" else told_run_at(database_of_file(file))
    yield found
    found.close()


def answer(reading: ReadModel, text: str) -> tuple[str, Explanation]:
    found = explained(reading, text)
    assert found.is_answered, found.sentences
    return " ".join(found.sentences), found


def fact(found: Explanation, label: str) -> float:
    return next(found.amounts[one.ref] for one in found.facts if one.label.startswith(label))


def test_a_curtailed_site_is_explained_by_its_price_and_break_evens(reading: ReadModel) -> None:
    text, found = answer(reading, "Why was West curtailed at 15:00 on 1 July?")
    assert (found.tick, found.site_id, found.local_text) == (15, "west", "Tue 10:00 in West")
    assert fact(found, "Price at West") == 300.0
    assert fact(found, "Miners off at West") == pytest.approx(11.05)
    # 55 USD/PH/day over 0.024 x 17.5 J/TH, over PUE, less 50 USD/t at 100 g/kWh
    assert fact(found, "Break-even of air-cooled miners") == pytest.approx(118.6, abs=1.0)
    assert fact(found, "Break-even of immersion miners") == pytest.approx(160.0, abs=1.0)
    assert "Last switched at 14:00 UTC: West curtailed 4.0 MW of immersion miners" in text
    assert "Next, at 18:00 UTC: West runs 7.0 MW of air miners" in text


def test_a_day_is_explained_by_the_newest_thing_switched_off_in_it(reading: ReadModel) -> None:
    text, found = answer(reading, "Why was West curtailed on 1 July?")
    assert found.tick == 14
    assert text.count("Reported at 14:00 UTC: West curtailed") == 2


def test_what_the_question_supposes_wrongly_is_put_right(reading: ReadModel) -> None:
    text, _ = answer(reading, "Why was West curtailed at 12:00 on 1 July?")
    assert text.startswith("West was not curtailed at 12:00 UTC on 1 Jul 2025 (tick 12)")
    assert "Next, at 14:00 UTC: West curtailed" in text
    text, _ = answer(reading, "Why is Cirrus Forecasts off?")
    assert text.startswith("No contract of Cirrus Forecasts was off")
    assert "One was last off" not in text


def test_a_site_without_machines_is_called_down_whatever_power_costs(reading: ReadModel) -> None:
    text, _ = answer(reading, "why was North curtailed at 07:00 on 2 July")
    assert text.startswith("North was down at 07:00 UTC on 2 Jul 2025 (tick 31)")
    assert "North is down." in text
    text, found = answer(reading, "why was East off at 16:00 on 2 July")
    assert fact(found, "Machines available at East") == 0.5
    assert text.startswith("Only 50 % of East's machines were available")


def test_a_contract_that_rests_is_explained_with_its_budget_and_the_price(reading: ReadModel) -> None:
    text, found = answer(reading, "why was Nimbus Games off at 20:00 on 2 July")
    assert (found.tick, found.site_id) == (44, "north")
    assert (
        "Reported at 21:00 UTC: Nimbus Games's 1.5 MW Flexible rested 60 min inside its error budget at North" in text
    )
    assert fact(found, "Price at North") == 300.0
    assert fact(found, "Bad ticks of c1-000001-2") == 3  # 05:00, 06:00 and 20:00
    assert fact(found, "Bad ticks that the window of c1-000001-2") == 24  # a tenth of ten days
    assert "inside its promise" in text


def test_a_contract_that_a_failing_site_stranded_is_told_so(reading: ReadModel) -> None:
    text, found = answer(reading, "why was Nimbus off at 06:00 on 2 July?")
    assert "2 MW Flexible was off" in text.replace("2.0", "2")
    assert "North failed, and it cannot run elsewhere before the next tick" in text
    assert found.contract_id.startswith("c1-000001-")


def test_a_contract_that_has_ended_is_said_to_have_ended(reading: ReadModel) -> None:
    text, _ = answer(reading, "why is Basalt Render off?")
    assert "Basalt Render had no contract" in text
    assert "ended at 1 Jul 2025 12:00 UTC" in text


def test_a_move_is_explained_with_what_power_cost_at_both_ends(reading: ReadModel) -> None:
    text, found = answer(reading, "why did Flexible move from West to North on 2 July")
    assert (found.tick, found.site_id) == (33, "north")
    assert text.count("moved from West to North") == 2
    assert fact(found, "Power and carbon of a rack MWh at West") > fact(
        found, "Power and carbon of a rack MWh at North"
    )
    assert "the grids' prices were West 50 USD/MWh and North 10 USD/MWh" in text


def test_where_nothing_moved_the_last_move_before_is_told(reading: ReadModel) -> None:
    text, found = answer(reading, "why did Premium move to North at 23:00 on 1 July")
    assert text.startswith("No such move was made")
    assert (found.tick, found.site_id) == (14, "north")


def test_refusals_and_credits_are_told_as_they_were_reported(reading: ReadModel) -> None:
    text, _ = answer(reading, "why was Basalt Render refused")
    assert "500.0 MW standard refused: no site can hold 500.0 MW" in text
    text, _ = answer(reading, "why was Cirrus Forecasts refused")
    assert text.startswith("No request was refused of Cirrus Forecasts")
    text, found = answer(reading, "what credit was paid")
    assert "missed its target: 1 of 10 ticks bad, credit 270 USD" in text
    assert found.tick == 11


def test_money_adds_up_to_the_ledger(reading: ReadModel) -> None:
    _, found = answer(reading, "what did West earn at 15:00 on 1 July")
    stored = reading.ask("SELECT revenue_micro_usd, cost_micro_usd FROM allocations WHERE tick = 15 AND site = 0")[0]
    assert fact(found, "Revenue of west") == pytest.approx(stored.revenue_micro_usd / 1e6)
    assert fact(found, "Costs of west") == pytest.approx(stored.cost_micro_usd / 1e6)
    assert fact(found, "Profit of west") == pytest.approx((stored.revenue_micro_usd - stored.cost_micro_usd) / 1e6)


def test_a_plan_is_told_by_its_maker_and_reasons(reading: ReadModel) -> None:
    text, found = answer(reading, "what was the plan at 15:00 on 1 July")
    assert "made by rules and adopted at 15:00 UTC" in text
    assert "West: 11.1 MW of miners off, price 300 USD/MWh" in text
    assert found.tick == 15


@pytest.mark.parametrize("text", EVERY_QUESTION)
def test_every_fact_reads_as_its_value_and_is_named_in_the_answer(reading: ReadModel, text: str) -> None:
    said, found = answer(reading, text)
    assert found.tick is not None
    assert 0 <= found.tick < TICKS
    assert found.at == told_charter().grid.at(found.tick)
    for one in found.facts:
        assert one.text == quantity(one.ref, found.amounts[one.ref])
        assert one.text in said
    assert len({one.ref for one in found.facts}) == len(found.facts)


@pytest.mark.parametrize("text", ["hello", "", "why", "🙂" * 500, "'; DROP TABLE events; --", "why is the moon full?!"])
def test_a_question_that_is_not_understood_is_answered_with_what_can_be_asked(reading: ReadModel, text: str) -> None:
    found = explained(reading, text)
    if not found.is_answered:
        assert "Name a site, a customer or a tier" in found.sentences[0]
    assert found.can_ask


def test_every_question_that_is_offered_is_answered_about_what_it_names(reading: ReadModel) -> None:
    offered = can_be_asked(reading)
    assert offered == (
        "Why was East curtailed at 20:00?",
        "Why was East down at 16:00?",
        "Why was Nimbus Games off at 20:00?",
        "Why did Flexible move to North at 09:00?",
        "Why was a request refused at 01:00 yesterday?",
        *ALWAYS_ASKED,
    )
    ticks = [answer(reading, text)[1].tick for text in offered]
    assert ticks == [44, 40, 44, 33, 1, 30, 23, 23, 23, 47]


def test_the_future_and_the_time_before_the_run_are_said_to_be_that(reading: ReadModel) -> None:
    assert "future" in explained(reading, "why is West off tomorrow").sentences[0]
    assert "tick 47" in explained(reading, "why was West off on 2031-01-01").sentences[0]
    assert "before the run began" in explained(reading, "why was West off on 2 May 2025").sentences[0]


def test_a_misspelled_site_is_answered_and_said_aloud(reading: ReadModel) -> None:
    _, found = answer(reading, "why was Nort down at 07:00 on 2 July")
    assert found.understood is not None
    assert found.understood.taken_as == ("north",)
    assert found.understood.text.endswith("(tick 31) (read as: north).")
    assert found.site_id == "north"


def test_a_run_without_a_tick_is_said_to_be_one(tmp_path: Path) -> None:
    empty = told_run(tmp_path / "mara.db", ticks=0)
    assert "Nothing is stored yet" in explained(empty, "why is West off").sentences[0]
    empty.close()


def test_ticks_past_their_retention_still_tell_their_plan(tmp_path: Path) -> None:
    reading = told_run(tmp_path / "mara.db", ticks=24 * 3, raw_days=1)
    text, found = answer(reading, "why was West curtailed at 15:00 on 1 July")
    assert "past their retention" in text
    assert "West: 11.1 MW of miners off, price 300 USD/MWh" in text
    assert found.facts == ()
    reading.close()


def test_events_are_found_however_few_are_read_at_a_time(reading: ReadModel, monkeypatch: pytest.MonkeyPatch) -> None:
    decisions, kinds = Decisions(reading), ("moved", "budget", "resumed", "curtailed", "placed")
    found = decisions.events(kinds, 0, TICKS)
    assert len(found) > 10
    assert all(event.details is not None for event in found)
    monkeypatch.setattr("mara.store.read.decisions.EVENTS_PER_PAGE", 2)
    assert decisions.events(kinds, 0, TICKS) == found
    last = found[-1]
    assert decisions.events(kinds, 0, TICKS, which=lambda event: event == last, limit=1) == (last,)


def test_a_customer_whose_name_begins_another_one_is_told_apart(reading: ReadModel) -> None:
    decisions = Decisions(reading)
    of = RunHistory.of(decisions)
    booked = decisions.contract("c1-000001-1")
    assert booked is not None
    short = replace(booked.contract, customer=booked.contract.customer[1:])
    found = decisions.events(("budget", "placed"), 0, of.last_tick + 1)
    assert any(event.contract is not None and event.contract.may_be(booked.contract) for event in found)
    assert not any(event.contract is not None and event.contract.may_be(short) for event in found)
