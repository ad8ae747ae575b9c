"""What can be changed: quotes, bookings, a new plan, the engine's controls."""

from datetime import timedelta
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
    SpeedInput,
    StepInput,
)
from mara.api.routes.json_values import plain_of
from mara.api.routes.platform_api import PlatformApi, snapshot_of
from mara.api.routes.problems import NotThereError, UnfitError, documented
from mara.api.security.permissions import Permission, permit
from mara.core.commands import MAINTENANCE, Outage, Receipt, Restore
from mara.core.fleet import site_index
from mara.core.quote import Booking, Quote, QuoteRequest
from mara.core.snapshot import ContractSnapshot, Snapshot
from mara.errors import CommandError, EngineStopped
from mara.runtime.tick.exclusions import ExclusionRequest


class Done(BaseModel):
    """Something that was taken; what was ordered is on disk, and is obeyed in the tick named: see GET /api/orders."""

    done: str
    tick: int
    orders: tuple[int, ...] = ()


def changing_routes(engine: PlatformApi) -> APIRouter:
    """Every POST and DELETE of the API."""
    router = APIRouter(prefix="/api", responses=documented(401, 403, 409, 413, 421, 422, 429, 503))

    @router.post("/quotes", status_code=201, dependencies=[_may(Permission.QUOTE)])
    async def quote(asked: QuoteInput) -> Quote:
        """A price that holds until `expires_tick`; refused with what would fit where no site can hold it."""
        offer = await engine.quote(
            QuoteRequest(
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

    @router.post("/commitments", status_code=201, dependencies=[_may(Permission.BOOK)])
    async def commit(asked: CommitmentInput) -> Booking:
        """Book a quote at its price; the same quote again is answered as the first time."""
        return await engine.book(asked.quote_id, asked.customer)

    @router.delete("/commitments/{contract_id:path}", dependencies=[_may(Permission.CANCEL)], responses=documented(404))
    async def cancel(contract_id: Named) -> Done:
        """End a live contract with the next tick; its window is settled as if it had ended."""
        try:
            receipt = await engine.cancel(contract_id)
        except EngineStopped:
            raise
        except CommandError as error:
            if any(contract.id == contract_id for contract in snapshot_of(engine).contracts):
                raise
            raise NotThereError(
                f"there is no live contract {contract_id!r}: GET /api/commitments?state=live names them"
            ) from error
        return Done(done=f"{contract_id} ends", tick=receipt.tick, orders=receipt.numbers)

    @router.post("/optimize", status_code=202, dependencies=[_may(Permission.OPTIMIZE)])
    async def optimize() -> Done:
        """Have a new plan made now; it comes into force as soon as it is there."""
        engine.optimize_now()
        return _done(engine, "a new plan is being made")

    @router.post("/control")
    async def control(asked: ControlInput, request: Request) -> Done:
        """Steer the engine, inject or end an outage, announce maintenance."""
        await permit(
            request.scope, Permission.EXCLUDE if isinstance(asked, MaintenanceInput) else Permission(asked.action)
        )
        return await _obey(asked, engine)

    return router


async def _obey(asked: ControlInput, engine: PlatformApi) -> Done:
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
            outage = Outage(site_id=_site_id(engine, asked.site_id), duration_ticks=asked.ticks)
            return _ordered("outage", await engine.order(outage))
        case RestoreInput():
            return _ordered("restore", await engine.order(Restore(site_id=_site_id(engine, asked.site_id))))
        case MaintenanceInput():
            return _done(engine, await _announce(asked, engine))
    return _done(engine, asked.action)


async def _announce(asked: MaintenanceInput, engine: PlatformApi) -> str:
    """Maintenance of a site, for every contract that runs there and is live in that time: for all, or for none."""
    snapshot, site_id = snapshot_of(engine), _site_id(engine, asked.site_id)
    if asked.from_ >= asked.to:
        raise CommandError("an exclusion should end after it begins: correct its times")
    span = span_of(asked, snapshot)
    if span[0] >= span[1]:
        raise CommandError(f"no whole tick of {snapshot.tick_minutes:g} minutes lies in that time: correct from and to")
    there = [contract for contract in snapshot.contracts if contract.site_id == site_id]
    spans = {contract.id: _lived(span, contract, snapshot) for contract in there}
    concerned = {name: (first, end) for name, (first, end) in spans.items() if first < end}
    if not concerned:
        told = f"each of the {len(there)} contracts there ends before it begins" if there else "no contract runs there"
        raise CommandError(f"nothing is to be announced at {site_id!r}: {told}")
    await engine.exclude(
        *(
            ExclusionRequest(kind=MAINTENANCE, contract_id=name, from_tick=first, to_tick=end, reason=asked.reason)
            for name, (first, end) in concerned.items()
        )
    )
    ended = len(there) - len(concerned)
    return f"maintenance announced to {len(concerned)} contracts" + (f", {ended} end before it" if ended else "")


def _lived(span: tuple[int, int], contract: ContractSnapshot, snapshot: Snapshot) -> tuple[int, int]:
    """The part of a span of ticks in which a contract is live; empty, its ends crossed, where there is none."""
    tick = timedelta(minutes=snapshot.tick_minutes)
    starts, ends = (snapshot.tick + (at - snapshot.at) // tick for at in (contract.starts_at, contract.ends_at))
    return max(span[0], starts), min(span[1], ends)


def span_of(asked: MaintenanceInput, snapshot: Snapshot) -> tuple[int, int]:
    """The ticks ``[first, end)`` that lie within the announced time, whole: what was not announced is not excused."""
    tick = timedelta(minutes=snapshot.tick_minutes)
    return snapshot.tick - (snapshot.at - asked.from_) // tick, snapshot.tick + (asked.to - snapshot.at) // tick


def _site_id(engine: PlatformApi, named: str) -> str:
    """The id of the site that an order gives by its id or name."""
    known = snapshot_of(engine).sites
    return known[site_index(known, named)].id


def _may(deed: Permission) -> Any:
    """Insist on the right to a deed, before anything is done."""

    async def judge(request: Request) -> None:
        await permit(request.scope, deed)

    return Depends(judge)


def _ordered(what: str, receipt: Receipt) -> Done:
    return Done(done=what, tick=receipt.tick, orders=receipt.numbers)


def _done(engine: PlatformApi, what: str) -> Done:
    snapshot = engine.latest.read().snapshot
    return Done(done=what, tick=snapshot.tick + 1 if snapshot is not None else 0)
