"""Questions about a site that stood still for a grid product or a peak are answered with that."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from mara.assembly.runs import open_run
from mara.core.explanation import Explanation
from mara.core.finance import Line
from mara.core.ledger_words import LINE_LABELS
from mara.core.power_terms import PowerTerms, ReserveProduct
from mara.core.timegrid import TimeGrid
from mara.runtime.explain.question import question_of
from mara.runtime.explain.run_history import RunHistory
from mara.runtime.explain.topics import Topic
from mara.runtime.explain.why import can_be_asked, explained
from mara.runtime.tick.engine import simulate
from mara.store.read.decisions import Decisions
from mara.store.read.read_model import ReadModel
from tests import builders
from tests.scenarios.test_power_terms import settings_of
from tests.store.databases import url_of


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadModel]:
    """Nine hours of a July afternoon in Texas: a peak is expected at 22:00 UTC, a product calls at 23:00."""
    folder = tmp_path_factory.mktemp("power")
    start = datetime(2025, 7, 13, 16, tzinfo=UTC)
    store, engine = open_run(settings_of(folder, database_url=url_of(folder / "mara.db"), start=start))
    simulate(engine, store, 9)
    yield store.read_model
    store.close()


def answer(reading: ReadModel, text: str) -> Explanation:
    found = explained(reading, text)
    assert found.is_answered, found.sentences
    return found


@pytest.mark.parametrize(
    "question",
    ["Why did Texas stop at 22:00 yesterday?", "Why was there a peak warning at Texas at 22:00 yesterday?"],
)
def test_a_stop_for_a_peak_is_told_with_what_the_peak_would_have_cost(reading: ReadModel, question: str) -> None:
    found = answer(reading, question)
    assert found.sentences[0].endswith("was below their break-even: that was not for the price of power.")
    assert found.sentences[1] == (
        "A peak of the power system was expected at 22:00 UTC, which is billed: it added 465 USD/MWh to what power "
        "drawn at Texas cost, more than its miners earned above the price."
    )
    assert not [line for line in found.sentences if "grid product" in line]


@pytest.mark.parametrize(
    "question", ["Why did Texas stop at 23:00 yesterday?", "Why was there a deployment at Texas at 23:00 yesterday?"]
)
def test_a_stop_for_a_call_is_told_with_the_product_and_its_end(reading: ReadModel, question: str) -> None:
    told = " ".join(answer(reading, question).sentences)
    called = "The grid product drill called 9.5 MW at Texas at 23:00 UTC, until 00:00 UTC on 14 Jul 2025"
    assert f"{called}: what was sold to it has to stay away." in told


def test_an_hour_without_either_names_neither(reading: ReadModel) -> None:
    told = " ".join(answer(reading, "Why was Texas off at 17:00 yesterday?").sentences)
    assert not [word for word in ("grid product", "peak", "let Texas draw") if word in told]


def test_calls_are_counted_and_both_kinds_of_stops_are_among_the_examples(reading: ReadModel) -> None:
    assert (
        answer(reading, "How many calls were there at Texas?").sentences[0].startswith("1 call of a grid product was")
    )
    asked = [text for text in can_be_asked(reading) if text.startswith("Why did Texas stop")]
    assert len(asked) == 2
    assert all(answer(reading, text).sentences for text in asked)


OF_DAY = "from 16:00 UTC on 13 Jul 2025 to 00:00 UTC on 14 Jul 2025"


@pytest.mark.parametrize(
    "question",
    ["What did drill pay yesterday?", "How many times was the product drill called yesterday?", "Why Drill yesterday?"],
)
def test_a_grid_product_is_answered_with_its_calls_and_what_products_earned(reading: ReadModel, question: str) -> None:
    found = answer(reading, question)
    asked, called, money = found.sentences
    assert asked == (
        "The grid product drill pays for power that is gone in 600 s and stays away for 120 minutes when called; "
        "it is sold at Texas, Oslo."
    )
    assert called.startswith(f"1 call of it was reported {OF_DAY}")
    assert "drill called 9.5 MW at Texas" in called
    assert money.startswith(f"In the ledger of the fleet {OF_DAY}")
    assert found.understood is not None
    assert (found.understood.kind, "of drill" in found.understood.text) == ("terms", True)


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("Why is the demand charge so high at Texas?", Line.DEMAND_CHARGE),
        ("What did the adder cost at Texas?", Line.ADDER),
        ("How much did the coincident peak at Texas cost?", Line.COINCIDENT_PEAK),
        ("What did the take-or-pay contract cost at Texas?", Line.TAKE_OR_PAY),
    ],
)
def test_a_charge_is_answered_with_its_sum_in_the_ledger(reading: ReadModel, question: str, line: Line) -> None:
    found = answer(reading, question)
    posted = float(Decisions(reading).money_usd(0, reading.next_tick(), 0)[line])
    assert list(found.amounts.values()) == [posted]
    assert found.sentences[0].startswith("In the ledger at Texas ")
    assert LINE_LABELS[line.name.lower()] in found.sentences[0]


def test_a_product_of_an_ordinary_name_is_meant_only_beside_the_word_product() -> None:
    fleet = builders.fleet()
    none = np.zeros(fleet.site_count)
    product = ReserveProduct(id="capacity", kind="capacity", sites=(0,), response_s=60.0, duration_minutes=60)
    fleet = replace(fleet, power=PowerTerms(export_limit_mw=none, export_fee_usd_per_mwh=none, products=(product,)))
    grid = TimeGrid(start=datetime(2025, 7, 13, tzinfo=UTC), tick_minutes=60)

    def products_in(text: str) -> tuple[int, ...]:
        return question_of(text, fleet, grid, 9, ()).products

    assert products_in("What did the capacity product earn?") == (0,)
    assert products_in("What did the product capacity earn?") == (0,)
    assert products_in("How much capacity was available?") == ()


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("Why did miners stop in Texas at the coincident peak?", Topic.OFF),
        ("Why did Texas stop for the product drill?", Topic.OFF),
        ("What happened at Texas with drill?", Topic.HAPPENED),
        ("Why was contract c12 refused because of the battery?", Topic.REFUSED),
        ("What happened at Texas when batteries were empty?", Topic.HAPPENED),
        ("Compare export revenue of Texas and Oslo", Topic.COMPARED),
        ("Which site had the highest demand charge?", Topic.RANKED),
        ("What did the adder cost?", Topic.TERMS),
        ("What do we earn with product drill?", Topic.TERMS),
        ("What was the deployment revenue yesterday?", Topic.TERMS),
        ("What did the contract for difference pay?", Topic.TERMS),
        ("What did we spend on coincident peaks?", Topic.TERMS),
    ],
)
def test_words_of_power_terms_leave_other_kinds_of_questions_alone(
    reading: ReadModel, question: str, topic: Topic
) -> None:
    history = RunHistory.of(Decisions(reading))
    asked = question_of(question, history.config.fleet, history.grid, history.last_tick, history.customers)
    assert asked.topic is topic


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How do I bake bread with a battery?", "off topic"),
        ("How do I bake bread with a costly battery?", "off topic"),
        ("What is the best product for apples?", "off topic"),
        ("What is the best product of apple?", "unknown name"),
        ("Bake bread with drill?", "off topic"),
    ],
)
def test_a_question_off_topic_stays_so_with_a_word_of_power_terms(reading: ReadModel, question: str, kind: str) -> None:
    assert explained(reading, question).refusal == kind
