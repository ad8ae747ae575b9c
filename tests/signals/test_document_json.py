"""Dispatch documents as JSON are valid by the published schema.

They stand under the names that the schema has.
"""

import json
from dataclasses import replace
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # published without types
import pytest

from mara.signals.document_json import document_bytes, plain_document, schema_of_documents, site_bytes
from tests.signals.documents import document_at

VALID = jsonschema.Draft202012Validator(schema_of_documents())


@pytest.mark.parametrize("tick", range(0, 24, 4))
def test_a_document_is_valid_by_its_schema(tick: int) -> None:
    document = document_at(tick, ("s1", "act"))
    VALID.validate(json.loads(document_bytes(document)))
    for site in document.sites:
        VALID.validate(json.loads(site_bytes(document, site)))


def test_the_schema_names_every_field_and_no_other() -> None:
    plain = plain_document(document_at(3))
    schema = schema_of_documents()
    assert set(plain) == set(schema["properties"]) - {"revision"} == set(schema["required"])
    assert plain_document(replace(document_at(3), revision_number=2))["revision"] == 2
    site, kinds = plain["sites"][0], schema["$defs"]
    for found, kind in ((site, "site"), (site["groups"][0], "group"), ({"contract_id": "", "power_mw": 0}, "contract")):
        assert set(found) == set(kinds[kind]["properties"]) == set(kinds[kind]["required"])


@pytest.mark.parametrize("change", [{"tick": "7"}, {"mode": "obey"}, {"more": 1}, {"valid_to": "soon"}, {"sites": []}])
def test_what_is_no_document_is_refused_by_the_schema(change: dict[str, Any]) -> None:
    assert not VALID.is_valid({**plain_document(document_at(3)), **change})


def test_a_limit_is_none_zero_or_a_number_and_each_is_told_apart() -> None:
    site = plain_document(document_at(3))["sites"][0]
    for limit in (None, 0.0, 2.5):
        VALID.validate({**plain_document(document_at(3)), "sites": [{**site, "limit_mw": limit}]})
    assert not VALID.is_valid({**plain_document(document_at(3)), "sites": [{**site, "limit_mw": -1.0}]})
