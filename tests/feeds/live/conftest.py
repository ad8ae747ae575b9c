"""Fixture of live worlds, which are closed when their test is over."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.feeds.live.worlds import LiveWorld, live_world


class Begin(Protocol):
    def __call__(self, **more: Any) -> LiveWorld: ...


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begin a live world whose journal lies in the test's folder."""
    with ExitStack() as worlds:
        yield lambda **more: worlds.enter_context(closing(live_world(tmp_path, **more)))
