"""HTTP statuses of errors, each answered with a problem body.

A body says what was expected, what came, and what to do. What came in is never repeated whole, because JSON cannot say
all that JSON readers take (NaN, lone surrogates).
"""

import logging
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from mara.api.problem_body import PROBLEM_TYPE, SCHEMA_NAME, TITLES, Fault, plain, problem
from mara.api.security.permissions import NotAllowedError
from mara.errors import CommandError, EngineStopped, FeedError, MaraError, PlanError, RangeTooLong, StoreError

MAX_FAULTS: Final = 20

Found = TypeVar("Found")

log = logging.getLogger("mara.api")


class NotThereError(CommandError):
    """Something was asked for that does not exist."""


class InconsistentQueryError(CommandError):
    """A question whose parts are valid alone and contradict each other."""


class UnfitError(CommandError):
    """A request that no site can hold, with alternatives that would fit."""

    def __init__(self, message: str, would_fit: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.would_fit = would_fit


async def or_not_there(answer: Awaitable[Found]) -> Found:
    """Await an answer of the archive, and turn its refusal into "not found".

    Raises:
        NotThereError: the archive raised CommandError: the thing asked about does not exist.
        RangeTooLong: the archive raised it: what was asked about is there, and too much for one answer.
    """
    try:
        return await answer
    except RangeTooLong:
        raise
    except CommandError as error:
        raise NotThereError(str(error)) from error


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe for the OpenAPI schema that these statuses carry a problem body."""
    content = {PROBLEM_TYPE: {"schema": {"$ref": f"#/components/schemas/{SCHEMA_NAME}"}}}
    return {status: {"description": TITLES[status], "content": content} for status in statuses}


def answer_errors(app: FastAPI) -> None:
    """Answer every exception with a problem body, whether Mara's own or any other."""

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        del request
        found = [
            Fault(
                where=".".join(plain(str(part)) for part in fault["loc"]),
                what=plain(fault["msg"].removeprefix("Value error, ")),
            )
            for fault in error.errors()[:MAX_FAULTS]
        ]
        first = f"{found[0].where}: {found[0].what}" if found else "the request cannot be read"
        return problem(422, first, faults=found)

    @app.exception_handler(HTTPException)
    async def answer_http(request: Request, error: HTTPException) -> JSONResponse:
        del request
        status = 422 if error.status_code == 400 else error.status_code  # the framework could not read the body
        answer = problem(status, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(MaraError)
    async def answer_mara(request: Request, error: MaraError) -> JSONResponse:
        status = status_of(error)
        if status >= 500:
            log.warning("request failed", extra={"path": request.url.path, "reason": str(error)})
        more: dict[str, Any] = {"would_fit": error.would_fit} if isinstance(error, UnfitError) else {}
        return problem(status, str(error), **more)

    @app.exception_handler(Exception)
    async def answer_other(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", extra={"path": request.url.path}, exc_info=error)
        return problem(500, f"an internal error ({type(error).__name__}); it was logged: tell whoever runs this server")


def status_of(error: MaraError) -> int:
    """Map an error of Mara to its HTTP status."""
    match error:
        case NotThereError():
            return 404
        case InconsistentQueryError() | RangeTooLong():
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
