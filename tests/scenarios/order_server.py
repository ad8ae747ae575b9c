"""A live run with its API in a process of its own, which also orders as pages do.

It calls the platform's methods, and reports the answer for each order once it is confirmed. Its fault is ``none``,
``full`` (the disk is full after a second) or ``checkpoint`` (every few commits is followed by one).
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from multiprocessing.connection import Connection

import uvicorn
from starlette.applications import Starlette

from mara.api.gateway.gate import Gate
from mara.api.routes.app import PathDispatcher, api_of
from mara.api.security.origins import Origins
from mara.bootstrap import platform_of
from mara.core.commands import Outage, Restore
from mara.core.quote import QuoteRequest
from mara.errors import MaraError
from mara.runtime.clock import SystemClock
from mara.runtime.live.platform import Platform
from mara.settings import Settings
from mara.store.backends.sqlite_connection import pragma

SPEED = 3_000.0
"""Ten ticks a second."""
PAGES_A_CHECKPOINT = 40
FULL_AFTER_S = 1.0


async def order_as_a_page_does(platform: Platform, pause_s: float, told: Connection) -> None:
    for number in count():
        await asyncio.sleep(pause_s)
        try:
            if number % 4 == 3:
                quote = await platform.quote(QuoteRequest(tier="flexible", power_mw=0.01, duration_h=100.0))
                if quote.refusal:
                    continue
                told.send({"contract": (await platform.book(quote.id, "page")).contract_id})
            else:
                site = "iceland_is" if number % 2 else "texas_us"
                known = platform.publisher.read().snapshot
                site = known.sites[number % 2].id if known else site
                command = Restore(site_id=site) if number % 4 == 1 else Outage(site_id=site, duration_ticks=1)
                told.send({"orders": (await platform.order(command)).numbers})
        except MaraError as error:
            told.send({"refused": str(error)})


async def fill_the_disk(platform: Platform, fault: str) -> None:
    connection = platform._opened.store._connection
    if fault == "checkpoint":
        pragma(connection, f"wal_autocheckpoint = {PAGES_A_CHECKPOINT}")
    if fault == "full":
        await asyncio.sleep(FULL_AFTER_S)
        pragma(connection, "max_page_count = 1")


def serve(url: str, port: int, page_orders_per_s: float, fault: str, told: Connection) -> None:
    platform = platform_of(Settings(database_url=url, optimizer="rules", speed=SPEED))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await platform.start()
        tasks = [asyncio.create_task(fill_the_disk(platform, fault))]
        if page_orders_per_s:
            tasks.append(asyncio.create_task(order_as_a_page_does(platform, 1.0 / page_orders_per_s, told)))
        yield
        for task in tasks:
            task.cancel()
        await platform.stop()

    origins = Origins.of(host="127.0.0.1", scheme="http", allowed_hosts=(), is_open=False)
    app = Gate(
        PathDispatcher(Starlette(lifespan=lifespan), api=api_of(platform)),
        origins=origins,
        clock=SystemClock(),
        authenticator=None,
        limited=False,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the server ends in order first, and hands it on to this
    uvicorn.run(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=2)
