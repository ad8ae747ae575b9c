"""The library pyasic-rs with imitated miners: no firmware of theirs runs without a machine."""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any


class FakeAsic:
    """A miner of the library, which may lack an ability, or have a fault.

    As the library has it, one that tells nothing is taken for one that mines, and its hashrate is then none.
    """

    make, model, firmware = "MicroBT", "M60S", "stock"

    def __init__(self, ip: str) -> None:
        self.ip = ip
        self.mode = "mining"
        self.fault = ""
        self.supports_pause = self.supports_resume = self.tells = True
        self.history: list[str] = []

    def set_auth(self, user: str, password: str) -> None:
        assert user
        assert password

    async def get_is_mining(self) -> bool:
        await self._respond()
        return self.mode == "mining" or not self.tells

    async def get_hashrate(self) -> object:
        return "59.8 TH/s" if self.tells else None

    async def pause(self) -> bool:
        return await self._switch("paused", self.supports_pause)

    async def resume(self) -> bool:
        return await self._switch("mining", self.supports_resume)

    async def _switch(self, mode: str, is_supported: bool) -> bool:
        await self._respond()
        if not is_supported:
            raise RuntimeError("unsupported")
        if self.fault == "refuse":
            return False
        if self.fault != "ignore":
            self.mode = mode
            self.history.append(mode)
        if self.fault == "reboot":
            raise ConnectionResetError
        return True

    async def _respond(self) -> None:
        if self.fault in {"silent", "slow"}:
            await asyncio.sleep(60.0)


@contextmanager
def reached_by_library(miners: list[FakeAsic]) -> Iterator[None]:
    """Put a library in the place of pyasic-rs that finds these miners, as long as the link is there."""

    class MinerFactory:
        async def get_miner(self, ip: str) -> FakeAsic | None:
            return next((miner for miner in miners if miner.ip == ip), None) if is_linked else None

    is_linked = True
    library, factory = ModuleType("pyasic_rs"), ModuleType("pyasic_rs.factory")
    factory.MinerFactory = MinerFactory  # type: ignore[attr-defined]
    sys.modules.update({"pyasic_rs": library, "pyasic_rs.factory": factory})
    try:
        yield
    finally:
        is_linked = False


def forget_library() -> None:
    """Take the library away again."""
    for name in ("pyasic_rs", "pyasic_rs.factory"):
        sys.modules.pop(name, None)


class LinkedAsic(FakeAsic):
    """A miner that processes reach by a port of this machine, through the library of `write_library`."""

    def answer(self, link: socket.socket) -> None:
        """Obey a connection's one command."""
        with link.makefile("r") as heard:
            command = json.loads(heard.readline() or "null")
        if command in {"get_is_mining", "get_hashrate", "pause", "resume"}:
            link.sendall(json.dumps(asyncio.run(getattr(self, command)())).encode() + b"\n")


class AsicByPort:
    """A miner as the written library gives it, which passes on what it is told."""

    make, model, firmware = FakeAsic.make, FakeAsic.model, FakeAsic.firmware
    supports_pause = supports_resume = True

    def __init__(self, host: str) -> None:
        self.host = host

    async def get_is_mining(self) -> bool:
        return await self._told("get_is_mining")

    async def get_hashrate(self) -> object:
        return await self._told("get_hashrate") or None

    async def pause(self) -> bool:
        return await self._told("pause")

    async def resume(self) -> bool:
        return await self._told("resume")

    async def _told(self, command: str) -> bool:
        name, _, port = self.host.partition(":")
        reader, writer = await asyncio.open_connection(name, int(port))
        writer.write(json.dumps(command).encode() + b"\n")
        said: Any = json.loads(await reader.readline())
        writer.close()
        return bool(said)


LIBRARY = """
from tests.signals.asics import AsicByPort

class MinerFactory:
    async def get_miner(self, host):
        return AsicByPort(host)
"""


def write_library(folder: Path) -> None:
    """Write a library that stands in for pyasic-rs in other processes, which have the folder in their path."""
    package = folder / "pyasic_rs"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "factory.py").write_text(LIBRARY, encoding="utf-8")
