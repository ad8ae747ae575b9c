"""Errors as problem bodies (RFC 9457): what was expected, what came, what to do. What came in is never sent back whole,
because JSON cannot say all that JSON readers take (NaN, lone surrogates).
"""

import logging
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from mara.api.security.permissions import NotAllowedError
from mara.errors import CommandError, EngineStopped, FeedError, MaraError, PlanError, StoreError

PROBLEM_TYPE: Final = "application/problem+json"
MAX_DETAIL_LENGTH: Final = 500
MAX_FAULTS: Final = 20
_TITLES: Final = {
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

log = logging.getLogger("mara.api")


class Fault(BaseModel):
    """One thing that was wrong with a request."""

    where: str
    what: str


class ProblemBody(BaseModel):
    """Why a request was not answered as hoped."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    faults: list[Fault] = Field(default_factory=list)
    would_fit: list[dict[str, Any]] = Field(default_factory=list)
    """Of a quote that was refused: what would fit instead."""


class NotThereError(CommandError):
    """What was asked for does not exist."""


class MisaskedError(CommandError):
    """A question whose parts are each well and do not fit together."""


class UnfitError(CommandError):
    """A request that no site can hold, and what would fit."""

    def __init__(self, message: str, would_fit: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.would_fit = would_fit


def problem(status: int, detail: str, **more: Any) -> JSONResponse:
    """An answer that says what is wrong."""
    body = ProblemBody(title=_TITLES.get(status, "Refused"), status=status, detail=_plain(detail), **more)
    return JSONResponse(body.model_dump(exclude_defaults=False), status, media_type=PROBLEM_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the schema: these answers carry a problem body."""
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _TITLES[status], "content": content} for status in statuses}


def answer_errors(app: FastAPI) -> None:
    """Have every error of ours, of the framework and of nobody's answered as a problem: the one place for statuses."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        del request
        found = [
            Fault(
                where=".".join(_plain(str(part)) for part in fault["loc"]),
                what=_plain(fault["msg"].removeprefix("Value error, ")),
            )
            for fault in error.errors()[:MAX_FAULTS]
        ]
        first = f"{found[0].where}: {found[0].what}" if found else "the request cannot be read"
        return problem(422, first, faults=found)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        del request
        status = 422 if error.status_code == 400 else error.status_code  # the framework could not read the body
        answer = problem(status, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(MaraError)
    async def ours(request: Request, error: MaraError) -> JSONResponse:
        status = status_of(error)
        if status >= 500:
            log.warning("request failed", extra={"path": request.url.path, "reason": str(error)})
        more = {"would_fit": error.would_fit} if isinstance(error, UnfitError) else {}
        return problem(status, str(error), **more)

    @app.exception_handler(Exception)
    async def nobodys(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", extra={"path": request.url.path}, exc_info=error)
        return problem(500, f"an internal error ({type(error).__name__}); it was logged: tell whoever runs this server")


def status_of(error: MaraError) -> int:
    """The HTTP status of an error of ours."""
    match error:
        case NotThereError():
            return 404
        case MisaskedError():
            return 422
        case NotAllowedError():
            return 403
        case EngineStopped():
            return 503
        case CommandError():
            return 409
        case StoreError() | FeedError() | PlanError():
            return 503
        case _:
            return 500


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)[:MAX_DETAIL_LENGTH]
