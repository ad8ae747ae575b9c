"""Imitated devices of each kind under one roof: their faults, links, and what somebody sets by hand."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mara.signals.executors.base import Executor
from mara.signals.executors.registry import executor_of, spec_of
from tests.signals.devices import CLOCK, SECRET, a_controller, a_miner, a_service, serving

KINDS = ("webhook", "modbus", "luxos")
SITE = "site1"
MOST_MW = 30.0


@dataclass
class Rig:
    """Devices of one kind, with the table of the executors file that reaches them.

    Attributes:
        attribute: name of the setting of each device.
        owners: what their owner has set.
        by_hand: a setting that neither the owner nor Mara makes.
    """

    kind: str
    spec: dict[str, Any]
    devices: list[Any]
    attribute: str
    owners: object
    by_hand: object
    links: ExitStack
    ports: list[int] = field(default_factory=list)

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
        if self.kind == "webhook":
            url = self.links.enter_context(self.devices[0].serving(port=known[0]))
            self.ports = [int(url.split(":")[2].split("/")[0])]
        else:
            self.ports = [
                self.links.enter_context(serving(device.answer, port=port))
                for device, port in zip(self.devices, known, strict=True)
            ]


@contextmanager
def rig_of(kind: str) -> Iterator[Rig]:
    with ExitStack() as links:
        rig = _unlinked(kind, links)
        rig.link()
        if kind == "webhook":
            rig.spec["url"] = f"http://127.0.0.1:{rig.ports[0]}/limit"
        elif kind == "modbus":
            rig.spec["port"] = rig.ports[0]
        else:
            rig.spec["hosts"] = [f"127.0.0.1:{port}" for port in rig.ports]
        yield rig


def _unlinked(kind: str, links: ExitStack) -> Rig:
    common = {"site": SITE, "kind": kind, "least_interval_s": 0.0, "lease_s": 10.0}
    if kind == "webhook":
        service = a_service()
        service.most_mw = MOST_MW
        return Rig(kind, {**common, "max_mw": MOST_MW}, [service], "limit_mw", None, 3.25, links)
    if kind == "modbus":
        told = {"host": "127.0.0.1", "register": 100, "mw_per_count": 0.5, "no_limit_counts": 65_535, "max_mw": MOST_MW}
        return Rig(kind, {**common, **told}, [a_controller()], "value", 0xFFFF, 7, links)
    miners = [a_miner() for _ in range(3)]
    for miner in miners:
        miner.session_s = 0.2
    return Rig(kind, {**common, "unit_power_mw": 0.5}, miners, "mode", "None", "None", links)


def write_executors(folder: Path, rig: Rig) -> None:
    """Write `executors.toml` in a folder, for the devices of a rig."""
    rows = "\n".join(f"{name} = {_toml(value)}" for name, value in rig.spec.items())
    (folder / "executors.toml").write_text(f"[[executor]]\n{rows}\n", encoding="utf-8")


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).replace("'", '"')
