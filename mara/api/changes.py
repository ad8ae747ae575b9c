"""What can be changed: quotes, bookings, a new plan, the engine's controls."""

from datetime import timedelta

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mara.api.identity import Identity, identity_in
from mara.api.inputs import (
    CommitmentInput,
    ControlInput,
    MaintenanceInput,
    Named,
    OutageInput,
    PaceInput,
    QuoteInput,
    RestoreInput,
    SpeedInput,
    StepInput,
)
from mara.api.port import Engine, snapshot_of
from mara.api.problems import NotThereError, UnfitError, documented
from mara.core.commands import Outage, Restore
from mara.core.fleet import site_index
from mara.core.quote import Ask, Booking, Quote, plain_of
from mara.core.snapshot import Snapshot
from mara.errors import CommandError
from mara.runtime.exclusions import MAINTENANCE, Announcement


class Done(BaseModel):
    """An order that was taken; it is obeyed in the tick named, or at once."""

    done: str
    tick: int


def changing_routes(engine: Engine) -> APIRouter:
    """Every POST and DELETE of the API."""
    router = APIRouter(prefix="/api", responses=documented(401, 403, 409, 413, 421, 422, 429, 503))
    operator = Depends(_operator)

    @router.post("/quotes", status_code=201, dependencies=[operator])
    async def quote(asked: QuoteInput) -> Quote:
        """A price that holds until `expires_tick`; refused with what would fit where no site can hold it."""
        offer = await engine.quote(
            Ask(
                tier=asked.tier,
                power_mw=asked.power_mw,
                duration_h=asked.hours,
                customer=asked.customer,
                region=asked.region,
            )
        )
        if offer.refusal:
            raise UnfitError(offer.refusal, plain_of(offer)["alternatives"])
        return offer

    @router.post("/commitments", status_code=201, dependencies=[operator])
    async def commit(asked: CommitmentInput) -> Booking:
        """Book a quote at its price; the same quote again is answered as the first time."""
        return await engine.book(asked.quote_id, asked.customer)

    @router.delete("/commitments/{contract_id:path}", dependencies=[operator], responses=documented(404))
    async def cancel(contract_id: Named) -> Done:
        """End a live contract with the next tick; its window is settled as if it had ended."""
        if all(contract.id != contract_id for contract in snapshot_of(engine).contracts):
            raise NotThereError(
                f"there is no live contract {contract_id!r}: GET /api/commitments?state=live names them"
            )
        engine.cancel(contract_id)
        return _done(engine, f"{contract_id} ends")

    @router.post("/optimize", status_code=202, dependencies=[operator])
    async def optimize() -> Done:
        """Have a new plan made now; it comes into force as soon as it is there."""
        engine.optimize_now()
        return _done(engine, "a new plan is being made")

    @router.post("/control", dependencies=[operator])
    async def control(asked: ControlInput, request: Request) -> Done:
        """Steer the engine, inject or end an outage, announce maintenance."""
        return _done(engine, await _obey(asked, engine, identity_in(request.scope)))

    return router


async def _obey(asked: ControlInput, engine: Engine, identity: Identity) -> str:
    match asked:
        case PaceInput(action="pause"):
            engine.pause()
        case PaceInput():
            engine.resume()
        case StepInput():
            engine.step(asked.ticks)
        case SpeedInput():
            engine.set_speed(asked.speed)
        case OutageInput():
            engine.order(Outage(site_id=_site_id(engine, asked.site_id), duration_ticks=asked.ticks))
        case RestoreInput():
            engine.order(Restore(site_id=_site_id(engine, asked.site_id)))
        case MaintenanceInput():
            return await _announce(asked, engine, identity)
    return asked.action


async def _announce(asked: MaintenanceInput, engine: Engine, identity: Identity) -> str:
    """Maintenance of a site, for every contract that runs there now."""
    if asked.from_ >= asked.to:
        raise CommandError("an exclusion should end after it begins: correct its times")
    snapshot, site_id = snapshot_of(engine), _site_id(engine, asked.site_id)
    there = [contract for contract in snapshot.contracts if contract.site_id == site_id]
    if not there:
        raise CommandError(f"no contract runs at {site_id!r}: there is nothing to announce")
    first, end = span_of(asked, snapshot)
    for contract in there:
        await engine.exclude(
            Announcement(
                kind=MAINTENANCE,
                contract_id=contract.id,
                from_tick=first,
                to_tick=end,
                reason=asked.reason,
                author=identity.name,
            )
        )
    return f"maintenance announced to {len(there)} contracts"


def span_of(asked: MaintenanceInput, snapshot: Snapshot) -> tuple[int, int]:
    """The ticks ``[first, end)`` that lie within the announced time, whole: what was not announced is not excused."""
    tick = timedelta(minutes=snapshot.tick_minutes)
    return snapshot.tick - (snapshot.at - asked.from_) // tick, snapshot.tick + (asked.to - snapshot.at) // tick


def _site_id(engine: Engine, named: str) -> str:
    """The id of the site that an order gives by its id or name."""
    known = snapshot_of(engine).sites
    return known[site_index(known, named)].id


def _operator(request: Request) -> None:
    """Insist on the role that changes need."""
    identity = identity_in(request.scope)
    if not identity.may("operator"):
        told = f"that needs the role operator, {identity.name} is {identity.role}: ask an admin"
        raise HTTPException(403, told)


def _done(engine: Engine, what: str) -> Done:
    snapshot = engine.latest.read().snapshot
    return Done(done=what, tick=snapshot.tick + 1 if snapshot is not None else 0)
