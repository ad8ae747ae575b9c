"""`mara dispatch`: the targets of a stored tick, for people and for programs."""

from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # published without types

from mara.errors import EXIT_USAGE
from tests.cli.console import ran
from tests.cli.databases import STORED_TICKS


def test_the_newest_stored_document_is_printed_as_one_json_object(database: Path) -> None:
    document = ran("dispatch", "--json").report
    assert document["tick"] == STORED_TICKS - 1
    jsonschema.validate(document, ran("dispatch", "--schema").report)


def test_people_are_told_sites_limits_and_groups_in_lines(database: Path) -> None:
    lines = ran("dispatch", "--tick", "3").out.splitlines()
    assert " tick 3, advise, by " in lines[0]
    assert any(line.startswith("oslo  advise  ") for line in lines)


def test_a_tick_that_is_not_stored_is_refused_with_those_that_are(database: Path) -> None:
    said = ran("dispatch", "--tick", "999999")
    assert said.exit_code == EXIT_USAGE
    assert f"the newest is {STORED_TICKS - 1}" in said.complaint
