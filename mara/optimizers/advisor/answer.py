"""The advisor's recommendation: its form, and what of it is not even worth looking at."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mara.core.arrays import Floats
from mara.core.grounding import CLAIM_KINDS, ClaimKind, Direction, Draft, faults_of
from mara.errors import AdviceError
from mara.optimizers.advisor.tools import ToolSession, asked_of, object_schema, rows_schema

MAX_CLAIMS: Final = 8
MAX_FAULTS: Final = 12
"""Faults that a repair is told of."""
UNUSABLE: Final = "AI answer unusable"
MAX_DETAIL_LENGTH: Final = 500


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ClaimRow(_Strict):
    """A claim as it comes: numbers only as ``{{E2.key}}``."""

    kind: ClaimKind
    text: str
    direction: Direction
    refs: list[str]


class LoadRow(_Strict):
    """One cell of the allocation."""

    site_id: str
    workload: str
    mw: float


class Recommendation(_Strict):
    """The answer. What its allocation does not name is left to the linear program."""

    headline: str
    claims: list[ClaimRow] = Field(max_length=MAX_CLAIMS)
    allocation: list[LoadRow] = Field(min_length=1)

    @property
    def drafts(self) -> tuple[Draft, ...]:
        return tuple(
            Draft(kind=claim.kind, text=claim.text, direction=claim.direction, refs=tuple(claim.refs))
            for claim in self.claims
        )


def recommendation_schema(sites: int) -> dict[str, Any]:
    """Strict JSON schema of a recommendation for a fleet of so many sites; it knows only what a decoder can keep."""
    claim = {
        "kind": {"type": "string", "enum": list(CLAIM_KINDS)},
        "text": {"type": "string", "description": "One sentence; every number is a reference such as {{E2.key}}"},
        "direction": {"type": "string", "enum": ["lower", "higher", "none"]},
        "refs": {"type": "array", "items": {"type": "string"}},
    }
    return object_schema(
        {
            "headline": {"type": "string", "description": "The decision in one sentence, numbers as references"},
            "claims": {"type": "array", "items": object_schema(claim)},
            "allocation": rows_schema(sites),
        }
    )


def recommendation_of(text: str) -> Recommendation:
    """The answer's text as a recommendation.

    Raises:
        AdviceError: not JSON, or not of the form.
    """
    try:
        return Recommendation.model_validate_json(text)
    except ValidationError as error:
        raise AdviceError(UNUSABLE, detail=str(error)[:MAX_DETAIL_LENGTH]) from error


def allocation_of(recommendation: Recommendation, inquiry: ToolSession) -> Floats:
    """What it asks for (S, 9), NaN where it leaves the choice.

    Raises:
        AdviceError: a site or workload that does not exist, a cell named twice, an impossible power.
    """
    try:
        asked = asked_of([row.model_dump() for row in recommendation.allocation], inquiry.bench)
    except ValueError as error:
        raise AdviceError(UNUSABLE, detail=str(error)) from error
    assert np.isfinite(asked).any(), "the form wants a cell at least"
    return asked


def faults_in(recommendation: Recommendation, facts: Mapping[str, float], names: Mapping[str, str]) -> tuple[str, ...]:
    """Why its explanation is not grounded; nothing when it is."""
    return faults_of(recommendation.headline, recommendation.drafts, facts, names)[:MAX_FAULTS]
