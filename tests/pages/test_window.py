"""The window of `mara run --native`, on a virtual display where there is one."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mara.errors import EXIT_USAGE, ConfigError
from tests.pages.x_window import close_windows, titles

ROOT = Path(__file__).parents[2]
EXTRA = all(importlib.util.find_spec(name) for name in ("webview", "PySide6"))
START_TIMEOUT_S = 60
END_TIMEOUT_S = 15
NEEDS = "needs the extra 'native' (pywebview, PySide6) and Xvfb: apt-get install xvfb libxcb-cursor0"


def test_without_the_extra_one_line_says_how_to_install_it(tmp_path: Path) -> None:
    if EXTRA:
        pytest.skip("the extra 'native' is installed here")
    command = [sys.executable, "-m", "pages", "run", "--native", "--port", "8149"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == EXIT_USAGE
    assert len(ended.stderr.splitlines()) == 1
    assert "install it with `.venv/bin/python -m pip install -e '.[native]'`" in ended.stderr
    assert not (tmp_path / "mara.db").exists()


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.serving.window import refuse_missing_extra

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "PySide6" else object())
    with pytest.raises(ConfigError, match="--native needs PySide6, which the extra 'native' brings"):
        refuse_missing_extra()


@pytest.fixture
def display() -> Iterator[str]:
    """Start a virtual display for this test."""
    name = f":{90 + os.getpid() % 9}"
    with subprocess.Popen(["Xvfb", name, "-screen", "0", "1500x960x24"], stderr=subprocess.DEVNULL) as server:
        time.sleep(1.5)
        yield name
        server.terminate()


@pytest.mark.slow
@pytest.mark.skipif(not EXTRA or shutil.which("Xvfb") is None, reason=NEEDS)
@pytest.mark.parametrize("end", ["the window is closed", "a signal comes"])
def test_the_window_opens_shows_the_run_and_ends_it_in_order(tmp_path: Path, display: str, end: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "NICEGUI_"))},
        "DISPLAY": display,
        "PYTHONPATH": str(ROOT),
        "QTWEBENGINE_DISABLE_SANDBOX": "1",  # as root its sandbox cannot start
        "QTWEBENGINE_CHROMIUM_FLAGS": "--disable-gpu",
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "pages", "run", "--native", "--port", "8148"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as app:
        try:
            assert app.stdout is not None
            assert "Mara is on http://127.0.0.1:8148" in app.stdout.readline()
            _until(lambda: "Mara" in titles(display))
            time.sleep(3)  # until the page has come
            if end == "the window is closed":
                close_windows(display, "Mara")
            else:
                app.send_signal(signal.SIGTERM)
            assert app.wait(END_TIMEOUT_S) == 0
        finally:
            app.kill()
    assert "run closed" in (tmp_path / "app.log").read_text(encoding="utf-8")
    assert not (tmp_path / "mara.db-wal").exists()
    checked = subprocess.run(
        [sys.executable, "-m", "mara", "db", "check"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "is sound" in checked.stdout


def _until(holds: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + START_TIMEOUT_S
    while not holds():
        assert time.monotonic() < ends_s, "the window did not come"
        time.sleep(0.5)
