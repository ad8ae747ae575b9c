"""Problem bodies: the JSON form in which gateway and routes refuse a request.

Source: RFC 9457, https://www.rfc-editor.org/rfc/rfc9457.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

PROBLEM_TYPE: Final = "application/problem+json"
SCHEMA_NAME: Final = "Problem"
"""Name of the body among the OpenAPI schema's components."""
MAX_DETAIL_LENGTH: Final = 500
TITLES: Final = {
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Impossible now",
    413: "Too long",
    421: "Misdirected request",
    422: "Not what was expected",
    429: "Too many requests",
    500: "Our fault",
    503: "Not available now",
}
"""The member `title` for each HTTP status."""
_STANDARD_MEMBERS: Final = frozenset({"type", "title", "status", "detail"})


class Fault(BaseModel):
    """One thing that was wrong with a request."""

    where: str
    what: str


class ProblemBody(BaseModel):
    """Reason for which a request was refused or failed (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    faults: list[Fault] = Field(default_factory=list)
    would_fit: list[dict[str, Any]] = Field(default_factory=list)
    """Alternatives to a quote that was refused."""


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, is_bare: bool = False, **extensions: Any
) -> JSONResponse:
    """Build the answer that says what is wrong.

    Args:
        is_bare: whether it has the four standard members only, and `detail` as it is: for refusals that repeat
            nothing of the request.
        extensions: the members `faults` and `would_fit`.
    """
    text = detail if is_bare else plain(detail)
    body = ProblemBody(title=TITLES.get(status, "Refused"), status=status, detail=text, **extensions)
    content = body.model_dump(include=set(_STANDARD_MEMBERS) if is_bare else None)
    return JSONResponse(content, status, headers, PROBLEM_TYPE)


def plain(text: str) -> str:
    """Shorten a text, and replace by spaces what does not print.

    JSON cannot write all that its readers accept.
    """
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_DETAIL_LENGTH]
