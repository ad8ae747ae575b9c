"""Benchmark of executors: time from a limit to its read-back, on imitated devices.

The devices are served by a process of their own. A thousand miners have a thousand addresses of the loopback network
and one port; some of them hang in a second round.
"""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event
from typing import Any, Final

from bench.report import Figure
from mara.signals.executors.driver import Driver, WritePace
from mara.signals.executors.hold import HoldFile
from mara.signals.executors.registry import executor_of, spec_of
from mara.signals.imitations.limit_service import ImitatedService
from mara.signals.imitations.luxos_miner import ImitatedMiner
from mara.signals.imitations.modbus_controller import ImitatedController
from mara.signals.imitations.serving import serving

MINERS: Final = 1_000
HANGING: Final = 20
UNIT_MW: Final = 0.0035
SECRET: Final = "a secret of the benchmark"  # noqa: S105  of imitated devices
ROUNDS: Final = 60
ROUNDS_LONG: Final = 300
MOST_ONE_P99_S: Final = 2.0
TICK_S: Final = 300.0
MOST_MINERS_S: Final = 20.0


def figures(*, full: bool) -> Iterator[Figure]:
    """Measure how long one device takes to be told, and a thousand, with some that hang."""
    with _devices() as ports, tempfile.TemporaryDirectory() as folder:
        for kind, spec in _single(ports).items():
            took_s = _followed(spec, Path(folder) / kind, ROUNDS_LONG if full else ROUNDS)
            name = f"signals.one_{kind}"
            yield Figure(name=f"{name}.p50_s", value=statistics.median(took_s), better="less")
            p99_s = statistics.quantiles(took_s, n=100)[98]
            yield Figure(name=f"{name}.p99_s", value=p99_s, target=MOST_ONE_P99_S, better="less")
        yield from _thousand(ports["luxos"], Path(folder) / "thousand")


def _thousand(port: int, folder: Path) -> Iterator[Figure]:
    """Tell a thousand miners, then the same with some that hang: once unknown, once known."""
    healthy = [f"{_address(number)}:{port}" for number in range(HANGING, MINERS)]
    driver = _driver(_miners([*healthy, *[f"127.0.8.{number}:{port}" for number in range(1, HANGING + 1)]]), folder)
    told_s = _told_s(driver, 0.0)
    note = "a tick has 300 s"
    yield Figure(name="signals.1000_miners.to_sleep_s", value=told_s, target=MOST_MINERS_S, better="less", note=note)
    yield Figure(name="signals.1000_miners.awake_s", value=_told_s(driver, None), target=MOST_MINERS_S, better="less")
    hanging = [f"{_address(number)}:{port}" for number in range(HANGING)]
    driver = _driver(_miners([*healthy, *hanging]), folder / "hanging")
    for name, limit_mw in (("first", 0.0), ("again", 1.0)):
        yield Figure(
            name=f"signals.1000_miners_20_hang.{name}_s",
            value=_told_s(driver, limit_mw),
            target=MOST_MINERS_S,
            better="less",
        )


def _told_s(driver: Driver, limit_mw: float | None) -> float:
    begun_s = time.monotonic()
    status = driver.follow(limit_mw, "a benchmark", is_dry=False)
    assert status.state == "written", status
    return time.monotonic() - begun_s


def _followed(spec: dict[str, Any], folder: Path, rounds: int) -> list[float]:
    driver, limits = _driver(spec, folder), cycle((0.0, 1.0))
    return [_told_s(driver, next(limits)) for _ in range(rounds)]


def _driver(spec: dict[str, Any], folder: Path) -> Driver:
    executor = executor_of(spec_of(spec, "bench"), SECRET, lambda: datetime.now(UTC), time.monotonic)
    return Driver(
        executor,
        HoldFile(folder, folder / "locks", "bench"),
        spec,
        WritePace(least_interval_s=0.0),
        lambda *_: None,
        lease=lambda: "bench",
        monotonic_s=time.monotonic,
    )


def _single(ports: dict[str, int]) -> dict[str, dict[str, Any]]:
    bounds = {"site": "bench", "max_mw": 30.0}
    modbus = {"kind": "modbus", "host": "127.0.0.1", "port": ports["modbus"], "register": 100, "mw_per_count": 0.5}
    return {
        "webhook": {**bounds, "kind": "webhook", "url": f"http://127.0.0.1:{ports['webhook']}/limit"},
        "modbus": {**bounds, **modbus, "no_limit_counts": 65_535},
        "luxos": {**_miners([f"127.0.9.9:{ports['luxos']}"]), "unit_power_mw": 1.0},
    }


def _miners(hosts: list[str]) -> dict[str, Any]:
    return {"site": "bench", "kind": "luxos", "hosts": hosts, "unit_power_mw": UNIT_MW}


def _address(number: int) -> str:
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


@contextmanager
def _devices() -> Iterator[dict[str, int]]:
    """Serve the devices in a process of their own; yield their ports."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_served, args=(there,), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.kill()
        process.join()


def _served(parent: Connection) -> None:
    miners = {_address(number): ImitatedMiner(time.monotonic) for number in range(MINERS)}
    for number in range(HANGING):
        miners[_address(number)].fault = "silent"
    miners |= {f"127.0.8.{number}": ImitatedMiner(time.monotonic) for number in range(1, HANGING + 1)}
    miners["127.0.9.9"] = ImitatedMiner(time.monotonic)
    service = ImitatedService(SECRET, lambda: datetime.now(UTC), 30.0)
    with ExitStack() as stack:
        # One listener for all addresses of the loopback network; whoever comes by another is sent away.
        luxos = stack.enter_context(
            serving(lambda caller: miners[caller.getsockname()[0]].answer(caller), "0.0.0.0")  # noqa: S104
        )
        modbus = stack.enter_context(serving(ImitatedController().answer))
        url = stack.enter_context(service.serving())
        parent.send({"luxos": luxos, "modbus": modbus, "webhook": int(url.split(":")[2].split("/")[0])})
        Event().wait()
