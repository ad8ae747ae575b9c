"""Reads of the API: the newest snapshot, the past, orders, and the event stream."""

import asyncio
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse

from mara.api.problem_body import problem
from mara.api.routes.exports import CSV, add_exports, add_tables, csv_answer
from mara.api.routes.inputs import MAX_NUMBER, AskedRange, Named
from mara.api.routes.platform_api import PlatformApi, snapshot_of
from mara.api.routes.problems import NotThereError, documented, or_not_there
from mara.api.routes.stream import SNAPSHOT_JSON, EventResponse, EventStream, last_id_of
from mara.api.security.authenticator import identity_in, is_still_known
from mara.api.tables.site_table import sites_csv, sites_csv_name
from mara.core.day_gains import DayGains, gains_with_today
from mara.core.explanation import Explanation
from mara.core.fleet import site_index
from mara.core.history import (
    ContractLife,
    ContractRow,
    ExclusionAhead,
    GuessError,
    Ledger,
    Optimization,
    OptimizationSnapshot,
    OrderRow,
)
from mara.core.live_source import SourceSnapshot
from mara.core.plan_ahead import PlanAhead
from mara.core.snapshot import InventorySnapshot, SiteSnapshot, Snapshot
from mara.core.units import MINUTES_PER_HOUR
from mara.errors import CommandError, StoreError
from mara.runtime.observe.alert_rules import MOST_OVERDUE_S
from mara.runtime.published_state import EngineState, PublishedState
from mara.runtime.replay_check import RulesSince
from mara.store.read.metrics import Metric, MetricHistory

MAX_POINTS: Final = 2_000
DEFAULT_POINTS: Final = 600
MAX_LISTED: Final = 200
MAX_QUESTION_LENGTH: Final = 300
MAX_TICK: Final = 10**9

_ALWAYS: Final = documented(401, 421, 422, 429, 503)
_JSON: Final = "application/json"
_SNAPSHOT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Successful Response",
        "content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{Snapshot.__name__}"}}},
    }
}
"""Description of the snapshot, whose schema `mara.api.routes.app` adds."""
_READY_STATES: Final = frozenset({EngineState.RUNNING, EngineState.PAUSED, EngineState.FINISHED})


def reading_routes(platform: PlatformApi, stream: EventStream) -> APIRouter:
    """Build every GET of the API."""
    router = APIRouter(prefix="/api", responses=_ALWAYS)
    _add_present(router, platform)
    _add_sites(router, platform)
    _add_feed(router, platform)
    _add_past(router, platform)
    _add_money(router, platform)
    _add_orders(router, platform)
    _add_stream(router, stream)
    add_tables(router, platform)
    add_exports(router, platform)
    return router


def _add_present(router: APIRouter, platform: PlatformApi) -> None:
    written: dict[str, Any] = {}  # the newest snapshot as bytes, written once for all clients

    @router.get("/health", include_in_schema=False)
    async def health() -> dict[str, str]:
        """Answer as long as the process and its event loop are alive."""
        return {"status": "alive"}

    @router.get("/ready", include_in_schema=False)
    async def ready() -> JSONResponse:
        """Tell whether the engine runs; 503 with the reason where it does not."""
        current = platform.publisher.read()
        reason = unreadiness_of(current, platform.overdue_s)
        body = {"ready": not reason, "state": str(current.state), "reason": reason}
        return JSONResponse(body, 503 if reason else 200)

    @router.get("/snapshot", response_class=Response, responses=_SNAPSHOT)
    async def snapshot() -> Response:
        """Return the fleet as of the tick last stored."""
        now = snapshot_of(platform)
        if written.get("of") is not now:
            written.update(of=now, body=await asyncio.to_thread(SNAPSHOT_JSON.dump_json, now))
        return Response(written["body"], media_type=_JSON)

    @router.get("/plan")
    async def plan() -> PlanAhead:
        """Return the plan in force by site and clock hour, with the prices behind it.

        `at` and `sites` are empty where the optimizer plans only the present.
        """
        ahead = platform.publisher.read().ahead
        if ahead is None:
            raise StoreError("no plan is in force here yet: ask again after the next tick")
        return ahead


