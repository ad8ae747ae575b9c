"""Benchmark of the API of a real run at one tick a second.

Many clients ask at once and a chart is requested meanwhile; the event loop's lag is measured as well.
"""

import http.client
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Final

from bench.report import Figure
from bench.served import Served, served

CLIENTS: Final = 20
MEASURE_S: Final = 8.0
MEASURE_LONG_S: Final = 30.0
PAUSE_S: Final = 0.05
"""Pause [s] between requests of a client: twenty then ask 400 times a second."""
SETTLE_S: Final = 4.0
MOST_SNAPSHOT_P99_MS: Final = 20.0
MOST_LAG_P99_S: Final = 0.05


def figures(*, full: bool) -> Iterator[Figure]:
    """Measure the snapshot's latency with twenty clients, and the event loop's lag."""
    with served("--speed", "300", "--optimizer", "rules") as app:
        time.sleep(SETTLE_S)
        took_ms = _asked(app, MEASURE_LONG_S if full else MEASURE_S)
        lag_s = _lag_p99_s(app)
    percentiles = statistics.quantiles(took_ms, n=100)
    name = f"api.snapshot.{CLIENTS}_clients"
    yield Figure(name=f"{name}.p50_ms", value=percentiles[49], better="less", note=f"of {len(took_ms):,} requests")
    yield Figure(name=f"{name}.p99_ms", value=percentiles[98], target=MOST_SNAPSHOT_P99_MS, better="less")
    yield Figure(
        name="api.loop_lag.p99_s", value=lag_s, target=MOST_LAG_P99_S, better="less", note="upper bound of its class"
    )


def _asked(app: Served, measure_s: float) -> list[float]:
    """Measure the latency of each request [ms]."""
    took_ms: list[float] = []
    end_s = time.monotonic() + measure_s

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", app.port)
        while time.monotonic() < end_s:
            begun_s = time.perf_counter()
            connection.request("GET", "/api/snapshot")
            body = connection.getresponse().read()
            took_ms.append(1e3 * (time.perf_counter() - begun_s))
            assert body.startswith(b"{")
            time.sleep(PAUSE_S)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took_ms


def _lag_p99_s(app: Served) -> float:
    """Read the 99th percentile of the loop's lag [s] from the server's own metrics.

    It is the upper bound of the histogram's bucket.
    """
    with urllib.request.urlopen(f"{app.address}/metrics", timeout=10) as answer:  # noqa: S310  our own server
        text = answer.read().decode()
    lines = [line for line in text.splitlines() if line.startswith("mara_loop_lag_seconds_bucket")]
    buckets = [(line.partition('le="')[2].partition('"')[0], float(line.rsplit(" ", 1)[1])) for line in lines]
    total = buckets[-1][1]
    return next(float(bound.replace("+Inf", "inf")) for bound, count in buckets if count >= 0.99 * total)
