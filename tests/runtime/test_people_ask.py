"""Questions in people's words about a stored run, answered from the store.

Questions that it cannot answer are refused.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from mara.core.explanation import Explanation
from mara.core.grounding import quantity
from mara.runtime.explain.why import explained
from tests.runtime.asked_questions import QUESTIONS, REFUSED, Asked
from tests.runtime.asked_run import NAMES, AskedRun, asked_run, forecast_ahead


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskedRun]:
    found = asked_run(tmp_path_factory.mktemp("asked") / "mara.db")
    yield found
    found.reading.close()


def ask(run: AskedRun, text: str) -> Explanation:
    return explained(run.reading, text, lambda: forecast_ahead(run.config))


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked.text)
def test_what_people_ask_is_understood_and_answered_with_the_stored_number(run: AskedRun, asked: Asked) -> None:
    found = ask(run, asked.text)
    assert found.is_answered, found.sentences
    understood = found.understood
    assert understood is not None
    assert understood.kind == asked.kind
    assert understood.text.startswith("Understood as: ")
    if asked.ticks is not None:
        assert (understood.first_tick, understood.end_tick) == asked.ticks
    said = " ".join(found.sentences)
    for part in asked.says:
        assert part in said
    for one in found.facts:
        assert one.text == quantity(one.ref, found.amounts[one.ref])
        assert one.text in said
    if asked.fact is not None:
        label, value = asked.fact
        told = [found.amounts[one.ref] for one in found.facts if one.label.startswith(label)]
        assert told, [one.label for one in found.facts]
        assert told[0] == pytest.approx(value(run), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(("text", "refusal", "said"), REFUSED)
def test_what_cannot_be_answered_is_told_and_never_answered_beside_the_point(
    run: AskedRun, text: str, refusal: str, said: str
) -> None:
    found = ask(run, text)
    assert not found.is_answered, found.sentences
    assert (found.refusal, found.facts, found.site_id) == (refusal, (), "")
    assert said in found.sentences[0]
    assert found.can_ask


def test_what_was_understood_is_told_as_fields_with_the_zone(run: AskedRun) -> None:
    # the run stands at 23:00 UTC on 3 July, when the fourth has begun in Oslo
    found = ask(run, "compare Oslo with Sidney from 10:00 to 12:00 local time yesterday").understood
    assert found is not None
    assert (found.kind, found.comparison, found.site_ids) == ("compared", "sites", ("oslo", "sydney"))
    assert (found.zone, found.taken_as) == ("Europe/Oslo", ("sydney",))
    assert (found.first_tick, found.end_tick) == (56, 58)
    assert found.starts_at == datetime(2025, 7, 3, 8, tzinfo=UTC)
    assert found.text == (
        "Understood as: a comparison of Oslo and Sydney, 10:00 on 3 Jul 2025 to 12:00 on 3 Jul 2025 Europe/Oslo "
        "(ticks 56 to 57) (read as: sydney)."
    )
    assert ask(run, "what happened yesterday?").understood != found
    assert {name.lower() for name in NAMES} == set(run.config.fleet.site_ids)


def test_a_run_without_a_forecast_at_hand_says_so(run: AskedRun) -> None:
    found = explained(run.reading, "what will power cost in Oslo tomorrow?")
    assert (found.is_answered, found.refusal) == (False, "not stored")
    assert "No forecast is at hand" in found.sentences[0]