def _add_sites(router: APIRouter, platform: PlatformApi) -> None:
    @router.get("/sites")
    async def sites() -> tuple[SiteSnapshot, ...]:
        """Return every site as of the tick last stored."""
        return snapshot_of(platform).sites

    @router.get("/sites.csv", response_class=Response, responses=CSV)
    async def site_table() -> Response:
        """Return every site as of the tick last stored as a CSV file."""
        now = snapshot_of(platform)
        return csv_answer(sites_csv(now), sites_csv_name(now))

    @router.get("/sites/{site_id:path}", responses=documented(404))
    async def site(site_id: Named) -> SiteSnapshot:
        """Return one site as of the tick last stored, by its id or name."""
        known = snapshot_of(platform).sites
        try:
            return known[site_index(known, site_id)]
        except CommandError as error:
            raise NotThereError(f"{error}; GET /api/sites names them all") from error

    @router.get("/inventory")
    async def inventory() -> dict[str, tuple[InventorySnapshot, ...]]:
        """Return the machines by site: counted, online, derated, used."""
        return {found.id: found.inventory for found in snapshot_of(platform).sites}


def _add_feed(router: APIRouter, platform: PlatformApi) -> None:
    @router.get("/feed")
    async def feed() -> tuple[SourceSnapshot, ...]:
        """Return the live sources, each with its newest value, age and last failure.

        A run of a synthetic or replayed world has none.
        """
        return platform.sources()

    @router.get("/feed/guesses")
    async def guesses() -> tuple[GuessError, ...]:
        """Return how good forecast prices were in the last 7 days, by site and horizon.

        Prices are compared as they were forecast then with those that came, and with the same hour a day before. Empty
        before there is anything to compare, and for fleets of more than 100 sites.
        """
        now = snapshot_of(platform)
        return await platform.archive.guesses(now.tick * now.tick_minutes // MINUTES_PER_HOUR)


def _add_past(router: APIRouter, platform: PlatformApi) -> None:
    @router.get("/history", responses=documented(404))
    async def history(
        metric: Metric,
        span: AskedRange,
        site: Named | None = None,
        max_points: Annotated[int, Query(ge=2, le=MAX_POINTS)] = DEFAULT_POINTS,
    ) -> MetricHistory:
        """Return a metric over time, of a site or the fleet.

        It is down-sampled to at most `max_points`, each with the extremes of what it stands for.
        """
        return await or_not_there(platform.archive.history(metric.value, site, span.first, span.end, max_points))

    @router.get("/optimizations")
    async def optimizations(
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 50,
        before: Annotated[int | None, Query(ge=0, le=MAX_TICK)] = None,
    ) -> tuple[OptimizationSnapshot, ...]:
        """List plans that came into force, the newest first, with reasons and provenance."""
        return await or_not_there(platform.archive.optimizations(limit, before))

    @router.get("/optimizations/{adopted_tick}", responses=documented(404))
    async def optimization(adopted_tick: int) -> Optimization:
        """Return all that is stored of a plan: bound, gap, shadow prices and reasons."""
        if not 0 <= adopted_tick <= MAX_TICK:
            raise NotThereError(f"no plan came into force in tick {adopted_tick}: GET /api/optimizations names ticks")
        return await or_not_there(platform.archive.optimization(adopted_tick))

    @router.get("/why")
    async def why(question: Annotated[str, Query(min_length=1, max_length=MAX_QUESTION_LENGTH)]) -> Explanation:
        """Answer a question in plain words from what is stored, every number a fact.

        `understood` tells what was understood; `refusal` is the kind of reason where there is no answer.
        """
        return await or_not_there(platform.archive.why(question))

    @router.get("/rules")
    async def rules() -> tuple[RulesSince, ...]:
        """List the versions of the rules that computed the run, each with its first tick.

        Ticks that an older version computed are not computed again.
        """
        return await or_not_there(platform.archive.rules())


def _add_money(router: APIRouter, platform: PlatformApi) -> None:
    @router.get("/ledger", responses=documented(404))
    async def ledger(span: AskedRange, site: Named | None = None) -> Ledger:
        """Return the ledger's lines over a time range, with their trial balance.

        Amounts are whole micro-dollars, energies whole watt-hours.
        """
        return await or_not_there(platform.archive.ledger(span.first, span.end, site))

    @router.get("/gains")
    async def gains(span: AskedRange) -> tuple[DayGains, ...]:
        """Return the gains over simpler policies by UTC day, in exact amounts.

        Days that overlap the range are listed, oldest first. The last one is under way where `is_over` is false; the
        others are stored and stay as they are.
        """
        now = snapshot_of(platform)
        stored = await or_not_there(platform.archive.daily_gains(span.first, span.end))
        return gains_with_today(stored, now, span.first, span.end)


def _add_orders(router: APIRouter, platform: PlatformApi) -> None:
    @router.get("/commitments")
    async def commitments(
        state: Annotated[str, Query(pattern="^(waiting|live|ended|all)$")] = "all",
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = MAX_LISTED,
    ) -> tuple[ContractRow, ...]:
        """List contracts: those that wait for their first tick, then the newest first."""
        return await or_not_there(platform.archive.contracts(state, limit))

    @router.get("/commitments/{contract_id:path}", responses=documented(404))
    async def commitment(contract_id: Named) -> ContractLife:
        """Return the life of a contract: windows, good and bad ticks, exclusions.

        A contract that waits for its first tick has none of them yet.
        """
        if not contract_id.isprintable():  # no contract has such an id, and PostgreSQL takes no NUL
            raise NotThereError(f"no contract {contract_id!r} was ever booked: GET /api/commitments names them")
        return await or_not_there(platform.archive.contract(contract_id))

    @router.get("/exclusions")
    async def exclusions() -> tuple[ExclusionAhead, ...]:
        """List announcements of ticks to come that will not count, by their begin."""
        return await or_not_there(platform.archive.exclusions_ahead())

    @router.get("/orders")
    async def orders(
        state: Annotated[str, Query(pattern="^(waiting|obeyed|refused|withdrawn|all)$")] = "all",
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = MAX_LISTED,
    ) -> tuple[OrderRow, ...]:
        """List orders, the newest first, with their outcome.

        An order is on disk before it is confirmed.
        """
        return await or_not_there(platform.archive.orders(state, limit))

    @router.get("/orders/{number}", responses=documented(404))
    async def order(number: Annotated[int, PathParameter(ge=1, le=MAX_NUMBER)]) -> OrderRow:
        """Return one order with its outcome."""
        return await or_not_there(platform.archive.order(number))


def _add_stream(router: APIRouter, stream: EventStream) -> None:
    @router.get("/events", include_in_schema=False)
    async def events(request: Request, last_event_id: Annotated[str | None, Header()] = None) -> Response:
        """Stream an event for each new snapshot, and for changed alerts.

        Snapshots begin with the one after Last-Event-ID.
        """
        identity = identity_in(request.scope)
        if not stream.places.acquire(identity):
            return problem(503, "too many streams are open: close one, or come back later")
        followed = stream.events(last_id_of(last_event_id), partial(is_still_known, request.scope))
        return EventResponse(followed, stream.places, identity)


def unreadiness_of(current: PublishedState, overdue_s: float = 0.0) -> str:
    """Explain why the engine is not ready; empty where it is.

    Neither a pause nor the end of a history is a fault.
    """
    if current.state is EngineState.RUNNING and overdue_s > MOST_OVERDUE_S:
        return f"a tick has been due for {overdue_s:.0f} s: see that the database and the planner answer"
    if current.state in _READY_STATES and current.snapshot is not None:
        return ""
    return current.reason or f"the engine is {current.state}"
