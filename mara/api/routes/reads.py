"""What can be read: the newest snapshot and its parts, the past, exports."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, JSONResponse
from pydantic import TypeAdapter
from starlette.background import BackgroundTask

from mara.api.routes.export_folder import export_folder, sweep_exports
from mara.api.routes.inputs import AskedMoment, Named
from mara.api.routes.platform_api import PlatformApi, snapshot_of
from mara.api.routes.problems import MisaskedError, NotThereError, documented, problem
from mara.api.routes.stream import SNAPSHOT_JSON, EventStream, Listening
from mara.api.security.authenticator import identity_in, is_still_known
from mara.core.fleet import site_index
from mara.core.history import ContractLife, ContractRow, Ledger, Optimization, OrderRow
from mara.core.snapshot import InventorySnapshot, OptimizationSnapshot, SiteSnapshot, Snapshot
from mara.errors import CommandError
from mara.runtime.published_state import EngineState, PublishedState
from mara.runtime.replay_check import RulesSince
from mara.store.read.export import EXPORT_TABLES
from mara.store.read.metrics import Metric, MetricHistory
from mara.store.read.table_file import EXPORT_FORMATS

MAX_POINTS: Final = 2_000
DEFAULT_POINTS: Final = 600
MAX_LISTED: Final = 200
MAX_TICK: Final = 10**9
MAX_NUMBER: Final = 2**53
MEDIA_TYPES: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
MAX_EXPORTS_AT_ONCE: Final = 2
MOST_OVERDUE_S: Final = 5.0
"""From which on a tick that has not come makes the engine unready."""

_ALWAYS: Final = documented(401, 421, 422, 429, 503)
_JSON: Final = "application/json"
Answer = TypeVar("Answer")


class TimeRange(NamedTuple):
    """From when until when; None is no bound."""

    first: datetime | None
    end: datetime | None


def _span(from_: Annotated[AskedMoment | None, Query(alias="from")] = None, to: AskedMoment | None = None) -> TimeRange:
    if from_ is not None and to is not None and from_ > to:
        raise MisaskedError(
            f"a span ends after it begins, from {from_.isoformat()} up to {to.isoformat()} came: swap them"
        )
    return TimeRange(from_, to)


AskedSpan = Annotated[TimeRange, Depends(_span)]


def reading_routes(engine: PlatformApi, stream: EventStream) -> APIRouter:
    """Every GET of the API."""
    router = APIRouter(prefix="/api", responses=_ALWAYS)
    _add_present(router, engine)
    _add_past(router, engine)
    _add_orders(router, engine)
    _add_stream(router, stream)
    _add_exports(router, engine)
    return router


def _add_present(router: APIRouter, engine: PlatformApi) -> None:
    written: dict[str, Any] = {}  # the newest snapshot as bytes, written once for all who ask

    @router.get("/health", include_in_schema=False)
    async def health() -> dict[str, str]:
        """Whether the process and its event loop live."""
        return {"status": "alive"}

    @router.get("/ready", include_in_schema=False)
    async def ready() -> JSONResponse:
        """Whether the engine runs, with the reason where it does not."""
        published = engine.latest.read()
        reason = unreadiness_of(published, engine.overdue_s)
        body = {"ready": not reason, "state": str(published.state), "reason": reason}
        return JSONResponse(body, 503 if reason else 200)

    @router.get("/snapshot", response_class=Response, responses=_json_of(Snapshot))
    async def snapshot() -> Response:
        """The fleet in the tick last stored."""
        now = snapshot_of(engine)
        if written.get("of") is not now:
            written.update(of=now, body=await asyncio.to_thread(SNAPSHOT_JSON.dump_json, now))
        return Response(written["body"], media_type=_JSON)

    @router.get("/sites")
    async def sites() -> tuple[SiteSnapshot, ...]:
        """Every site in the tick last stored."""
        return snapshot_of(engine).sites

    @router.get("/sites/{site_id:path}", responses=documented(404))
    async def site(site_id: Named) -> SiteSnapshot:
        """One site in the tick last stored, by its id or name."""
        known = snapshot_of(engine).sites
        try:
            return known[site_index(known, site_id)]
        except CommandError as error:
            raise NotThereError(f"{error}; GET /api/sites names them all") from error

    @router.get("/inventory")
    async def inventory() -> dict[str, tuple[InventorySnapshot, ...]]:
        """Machines by site: counted, online, derated, used."""
        return {found.id: found.inventory for found in snapshot_of(engine).sites}


def _add_past(router: APIRouter, engine: PlatformApi) -> None:
    @router.get("/history", responses=documented(404))
    async def history(
        metric: Metric,
        span: AskedSpan,
        site: Named | None = None,
        max_points: Annotated[int, Query(ge=2, le=MAX_POINTS)] = DEFAULT_POINTS,
    ) -> MetricHistory:
        """A metric over time, of a site or of the fleet, down-sampled with the extremes of each point."""
        return await _found(engine.archive.history(metric.value, site, span.first, span.end, max_points))

    @router.get("/optimizations")
    async def optimizations(
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 50,
        before: Annotated[int | None, Query(ge=0, le=MAX_TICK)] = None,
    ) -> tuple[OptimizationSnapshot, ...]:
        """The newest plans that came into force (before a tick), with reasons and provenance."""
        return await _found(engine.archive.optimizations(limit, before))

    @router.get("/optimizations/{adopted_tick}", responses=documented(404))
    async def optimization(adopted_tick: int) -> Optimization:
        """All that is stored of a plan: bound, gap, shadow prices, reasons, provenance."""
        if not 0 <= adopted_tick <= MAX_TICK:
            raise NotThereError(f"no plan came into force in tick {adopted_tick}: GET /api/optimizations names ticks")
        return await _found(engine.archive.optimization(adopted_tick))

    @router.get("/rules")
    async def rules() -> tuple[RulesSince, ...]:
        """Which version of the rules made the run, and from which tick on; older ticks are not computed again."""
        return await _found(engine.archive.rules())

    @router.get("/ledger", responses=documented(404))
    async def ledger(span: AskedSpan, site: Named | None = None) -> Ledger:
        """All lines over a span with their trial balance; whole micro-dollars and watt-hours."""
        return await _found(engine.archive.ledger(span.first, span.end, site))


def _add_orders(router: APIRouter, engine: PlatformApi) -> None:
    @router.get("/commitments")
    async def commitments(
        state: Annotated[str, Query(pattern="^(waiting|live|ended|all)$")] = "all",
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = MAX_LISTED,
    ) -> tuple[ContractRow, ...]:
        """What was booked, the newest first; what waits for its tick before all else."""
        return await _found(engine.archive.contracts(state, limit))

    @router.get("/commitments/{contract_id:path}", responses=documented(404))
    async def commitment(contract_id: Named) -> ContractLife:
        """A contract's whole life: windows, how each tick fared, what did not count. One that waits has none yet."""
        if not contract_id.isprintable():  # no contract has such an id, and PostgreSQL takes no NUL
            raise NotThereError(f"no contract {contract_id!r} was ever booked: GET /api/commitments names them")
        return await _found(engine.archive.contract(contract_id))

    @router.get("/orders")
    async def orders(
        state: Annotated[str, Query(pattern="^(waiting|obeyed|refused|withdrawn|all)$")] = "all",
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = MAX_LISTED,
    ) -> tuple[OrderRow, ...]:
        """What was ordered, the newest first, and what became of it: an order is on disk before it is confirmed."""
        return await _found(engine.archive.orders(state, limit))

    @router.get("/orders/{number}", responses=documented(404))
    async def order(number: Annotated[int, PathParameter(ge=1, le=MAX_NUMBER)]) -> OrderRow:
        """One order, and what became of it."""
        return await _found(engine.archive.order(number))


