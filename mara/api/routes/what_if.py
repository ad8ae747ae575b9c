"""Questions over the API about changed conditions: what the best plan would be."""

from fastapi import APIRouter

from mara.api.routes.inputs import WhatIfInput
from mara.api.routes.platform_api import PlatformApi
from mara.api.routes.problems import documented
from mara.core.quote import QuoteRequest
from mara.core.what_if import WhatIf, WhatIfRequest


def what_if_routes(platform: PlatformApi) -> APIRouter:
    """Build the call that answers what-if questions, to everybody who may read."""
    router = APIRouter(prefix="/api", responses=documented(401, 403, 409, 413, 421, 422, 429, 503))

    @router.post("/what-if")
    async def what_if(body: WhatIfInput) -> WhatIf:
        """Compare the best plan of the next tick with the best one under some changes.

        Both are answers of the linear program. The run and its plan stay as they are.
        """
        return await platform.what_if(asked_in(body))

    return router


def asked_in(body: WhatIfInput) -> WhatIfRequest:
    """Convert a body to the question that it asks."""
    contract = body.contract
    return WhatIfRequest(
        price_change_share=body.price_change_share,
        price_change_usd_per_mwh=body.price_change_usd_per_mwh,
        price_site_id=body.price_site_id,
        hashprice_change_share=body.hashprice_change_share,
        token_price_change_share=body.token_price_change_share,
        off_site_ids=tuple(body.off_site_ids),
        contract=None
        if contract is None
        else QuoteRequest(tier=contract.tier, power_mw=contract.power_mw, duration_h=contract.hours),
    )
