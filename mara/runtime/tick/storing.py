"""Waiting for a tick to be stored, and saying so when the database takes its time."""

import asyncio
from typing import Final

from mara.runtime.published_state import EngineState, StatePublisher

SLOW_STORE_S: Final = 5.0
"""From which on a tick that is being stored is shown as held up."""


async def until_stored(stored: asyncio.Future[None], tick: int, latest: StatePublisher) -> None:
    """Wait until a tick is stored, whoever else gives up waiting.

    Raises:
        StoreError: it was not stored.
    """
    done, _ = await asyncio.wait({stored}, timeout=SLOW_STORE_S)
    if not done:
        told = f"tick {tick}: the database has not answered for {SLOW_STORE_S:g} s: see that it runs"
        latest.mark(EngineState.DEGRADED, told)
    await asyncio.shield(stored)
