"""The promises in the document on reliability name tests that exist."""

import re

import pytest

from tests.architecture.house import ROOT

NAMED = re.compile(r"`(tests/[a-z_/]+\.py)(?:::([a-z_0-9]+))?`")
PAPER = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("file", "test"), sorted(set(NAMED.findall(PAPER))))
def test_what_a_promise_is_tested_by_exists(file: str, test: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert f"def {test}(" in text or not test


def test_each_of_the_sixteen_promises_is_there_and_names_a_test() -> None:
    promises = re.split(r"^## \d+\. ", PAPER, flags=re.MULTILINE)[1:]
    assert len(promises) == 16
    assert all(NAMED.search(promise) for promise in promises)
