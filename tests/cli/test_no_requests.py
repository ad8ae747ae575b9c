"""Without live sources, nothing that Mara does on its own leaves the machine."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.forked_program import ended
from tests.servers import environment

AUDITED = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        print("asked:", event, arguments[-1], flush=True)

sys.addaudithook(refuse)
from pages.__main__ import main
main()
"""


def asked_by(*words: str, here: Path) -> list[str]:
    """What a command asked the network for, by the interpreter's own audit."""
    command = [sys.executable, "-c", AUDITED, *words]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(here)}
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode in {0, 2, 3}, done.stderr
    return [line for line in lines if line.startswith("asked:")]


def test_a_simulation_asks_nobody(tmp_path: Path) -> None:
    assert asked_by("simulate", "--ticks", "3", here=tmp_path) == []


def test_the_audit_sees_a_live_source_that_is_asked(tmp_path: Path) -> None:
    """A fork, because what is asked while Mara is imported is not what is looked for here."""
    trial = Path(__file__).parents[2] / "docs" / "trial" / "sites.toml"
    shutil.copy(trial, tmp_path / "sites.toml")  # its sources have addresses of this machine, where nothing answers
    done = ended(["-c", AUDITED, "feed", "check", "sites.toml"], tmp_path, environment())
    assert "asked:" in done.stdout, done.stderr
