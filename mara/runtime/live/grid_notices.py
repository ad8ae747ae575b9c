"""Warnings of the grid's operator noted once each, and its limits kept at once."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from mara.core.commands import GridNotice
from mara.core.live_source import GridLimit, GridWarning
from mara.errors import MaraError
from mara.runtime.actor import ACTOR, REPEAT_KEY, Actor
from mara.runtime.live.commands import EmergencyDesk
from mara.runtime.tick.order_book import OrderBook

LOOK_INTERVAL_S: Final = 1.0

log = logging.getLogger("mara.platform")


async def note_warnings(
    warnings: Callable[[], tuple[GridWarning, ...] | None], orders: OrderBook, names: Mapping[str, str]
) -> None:
    """Place an order for each new warning, until cancelled.

    The order is in the audit with the VTN as its author. It is placed once, also after restarts; what cannot be placed
    now is tried again a second later.

    Args:
        names: name of each site, by its id.
    """
    noted: set[str] = set()
    while True:
        for warning in warnings() or ():
            if warning.id not in noted and await _is_noted(warning, orders, names):
                noted.add(warning.id)
        await asyncio.sleep(LOOK_INTERVAL_S)


async def _is_noted(warning: GridWarning, orders: OrderBook, names: Mapping[str, str]) -> bool:
    ACTOR.set(Actor(name=warning.author))
    REPEAT_KEY.set(f"{warning.author}, event {warning.id}")
    try:
        await orders.order(GridNotice(event_id=warning.id, kind=warning.kind, text=warning.sentence(names)))
    except MaraError as error:
        log.info("a warning is not noted yet", extra={"event": warning.id, "reason": str(error)})
        return False
    return True


async def keep_limits(limits: Callable[[], tuple[GridLimit, ...]], emergency: EmergencyDesk) -> None:
    """Have sites keep the limits that hold; look each second until cancelled."""
    while True:
        await emergency.keep(limits())
        await asyncio.sleep(LOOK_INTERVAL_S)
