"""Imitated devices of each kind under one roof: their faults, links, and what somebody sets by hand."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mara.signals.executors.base import Executor
from mara.signals.executors.registry import executor_of, spec_of
from mara.signals.imitations.kube_api import TOKEN, ImitatedCluster
from tests.signals.asics import FakeAsic, LinkedAsic, forget_library, reached_by_library
from tests.signals.devices import CLOCK, SECRET, a_controller, a_miner, a_service, serving
from tests.signals.gpus import KILOWATT, ImitatedDriver, imitated_gpus

KINDS = ("webhook", "modbus", "luxos", "kueue", "asic", "nvml")
SITE = "site1"
MOST_MW = 30.0


@dataclass
class Rig:
    """Devices of one kind, with the table of the executors file that reaches them.

    Attributes:
        attribute: name of the setting of each device.
        owners: what their owner has set.
        by_hand: a setting that neither the owner nor Mara makes.
        ports: those of the devices; of GPUs their indexes.
        driver: driver of the devices, where they are GPUs.
    """

    kind: str
    spec: dict[str, Any]
    devices: list[Any]
    attribute: str
    owners: object
    by_hand: object
    links: ExitStack
    ports: list[int] = field(default_factory=list)
    driver: ImitatedDriver | None = None

    @property
    def executor(self) -> Executor:
        return executor_of(spec_of(self.spec, "a test"), SECRET, CLOCK.now, CLOCK.monotonic_s)

    @property
    def values(self) -> list[object]:
        return [getattr(device, self.attribute) for device in self.devices]

    @property
    def is_owners(self) -> bool:
        return self.values == [self.owners] * len(self.devices)

    @property
    def outside(self) -> list[object]:
        """Settings beyond its bounds that a device was told."""
        return [value for device in self.devices for value in getattr(device, "outside", [])]

    def break_down(self, fault: str) -> None:
        for device in self.devices:
            device.fault = fault

    def set_by_hand(self) -> None:
        setattr(self.devices[0], self.attribute, self.by_hand)

    def cut(self) -> None:
        self.links.close()

    def link(self) -> None:
        """Serve the devices, after a cut at the ports that they had."""
        known = self.ports or [0] * len(self.devices)
        if self.kind == "asic" and not isinstance(self.devices[0], LinkedAsic):
            self.links.enter_context(reached_by_library(self.devices))
        elif self.driver is not None:
            self.links.enter_context(self.driver.loaded())
            self.ports = list(range(len(self.devices)))
        elif self.kind in {"webhook", "kueue"}:
            url = self.links.enter_context(self.devices[0].serving(port=known[0]))
            self.ports = [int(url.split(":")[2].split("/")[0])]
        else:
            self.ports = [
                self.links.enter_context(serving(device.answer, port=port))
                for device, port in zip(self.devices, known, strict=True)
            ]


@contextmanager
def rig_of(kind: str, *, is_linked: bool = False) -> Iterator[Rig]:
    """Serve devices of a kind; `is_linked` where other processes are to reach ASIC miners too."""
    with ExitStack() as devices, ExitStack() as links:
        rig = _gpus(devices.enter_context(imitated_gpus()), links) if kind == "nvml" else _unlinked(kind, links)
        if kind == "asic" and is_linked:
            rig.devices = [LinkedAsic("") for _ in rig.devices]
        rig.link()
        if kind == "webhook":
            rig.spec["url"] = f"http://127.0.0.1:{rig.ports[0]}/limit"
        elif kind == "kueue":
            rig.spec["url"] = f"http://127.0.0.1:{rig.ports[0]}"
        elif kind == "asic" and not is_linked:
            rig.spec["hosts"] = [miner.ip for miner in rig.devices]
        elif kind == "modbus":
            rig.spec["port"] = rig.ports[0]
        elif rig.driver is None:
            rig.spec["hosts"] = [f"127.0.0.1:{port}" for port in rig.ports]
        try:
            yield rig
        finally:
            if kind == "asic":
                forget_library()


def _gpus(driver: ImitatedDriver, links: ExitStack) -> Rig:
    """Megawatts are shared out to GPUs like any other power, so these take some hundreds of kilowatts each."""
    spec = {**_common("nvml"), "gpus": [gpu.uuid for gpu in driver.gpus]}
    return Rig("nvml", spec, list(driver.gpus), "limit", 700 * KILOWATT, 123 * KILOWATT, links, driver=driver)


def _common(kind: str) -> dict[str, Any]:
    return {"site": SITE, "kind": kind, "least_interval_s": 0.0, "lease_s": 10.0}


def _unlinked(kind: str, links: ExitStack) -> Rig:
    common = _common(kind)
    if kind == "webhook":
        service = a_service()
        service.most_mw = MOST_MW
        return Rig(kind, {**common, "max_mw": MOST_MW}, [service], "limit_mw", None, 3.25, links)
    if kind == "modbus":
        told = {"host": "127.0.0.1", "register": 100, "mw_per_count": 0.5, "no_limit_counts": 65_535, "max_mw": MOST_MW}
        return Rig(kind, {**common, **told}, [a_controller()], "value", 0xFFFF, 7, links)
    if kind == "kueue":
        queue = {"cluster_queue": "inference", "flavor": "h100", "unit_power_mw": 0.5, "url": "http://127.0.0.1"}
        spec = {**common, **queue, "token_file": str(token_file())}
        return Rig(kind, spec, [ImitatedCluster()], "setting", "None 60", "Hold 60", links)
    if kind == "asic":
        asics = [FakeAsic(f"10.0.0.{number}") for number in range(3)]
        return Rig(kind, {**common, "unit_power_mw": 0.5}, asics, "mode", "mining", "mining", links)
    miners = [a_miner() for _ in range(3)]
    for miner in miners:
        miner.session_s = 0.2
    return Rig(kind, {**common, "unit_power_mw": 0.5}, miners, "mode", "None", "None", links)


def token_file() -> Path:
    path = Path(tempfile.gettempdir()) / f"mara-test-token-{os.getpid()}"
    path.write_text(TOKEN, encoding="utf-8")
    return path


def write_executors(folder: Path, *rigs: Rig) -> None:
    """Write `executors.toml` in a folder, for the devices of rigs."""
    tables = ("\n".join(f"{name} = {_toml(value)}" for name, value in rig.spec.items()) for rig in rigs)
    text = "".join(f"[[executor]]\n{rows}\n" for rows in tables)
    (folder / "executors.toml").write_text(text, encoding="utf-8")


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).replace("'", '"')
