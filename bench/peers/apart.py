"""The comparison with peers in a process of its own.

The libraries of the peers would slow down other measurements, and their solvers print to stdout.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.report import Figure

LIMIT_S: Final = 1_800.0


def figures(*, full: bool) -> Iterator[Figure]:
    """Measure the step and the program beside their peers; `full` changes nothing."""
    del full
    with TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        subprocess.run(  # noqa: S603 our own module
            [sys.executable, "-m", "bench.peers", str(file)],
            check=True,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.DEVNULL,
            timeout=LIMIT_S,
        )
        yield from (Figure(**figure) for figure in json.loads(file.read_text(encoding="utf-8")))
