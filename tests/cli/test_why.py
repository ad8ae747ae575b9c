"""`mara why`: how a question was understood and its answer, or a refusal."""

from pathlib import Path

from mara.errors import EXIT_USAGE
from tests.cli.console import ran
from tests.cli.databases import STORED_TICKS


def test_an_answer_begins_with_what_was_understood(database: Path) -> None:
    said = ran("why", "What did the fleet earn so far?")
    first, *rest = said.out.splitlines()
    assert first.startswith("Understood as: earnings and costs")
    assert f"(ticks 0 to {STORED_TICKS - 1})" in first
    assert rest[0].startswith("The fleet ")
    assert any(line.startswith("  Profit of the fleet") for line in rest)


def test_prices_to_come_are_those_of_the_runs_own_feed(database: Path) -> None:
    found = ran("why", "what will power cost in Oslo in the next 6 hours?", "--json").report
    assert (found["is_answered"], found["understood"]["kind"]) == (True, "expected")
    assert found["understood"]["site_ids"] == ["oslo"]
    assert "by the hour" in found["sentences"][1]


def test_an_off_topic_question_is_refused_with_what_can_be_asked(database: Path) -> None:
    said = ran("why", "how do I cook rice?")
    assert said.exit_code == EXIT_USAGE
    assert said.out.startswith("That is no question about this run")
    assert "  What did the fleet earn yesterday?" in said.out.splitlines()
