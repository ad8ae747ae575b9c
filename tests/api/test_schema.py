"""Every operation of the API's schema, called with generated inputs on a socket."""

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from mara.api.routes.app import schema_of
from mara.api.routes.platform_api import PlatformApi
from mara.runtime.published_state import StatePublisher

EXAMPLES = int(os.environ.get("EXAMPLES", "25"))
"""Examples of each operation; `make soak` takes more."""
SOLVED, SOLVED_EXAMPLES = {"/api/what-if"}, 6
"""Operations whose every answer is a solve, and how many of them are enough."""
SCHEMA = schema_of(cast(PlatformApi, SimpleNamespace(publisher=StatePublisher())))
OPERATIONS = [(path, method) for path, methods in SCHEMA["paths"].items() for method in methods]


def is_reversed(query: Mapping[str, Any]) -> bool:
    """True if a time range in a query ends before it begins."""
    try:
        first, end = (datetime.fromisoformat(str(query[name]).upper()) for name in ("from", "to"))
        return first > end
    except (KeyError, ValueError, TypeError):
        return False


@pytest.fixture(scope="module")
def schema(address: str) -> Any:
    return schemathesis.openapi.from_url(f"{address}/api/openapi.json")


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Connections that are kept between requests, for which no proxy is looked for."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_schema_promises(
    schema: Any, session: requests.Session, path: str, method: str
) -> None:
    @given(case=schema[path][method].as_strategy())
    @settings(
        max_examples=min(EXAMPLES, SOLVED_EXAMPLES) if path in SOLVED else EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: Any) -> None:
        # The order of a range's ends depends on two fields, which a schema cannot express.
        excluded = [positive_data_acceptance] if is_reversed(case.query or {}) else None
        case.call_and_validate(session=session, excluded_checks=excluded)

    holds()


def refs_in(part: Any) -> Iterator[str]:
    """Find every `$ref` in a part of a schema."""
    if isinstance(part, dict):
        yield from ([part["$ref"]] if isinstance(part.get("$ref"), str) else [])
        for inner in part.values():
            yield from refs_in(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from refs_in(inner)


def test_every_reference_in_the_schema_leads_to_a_part_of_it() -> None:
    lost = set()
    for ref in refs_in(SCHEMA):
        found: Any = SCHEMA
        for key in ref.removeprefix("#/").split("/"):
            found = found.get(key, {})
        if not found:
            lost.add(ref)
    assert lost == set()
