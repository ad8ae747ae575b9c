"""Questions about a site that stood still for a grid product or a peak are answered with that."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from mara.assembly.runs import open_run
from mara.core.explanation import Explanation
from mara.runtime.explain.why import can_be_asked, explained
from mara.runtime.tick.engine import simulate
from mara.store.read.read_model import ReadModel
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
