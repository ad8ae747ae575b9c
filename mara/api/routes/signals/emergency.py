"""Orders over the API that overtake the tick: to stop a site at once, and its release."""

from fastapi import APIRouter

from mara.api.routes.changes import Done, requires
from mara.api.routes.inputs import EmergencyInput, Named
from mara.api.routes.platform_api import PlatformApi
from mara.api.routes.problems import documented
from mara.api.security.permissions import Permission
from mara.core.overtaking import ResponseStatus


def emergency_routes(platform: PlatformApi) -> APIRouter:
    """Build the calls that stop and release a site, and that tell of responses."""
    router = APIRouter(prefix="/api", responses=documented(401, 403, 409, 413, 421, 422, 429, 503))

    @router.post("/sites/{site_id}/emergency", dependencies=[requires(Permission.EMERGENCY)])
    async def emergency(site_id: Named, body: EmergencyInput) -> Done:
        """Stop a site now, or release it: executors are told at once, and the next tick obeys."""
        act = platform.stop_site if body.action == "stop" else platform.release_site
        receipt = await act(site_id, body.reason)
        return Done(done=f"{receipt.site_id} is {receipt.done}", tick=receipt.tick, orders=receipt.orders)

    @router.get("/responses")
    async def responses() -> tuple[ResponseStatus, ...]:
        """Tell how orders that could not wait were responded to, from asking to reading back."""
        return platform.publisher.read().responses

    return router
