import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mara.errors import EXIT_DONE, EXIT_USAGE, ConfigError
from pages.__main__ import refuse_busy_port


def mara(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pages", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_a_busy_port_is_refused_in_one_line_before_anything_is_opened(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = mara(tmp_path, "run", "--port", str(port), "--no-browser")
    assert ended.returncode == EXIT_USAGE
    assert ended.stderr.splitlines() == [
        f"mara: 127.0.0.1:{port} is in use; end what uses it, or choose another: --port {port + 1}"
    ]
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_others_can_reach_is_refused_in_one_line_without_tls(tmp_path: Path) -> None:
    ended = mara(tmp_path, "run", "--host", "0.0.0.0", "--no-browser")
    assert ended.returncode == EXIT_USAGE
    assert len(ended.stderr.splitlines()) == 1
    assert "passwords need TLS" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_free_port_is_not_refused() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    refuse_busy_port("127.0.0.1", port)


def test_an_address_that_is_not_this_machines_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be listened on"):
        refuse_busy_port("192.0.2.1", 8080)


def test_headless_commands_start_without_the_dashboards_libraries() -> None:
    said = "import sys, pages.__main__; print(sorted({'nicegui', 'plotly', 'fastapi'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (EXIT_DONE, "[]")
