"""Alerts over the API: those that stand, those of the past, and orders about them."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter

from mara.api.routes.changes import requires
from mara.api.routes.inputs import MAX_NUMBER, AlertsInput, AskedRange, SilenceInput, TimeRange
from mara.api.routes.platform_api import PlatformApi
from mara.api.routes.problems import documented, or_not_there
from mara.api.security.permissions import Permission
from mara.core.alert import Alert
from mara.store.write.alert_log import MOST_ALERTS

DEFAULT_LISTED: Final = 200
State = Literal["standing", "open", "acknowledged", "silenced", "ended", "all"]


def alert_routes(platform: PlatformApi) -> APIRouter:
    """Build every call about alerts."""
    router = APIRouter(prefix="/api/alerts", responses=documented(401, 403, 409, 413, 421, 422, 429, 503))
    _add_reads(router, platform)
    _add_orders(router, platform)
    return router


def _add_reads(router: APIRouter, platform: PlatformApi) -> None:
    @router.get("")
    async def alerts(
        span: AskedRange,
        state: State = "standing",
        severity: Literal["", "critical", "warning"] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_ALERTS)] = DEFAULT_LISTED,
    ) -> tuple[Alert, ...]:
        """List the alerts that stand, the worst first, or those of the past.

        Those of the past come the newest first.

        `from` and `to` are times of the fleet's clock; an alert belongs to a time in which it stood.
        """
        found = await _alerts_in(platform, span, state)
        return tuple(alert for alert in found if severity in ("", alert.severity))[:limit]

    @router.get("/{number}", responses=documented(404))
    async def alert(number: Annotated[int, PathParameter(ge=1, le=MAX_NUMBER)]) -> Alert:
        """Return one alert, whether it stands or is over."""
        standing = {alert.number: alert for alert in platform.publisher.read().alerts}
        if number in standing:
            return standing[number]
        return await or_not_there(platform.archive.alert(number))


def _add_orders(router: APIRouter, platform: PlatformApi) -> None:
    @router.post("/acknowledge", dependencies=[requires(Permission.ACKNOWLEDGE)])
    async def acknowledge(body: AlertsInput) -> tuple[Alert, ...]:
        """Note that somebody has seen the alerts, all or none."""
        return await platform.alerts.acknowledge(*body.alerts)

    @router.post("/reopen", dependencies=[requires(Permission.ACKNOWLEDGE)])
    async def reopen(body: AlertsInput) -> tuple[Alert, ...]:
        """Take back that the alerts were seen."""
        return await platform.alerts.reopen(*body.alerts)

    @router.post("/silence", dependencies=[requires(Permission.SILENCE)])
    async def silence(body: SilenceInput) -> tuple[Alert, ...]:
        """Silence the kind and subject of alerts until a time.

        An alert that gets worse is told of again.
        """
        return await platform.alerts.silence(*body.alerts, until=body.until)

    @router.post("/unsilence", dependencies=[requires(Permission.SILENCE)])
    async def unsilence(body: AlertsInput) -> tuple[Alert, ...]:
        """End the silence of alerts."""
        return await platform.alerts.unsilence(*body.alerts)


async def _alerts_in(platform: PlatformApi, span: TimeRange, state: State) -> tuple[Alert, ...]:
    """List the alerts of a state; stored ones that stand are shown as they are now."""
    standing = platform.publisher.read().alerts
    if state not in ("ended", "all") and span == TimeRange(None, None):
        return tuple(alert for alert in standing if state in ("standing", alert.state))
    stored = await or_not_there(platform.archive.alerts(span.first, span.end, MOST_ALERTS))
    now = {alert.number: alert for alert in standing}
    found = tuple(now.get(alert.number, alert) for alert in stored)
    states = {"standing": {"open", "acknowledged", "silenced"}, "all": set[str]()}.get(state, {state})
    return tuple(alert for alert in found if not states or alert.state in states)
