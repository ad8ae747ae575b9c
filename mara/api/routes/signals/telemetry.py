"""Signals over the API: telemetry, modes of sites, emergency stops, and their log."""

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from mara.api.routes.changes import Done, requires
from mara.api.routes.inputs import EmergencyInput, ModeInput, Named
from mara.api.routes.platform_api import PlatformApi, snapshot_of
from mara.api.routes.problems import documented, or_not_there
from mara.api.security.permissions import Permission, permit
from mara.core.dispatch_document import UNARMED, Mode
from mara.core.history import SignalEntry
from mara.core.metering import ExecutorStatus
from mara.core.overtaking import ResponseStatus
from mara.signals.meters.telemetry_json import TelemetryInput

MAX_LISTED: Final = 200


class Received(BaseModel):
    """Confirmation that readings are on disk; `repeated` of them were before."""

    accepted: int
    repeated: int
    known_at: datetime


class ModeOfSite(BaseModel):
    """Mode of a site."""

    site_id: str
    mode: Mode


def signal_routes(platform: PlatformApi) -> APIRouter:
    """Build the calls on telemetry, modes and emergencies."""
    router = APIRouter(prefix="/api", responses=documented(401, 403, 409, 413, 421, 422, 429, 503))

    @router.post("/telemetry", dependencies=[requires(Permission.TELEMETRY)])
    async def telemetry(body: TelemetryInput) -> Received:
        """Take in readings of meters, all or none; repeating them changes nothing."""
        readings = [one.reading for one in body.readings]
        receipt = await platform.signals.receive(readings)
        return Received(accepted=receipt.accepted_count, repeated=receipt.repeated_count, known_at=receipt.known_at)

    @router.get("/modes")
    async def modes() -> tuple[ModeOfSite, ...]:
        """Return the mode of every site."""
        desk = platform.signals
        return tuple(ModeOfSite(site_id=s.id, mode=desk.mode_of(s.id)) for s in snapshot_of(platform).sites)

    @router.post("/modes")
    async def set_mode(body: ModeInput, request: Request) -> ModeOfSite:
        """Put a site in a mode; dry-run and act need an admin and a reason."""
        await permit(request.scope, Permission.DISARM if body.mode in UNARMED else Permission.ARM)
        await platform.signals.set_mode(body.site_id, body.mode, body.reason)
        return ModeOfSite(site_id=body.site_id, mode=body.mode)

    @router.get("/executors")
    async def executors() -> tuple[ExecutorStatus, ...]:
        """Return the state of each executor: what was written last, or why nothing is."""
        return platform.publisher.read().executors

    @router.post("/sites/{site_id}/emergency", dependencies=[requires(Permission.EMERGENCY)])
    async def emergency(site_id: Named, body: EmergencyInput) -> Done:
        """Stop a site now, or release it.

        Executors are told at once, and the next tick obeys.
        """
        act = platform.stop_site if body.action == "stop" else platform.release_site
        receipt = await act(site_id, body.reason)
        return Done(done=f"{receipt.site_id} is {receipt.done}", tick=receipt.tick, orders=receipt.orders)

    @router.get("/responses")
    async def responses() -> tuple[ResponseStatus, ...]:
        """List the responses to orders that could not wait, from asking to reading back."""
        return platform.publisher.read().responses

    @router.get("/signals", responses=documented(404))
    async def signals(
        site: Named | None = None,
        kind: Annotated[str | None, Query(pattern="^(mode|emergency|write|planned|release|override|refused)$")] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 50,
    ) -> tuple[SignalEntry, ...]:
        """List changes of modes and writes to devices, newest first, with authors."""
        return await or_not_there(platform.archive.signals(site, kind, limit))

    return router
