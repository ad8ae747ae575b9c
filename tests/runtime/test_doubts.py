"""Questions that cannot be answered as asked get a reason; all others an answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mara.runtime.explain.why import explained
from mara.store.read.read_model import ReadModel
from tests.runtime.told_run import BOOKED_ID, told_run

DOUBTFUL = (
    ("Why was Paris off at 14:00?", "“Paris”"),
    ("why was paris off at 14:00", "“paris”"),
    ("WHY WAS PARIS OFF", "“PARIS”"),
    ("Why is the Paris site down?", "“Paris”"),
    ("what was the power price in Berlin", "“Berlin”"),
    ("why did Premium move from West to Paris", "“Paris”"),
    ("why did premium move from west to paris", "“paris”"),
    ("Why was Globex Corp off yesterday?", "“Globex” and “Corp”"),
    ("Why was West off when Lisbon was on?", "“Lisbon”"),
    ("Why was West off at 25:99?", "“25:99”"),
    ("Why was West off at 12:60 on 1 July?", "“12:60”"),
    ("why was West off at 24:30", "“24:30”"),
    ("why was West off on 31 February", "“31 february”"),
    ("why was West off on 2025-13-45", "“2025-13-45”"),
    ("How many GPUs broke yesterday?", "not counted here"),
    ("How many racks are there?", "not counted here"),
    ("When will North be back?", "only what is stored"),
    ("why was West off at 15:00 CET", "“CET” is not read"),
    ("why was Wst down yesterday?", "“Wst”. Did you mean West?"),
    ("why was c-00000000000000ff off", "“c-00000000000000ff”"),
    ("why was contract ACME/9 off", "“ACME/9”"),
)
ANSWERED = (
    (f"why was {BOOKED_ID} off at 03:00 on 1 July", "Basalt Render's 1.0 MW Standard ran"),
    (f"Why was {BOOKED_ID.upper()} off at 05:00 on 1 July?", "Basalt Render's 1.0 MW Standard was off"),
    ("why was c1-000001-0 off at 03:00 on 1 July", "Cirrus Forecasts"),
    ("Why Was West Curtailed At 15:00 On 1 July?", "West had"),
    ("WHY WAS WEST CURTAILED AT 15:00 ON 1 JULY", "West had"),
    ("why was nort down at 07:00 on 2 july", "North was down"),
    ("Why was Ewst curtailed at 15:00 on 1 July?", "(read as: west). At 15:00 UTC"),
    ("Why was Wset curtialed at 15:00 on 1 July?", "(read as: west, curtailed). At 15:00 UTC"),
    ("Why were West and North off?", "West had"),
    ("what did West and East earn yesterday", "more at West"),
    ("Who ordered the outage of North?", "Nobody ordered that"),
    ("by whom was North taken down", "Nobody ordered that"),
    ("How many contracts were off yesterday?", "of these off: 0"),
    ("Why were miners off on 1 July?", "West had"),
    ("why was everything off in the afternoon of 1 July", "West had"),
    ("why is power in East so expensive", "Power cost"),
    ("What did the fleet earn yesterday?", "The fleet"),
    ("why did Flexible move from West to North on 2 July", "moved from West to North"),
    ("what was the plan at 06:00", "made by rules"),
)


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadModel]:
    file: Path = tmp_path_factory.mktemp("doubts") / "mara.db"
    found = told_run(file)
    yield found
    found.close()


@pytest.mark.parametrize(("text", "said"), DOUBTFUL)
def test_what_is_not_understood_is_named_and_not_answered_beside_the_point(
    reading: ReadModel, text: str, said: str
) -> None:
    found = explained(reading, text)
    assert not found.is_answered, found.sentences
    assert said in found.sentences[0]
    assert found.site_id == ""
    if "called" in found.sentences[0]:
        assert "West, North, East" in found.sentences[0] or "The sites are" in found.sentences[0]


@pytest.mark.parametrize(("text", "said"), ANSWERED)
def test_what_can_be_answered_is(reading: ReadModel, text: str, said: str) -> None:
    found = explained(reading, text)
    assert found.is_answered, found.sentences
    assert found.understood is not None
    assert said in " ".join((found.understood.text, *found.sentences))
