"""Changes over the API: quotes, bookings, a new plan, and the engine's controls."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from mara.api.routes.inputs import (
    CommitmentInput,
    ControlInput,
    MaintenanceInput,
    Named,
    OutageInput,
    PaceInput,
    QuoteInput,
    RestoreInput,
    RetractInput,
    SpeedInput,
    StepInput,
)
from mara.api.routes.json_values import plain_of
from mara.api.routes.platform_api import PlatformApi, snapshot_of
from mara.api.routes.problems import NotThereError, UnfitError, documented
from mara.api.security.permissions import Permission, permit
from mara.core.commands import Outage, Receipt, Restore
from mara.core.fleet import site_index
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.errors import CommandError, EngineStopped
from mara.runtime.tick.site_maintenance import grid_of, maintenance_at, retraction_of


class Done(BaseModel):
    """Acceptance of a change.

    Orders are on disk, and are obeyed in the tick that is named; see GET /api/orders.
    """

    done: str
    tick: int
    orders: tuple[int, ...] = ()


def changing_routes(platform: PlatformApi) -> APIRouter:
    """Build every POST and DELETE of the API."""
    router = APIRouter(prefix="/api", responses=documented(401, 403, 409, 413, 421, 422, 429, 503))

    @router.post("/quotes", status_code=201, dependencies=[requires(Permission.QUOTE)])
    async def quote(body: QuoteInput) -> Quote:
        """Quote a price that holds until `expires_tick`.

        Where no site can hold the contract, the refusal names what would fit.
        """
        offer = await platform.quote(
            QuoteRequest(
                tier=body.tier,
                power_mw=body.power_mw,
                duration_h=body.hours,
                customer=body.customer,
                region=body.region,
            )
        )
        if offer.refusal:
            raise UnfitError(offer.refusal, plain_of(offer)["alternatives"])
        return offer

    @router.post("/commitments", status_code=201, dependencies=[requires(Permission.BOOK)])
    async def commit(body: CommitmentInput) -> Booking:
        """Book a quote at its price; booking it again returns the first answer."""
        return await platform.book(body.quote_id, body.customer)

    @router.delete(
        "/commitments/{contract_id:path}", dependencies=[requires(Permission.CANCEL)], responses=documented(404)
    )
    async def cancel(contract_id: Named) -> Done:
        """End a live contract with the next tick, and settle its window at that point."""
        try:
            receipt = await platform.cancel(contract_id)
        except EngineStopped:
            raise
        except CommandError as error:
            if any(contract.id == contract_id for contract in snapshot_of(platform).contracts):
                raise
            raise NotThereError(
                f"there is no live contract {contract_id!r}: GET /api/commitments?state=live names them"
            ) from error
        return Done(done=f"{contract_id} ends", tick=receipt.tick, orders=receipt.numbers)

    @router.post("/optimize", status_code=202, dependencies=[requires(Permission.OPTIMIZE)])
    async def optimize() -> Done:
        """Ask for a new plan now; it comes into force as soon as it is ready."""
        platform.optimize_now()
        return _done(platform, "a new plan is being made")

    @router.post("/control")
    async def control(body: ControlInput, request: Request) -> Done:
        """Steer the engine, inject or end an outage, announce maintenance, take it back."""
        announces = isinstance(body, MaintenanceInput | RetractInput)
        await permit(request.scope, Permission.EXCLUDE if announces else Permission(body.action))
        return await _execute(body, platform)

    return router


async def _execute(body: ControlInput, platform: PlatformApi) -> Done:
    match body:
        case PaceInput(action="pause"):
            platform.pause()
        case PaceInput():
            platform.resume()
        case StepInput():
            platform.step(body.ticks)
        case SpeedInput():
            platform.set_speed(body.speed_factor)
        case OutageInput():
            outage = Outage(site_id=_site_id(platform, body.site_id), duration_ticks=body.ticks)
            return _ordered("outage", await platform.order(outage))
        case RestoreInput():
            return _ordered("restore", await platform.order(Restore(site_id=_site_id(platform, body.site_id))))
        case MaintenanceInput():
            return await _announce(body, platform)
        case RetractInput():
            site_id = _site_id(platform, body.site_id) if body.site_id else ""
            retract = retraction_of(site_id, body.contract_id, body.from_, grid_of(snapshot_of(platform)))
            return _ordered("taken back: these ticks count", await platform.order(retract))
    return _done(platform, body.action)


async def _announce(body: MaintenanceInput, platform: PlatformApi) -> Done:
    """Announce maintenance to every contract at the site that is live in that time.

    Raises:
        CommandError: maintenance cannot be announced to one of the contracts, or there are none; nothing is announced
            then.
    """
    site_id = _site_id(platform, body.site_id)
    maintenance = maintenance_at(site_id, body.from_, body.to, body.reason, snapshot_of(platform))
    receipt = await platform.exclude(*maintenance.asked)
    ended = f", {maintenance.ended_count} end before it" if maintenance.ended_count else ""
    return _ordered(f"maintenance announced to {len(maintenance.asked)} contracts{ended}", receipt)


def _site_id(platform: PlatformApi, named: str) -> str:
    """Look up the id of a site that is named by its id or name."""
    known = snapshot_of(platform).sites
    return known[site_index(known, named)].id


def requires(permission: Permission) -> Any:
    """Make a dependency that checks a permission before the route runs."""

    async def check(request: Request) -> None:
        await permit(request.scope, permission)

    return Depends(check)


def _ordered(what: str, receipt: Receipt) -> Done:
    return Done(done=what, tick=receipt.tick, orders=receipt.numbers)


def _done(platform: PlatformApi, what: str) -> Done:
    snapshot = platform.publisher.read().snapshot
    return Done(done=what, tick=snapshot.tick + 1 if snapshot is not None else 0)
