"""Dispatch documents over the API: the newest, stored ones, and a stream of them."""

import asyncio
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request, Response

from mara.api.problem_body import problem
from mara.api.routes.platform_api import PlatformApi
from mara.api.routes.problems import NotThereError, documented, or_not_there
from mara.api.routes.stream import EventResponse, EventStream, last_id_of
from mara.api.security.authenticator import identity_in, is_still_known
from mara.core.dispatch_document import DispatchDocument
from mara.errors import StoreError
from mara.signals.document_json import document_bytes, schema_of_documents

MAX_TICK: Final = 10**9
_JSON: Final = "application/json"


def _described() -> dict[int | str, dict[str, Any]]:
    """Describe the document, whose schema `GET /api/dispatch/schema` gives."""
    schema = {"type": "object", "description": "mara.dispatch/1, see GET /api/dispatch/schema"}
    return {200: {"description": "Successful Response", "content": {_JSON: {"schema": schema}}}}


def dispatch_routes(platform: PlatformApi, stream: EventStream) -> APIRouter:
    """Build the calls that read dispatch documents."""
    router = APIRouter(prefix="/api/dispatch", responses=documented(401, 421, 422, 429, 503))

    @router.get("", response_class=Response, responses=_described())
    async def newest() -> Response:
        """Return the targets of the tick last stored, for programs that act on them."""
        shown = platform.publisher.read()
        if shown.snapshot is None:
            raise StoreError("no tick has been stored yet: ask again in a moment")
        return await _answer(shown.dispatch or await platform.archive.dispatch())

    @router.get("/schema")
    async def schema() -> dict[str, Any]:
        """Return the JSON Schema of a dispatch document."""
        return schema_of_documents()

    @router.get("/events", include_in_schema=False)
    async def events(request: Request, last_event_id: Annotated[str | None, Header()] = None) -> Response:
        """Stream each new document, from the one after Last-Event-ID on."""
        identity = identity_in(request.scope)
        if not stream.places.acquire(identity):
            return problem(503, "too many streams are open: close one, or come back later")
        followed = stream.events(last_id_of(last_event_id), partial(is_still_known, request.scope))
        return EventResponse(followed, stream.places, identity)

    @router.get("/{tick}", response_class=Response, responses={**_described(), **documented(404)})
    async def of_tick(tick: int) -> Response:
        """Return the targets of a stored tick, computed again from its stored inputs."""
        if not 0 <= tick <= MAX_TICK:
            raise NotThereError(f"no tick {tick} is stored: GET /api/dispatch tells the newest")
        return await _answer(await or_not_there(platform.archive.dispatch(tick)))

    return router


async def _answer(document: DispatchDocument) -> Response:
    return Response(await asyncio.to_thread(document_bytes, document), media_type=_JSON)
