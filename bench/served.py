"""A dashboard that runs as a process of its own, in a folder of its own."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
END_TIMEOUT_S: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Address and process of a running dashboard."""

    address: str
    port: int
    pid: int


@contextmanager
def served(*options: str) -> Iterator[Served]:
    """Run `mara run` with options; yield once it serves, and end it afterwards."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        with _process(("pages", "run", "--no-browser", *options, "--port", str(port)), Path(folder)) as app:
            assert app.stdout is not None
            said = app.stdout.readline()
            assert "Mara is on" in said, f"`mara run` did not start: {said}"
            yield Served(address=f"http://127.0.0.1:{port}", port=port, pid=app.pid)


@contextmanager
def _process(words: Sequence[str], folder: Path) -> "Iterator[subprocess.Popen[str]]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MARA_")}
    environment["PYTHONPATH"] = str(ROOT)
    with subprocess.Popen(  # noqa: S603  ourselves
        [sys.executable, "-m", *words], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as app:
        try:
            yield app
        finally:
            app.terminate()
            app.wait(END_TIMEOUT_S)
