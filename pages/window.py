"""The dashboard in a window of its own, where the optional extra `native` is installed: pywebview over Qt.

The engine and the database stay in this process; the window is a child that shows the same address as any browser.
"""

import importlib.util
from typing import Final

from nicegui import app

from mara.errors import ConfigError

WINDOW_SIZE_PX: Final = (1440, 900)
MODULES: Final = ("webview", "PySide6")


def refuse_missing_extra() -> None:
    """Raise ConfigError, in one line, where the window cannot be opened."""
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"--native needs {' and '.join(missing)}, which the extra 'native' brings: "
            "install it with `.venv/bin/python -m pip install -e '.[native]'`, or leave --native out"
        )


def open_in_a_window() -> None:
    """Have the server open a window; pywebview is told which toolkit to use, so that it tries no other, and to remember
    from one start to the next what a browser would: the theme, and that the tour was seen.
    """
    app.native.start_args.update(gui="qt", private_mode=False)
