"""Benchmark of serving the dashboard of a real run at one tick a second.

It measures CPU time by number of viewers, bytes sent, and the first visit of a real browser, where one is installed.
"""

import asyncio
import shutil
import statistics
import time
from collections.abc import Iterator
from typing import Final

from bench.report import Figure
from bench.served import Served, served
from bench.viewers import Meter, cpu_s, viewers

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
SETTLE_S: Final = 3.0
MEASURE_S: Final = 15.0
MEASURE_LONG_S: Final = 60.0
MOST_CPU_SHARE: Final = 0.5
MOST_BYTES_A_TICK: Final = 4_000.0
MOST_BYTES_A_PAGE: Final = 2_500_000.0
MOST_FIRST_NUMBER_S: Final = 2.0
ONE_TICK_A_SECOND: Final = ("--speed", "300")


def figures(*, full: bool) -> Iterator[Figure]:
    """Measure 0, 1, 10 and 50 viewers; with `full` each for a minute."""
    measure_s = MEASURE_LONG_S if full else MEASURE_S
    with served(*ONE_TICK_A_SECOND) as app:
        for count in (0, 1, 10, 50):
            yield from asyncio.run(_figures_of(app, count, measure_s))
        yield from _first_visit(app)


async def _figures_of(app: Served, count: int, measure_s: float) -> list[Figure]:
    """Measure the server's CPU time with `count` viewers, and the bytes sent to one."""
    meter = Meter(app.port)
    address = await meter.open()
    async with viewers(address, count, f"127.0.0.1:{app.port}") as looking:
        await asyncio.sleep(SETTLE_S)
        cpu_before_s, bytes_before, begun_s = cpu_s(app.pid), meter.bytes_count, time.monotonic()
        await asyncio.sleep(measure_s)
        took_s = time.monotonic() - begun_s
        share = (cpu_s(app.pid) - cpu_before_s) / took_s
        bytes_a_tick = (meter.bytes_count - bytes_before) / took_s / max(count, 1)
        firsts_s = [viewer.pictures[0][0] for viewer in looking]
    meter.close()
    name = f"ui.{count}_clients"
    found = [
        Figure(
            name=f"{name}.cpu_share",
            value=share,
            target=MOST_CPU_SHARE if count == 50 else None,
            better="less",
            note="of one core, one tick a second, engine included",
        )
    ]
    if count:
        found.append(
            Figure(
                name=f"{name}.bytes_per_tick_per_client",
                value=bytes_a_tick,
                target=MOST_BYTES_A_TICK,
                better="less",
                note="on the wire, deflated",
            )
        )
        found.append(Figure(name=f"{name}.first_picture_s", value=statistics.median(firsts_s), better="less"))
    return found


def _first_visit(app: Served) -> Iterator[Figure]:
    """Measure a first visit without a cache: bytes, and time to the first number."""
    browser_path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser_path is None:
        return
    from playwright.sync_api import sync_playwright

    loaded: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.loadingFinished", lambda event: loaded.append(event["encodedDataLength"]))
        begun_s = time.monotonic()
        page.goto(app.address, wait_until="commit")
        page.wait_for_function("/\\d/.test(document.querySelector('.kpi-value .figure')?.textContent ?? '')")
        first_number_s = time.monotonic() - begun_s
        page.wait_for_selector(".line-chart .main-svg", state="attached")
        page.wait_for_timeout(1_000)
        browser.close()
    yield Figure(name="ui.page.first_number_s", value=first_number_s, target=MOST_FIRST_NUMBER_S, better="less")
    yield Figure(
        name="ui.page.bytes", value=sum(loaded), target=MOST_BYTES_A_PAGE, better="less", note="first visit, compressed"
    )
