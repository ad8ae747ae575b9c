"""What a server that tests begin needs: the checkout, an environment and a port."""

import os
import re
import socket
from pathlib import Path

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """The environment without the variables by which NiceGUI recognizes a test."""
    return {name: value for name, value in os.environ.items() if not re.match("PYTEST_|NICEGUI_|MARA_", name)}