def _add_stream(router: APIRouter, stream: EventStream) -> None:
    @router.get("/events", include_in_schema=False)
    async def events(request: Request, last_event_id: Annotated[str | None, Header()] = None) -> Response:
        """Server-sent events, one for each new snapshot; resumes after Last-Event-ID."""
        text = (last_event_id or "").strip()
        last_tick = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
        who = identity_in(request.scope)
        if not stream.places.take(who):
            return problem(503, "too many streams are open: close one, or come back later")
        told = stream.events(last_tick, partial(is_still_known, request.scope))
        return Listening(told, stream.places, who)


def _add_exports(router: APIRouter, engine: PlatformApi) -> None:
    turns = asyncio.Semaphore(MAX_EXPORTS_AT_ONCE)
    sweep_exports()

    @router.get("/export/{name}", response_class=Response, responses=documented(404) | _FILES)
    async def export(name: str, span: AskedSpan) -> Response:
        """A stored table as a file: `steps.csv`, `ledger.parquet`, …"""
        table, _, form = name.partition(".")
        if table not in EXPORT_TABLES or form not in EXPORT_FORMATS:
            tables = ", ".join(EXPORT_TABLES)
            raise NotThereError(f"an export is one of {tables}, as .csv or .parquet, got {name[:80]!r}: choose one")
        folder = export_folder()
        out = Path(folder.name) / f"{table}.{form}"
        try:
            async with turns:
                await _found(engine.archive.export(table, form, out, span.first, span.end))
        except BaseException:
            folder.cleanup()
            raise
        named = f"mara-{table}.{form}"
        return FileResponse(
            out, media_type=MEDIA_TYPES[form], filename=named, background=BackgroundTask(folder.cleanup)
        )


_FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA_TYPES.values()}}
}


_AS_MEANT: Final = frozenset({EngineState.RUNNING, EngineState.PAUSED, EngineState.FINISHED})


def unreadiness_of(published: PublishedState, overdue_s: float = 0.0) -> str:
    """Why the engine is not ready; empty when it is. Neither a pause nor the end of a history is a fault."""
    if published.state is EngineState.RUNNING and overdue_s > MOST_OVERDUE_S:
        return f"a tick has been due for {overdue_s:.0f} s: see that the database and the planner answer"
    if published.state in _AS_MEANT and published.snapshot is not None:
        return ""
    return published.reason or f"the engine is {published.state}"


async def _found(answer: Awaitable[Answer]) -> Answer:
    """What the archive answers; a question about something that is not there is answered with 404."""
    try:
        return await answer
    except CommandError as error:
        raise NotThereError(str(error)) from error


def _json_of(kind: type) -> dict[int | str, dict[str, Any]]:
    """For the schema, where the body is made once and not by the framework."""
    schema = TypeAdapter(kind).json_schema(ref_template=f"#/components/schemas/{kind.__name__}/$defs/{{model}}")
    return {200: {"description": "Successful Response", "content": {_JSON: {"schema": schema}}}}
