"""Form of the advisor's recommendation, and the faults for which it is rejected.

The JSON schema is written out instead of made by pydantic's `model_json_schema`, which would include titles and
docstrings, and limits of length, which strict structured output refuses; and it could not list the sites of the
fleet. The pydantic models check what the schema cannot express.
"""

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
"""Most faults that are listed in the request to repair an answer."""
UNUSABLE: Final = "AI answer unusable"
MAX_DETAIL_LENGTH: Final = 500


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ClaimRow(_Strict):
    """A claim as the model writes it, with numbers only as references ``{{E2.key}}``."""

    kind: ClaimKind
    text: str
    direction: Direction
    refs: list[str]


class LoadRow(_Strict):
    """Load of one cell of the allocation: a site and a workload [IT MW]."""

    site_id: str
    workload: str
    mw: float


class Recommendation(_Strict):
    """Answer of the advisor: a headline, claims and an allocation.

    Cells that the allocation does not name are left to the linear program.
    """

    headline: str
    claims: list[ClaimRow] = Field(max_length=MAX_CLAIMS)
    allocation: list[LoadRow] = Field(min_length=1)

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """Claims in the form that `mara.core.grounding` checks."""
        return tuple(
            Draft(kind=claim.kind, text=claim.text, direction=claim.direction, refs=tuple(claim.refs))
            for claim in self.claims
        )


def recommendation_schema(sites: int) -> dict[str, Any]:
    """Return the strict JSON schema of a recommendation for a fleet of `sites` sites.

    Limits of length are left out: constrained decoding does not support them, and `Recommendation` checks them.
    """
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
    """Parse the text of an answer.

    Raises:
        AdviceError: the text is not JSON, or does not follow the schema.
    """
    try:
        return Recommendation.model_validate_json(text)
    except ValidationError as error:
        raise AdviceError(UNUSABLE, detail=str(error)[:MAX_DETAIL_LENGTH]) from error


def allocation_of(recommendation: Recommendation, session: ToolSession) -> Floats:
    """Read the recommended allocation (S, 9) [MW], NaN in cells left open.

    Raises:
        AdviceError: the recommendation names an unknown site or workload, a cell twice, or an impossible power.
    """
    try:
        asked = asked_of([row.model_dump() for row in recommendation.allocation], session.evaluator)
    except ValueError as error:
        raise AdviceError(UNUSABLE, detail=str(error)) from error
    assert np.isfinite(asked).any(), "the form wants a cell at least"
    return asked


def faults_in(recommendation: Recommendation, facts: Mapping[str, float], names: Mapping[str, str]) -> tuple[str, ...]:
    """List the faults of an explanation that is not grounded in facts; empty if it is."""
    return faults_of(recommendation.headline, recommendation.drafts, facts, names)[:MAX_FAULTS]
