"""Fixtures of a simulated browser: pages are built and clicked in this process."""

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from nicegui import Client, ui
from nicegui.testing import User, user_simulation

from components.shared.view_model import ViewModel
from pages.authorization import Authorized
from pages.serving.publisher import Publisher
from tests.skipped_time import SkippingLoop
from tests.ui.platform import FakePlatform

UNDO_S = 0.2


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Let no test of a screen wait for a timer."""
    return {"skipping": SkippingLoop}


@dataclass
class Screen:
    """A user before the overview, with the platform behind it and the publisher.

    The publisher looks for changes only when a test says so.
    """

    user: User
    platform: FakePlatform
    publisher: Publisher
    sent: list[str]
    desk: Authorized

    async def open(self, path: str = "/") -> Client:
        client = await self.user.open(path)
        emit = client.outbox._emit

        async def keep(message: tuple[str, str, dict[str, object]]) -> None:
            if message[1] == "run_javascript":
                self.sent.append(str(message[2]["code"]))
            await emit(message)

        client.outbox._emit = keep  # type: ignore[method-assign]
        await self.delivery()
        return client

    def give_time_to_undo(self) -> None:
        """Extend the time for undoing an order beyond what a busy machine needs."""
        self.desk.undo.span_s = 30.0

    async def delivery(self) -> None:
        """Wait until the outbox has sent all its messages; it looks every 0.1 s for a connection."""
        await asyncio.sleep(0.15)

    async def after_a_look(self) -> ViewModel:
        """Call the publisher's `look`, and return the update sent to this user, or none."""
        await self.delivery()
        self.sent.clear()
        self.publisher.look()
        await self.delivery()
        return self.last("apply")

    def last(self, method: str) -> ViewModel:
        calls = [code for code in self.sent if code.startswith(f"window.mara.{method}(")]
        found: ViewModel = json.loads(calls[-1].split("(", 1)[1].removesuffix(")")) if calls else {}
        return found

    def text_of(self, cell: str) -> str:
        return str(element_of(self.user, cell).props["text"])


def element_of(user: User, marker: str) -> ui.element:
    return user.find(marker=marker).elements.pop()


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform()


@pytest.fixture
async def screen(platform: FakePlatform, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> AsyncIterator[Screen]:
    """The registered pages, not yet opened; fails when an error was logged."""
    async with user_simulation() as user:
        gc.freeze()  # the simulation looks for garbage when it begins and ends: among what is new, not among everything
        from mara.assembly.imports.desk import ImportDesk
        from mara.assembly.imports.folder import ImportFolder
        from mara.runtime.clock import SystemClock
        from pages.routes import register

        imports = ImportDesk(ImportFolder(root=tmp_path / "imports", most_bytes=1_000_000), SystemClock())
        publisher, desk = register(platform, undo_s=UNDO_S, desk=imports)
        publisher.remember(await platform.series(24))
        yield Screen(user, platform, publisher, [], desk)
    errors = [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert errors == []
