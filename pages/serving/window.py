"""Window of the dashboard, for which the extra `native` brings pywebview and Qt.

Engine and database stay in this process; the window is a child process that shows the same address as a browser.
"""

import importlib.util
from typing import Final

from mara.errors import ConfigError

WINDOW_SIZE_PX: Final = (1440, 900)
MODULES: Final = ("webview", "PySide6")


def refuse_missing_extra() -> None:
    """Refuse to open a window if the optional extra is not installed.

    Raises:
        ConfigError: the extra is not installed; the message has the command for it.
    """
    missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"--native needs {' and '.join(missing)}, which the extra 'native' brings: "
            "install it with `.venv/bin/python -m pip install -e '.[native]'`, or leave --native out"
        )


def open_in_a_window() -> None:
    """Configure the window that the server opens.

    The toolkit is named, so that pywebview tries no other. The window stores what a browser would between starts: the
    theme, and that the tour was seen.
    """
    from nicegui import app  # so that a start without the extra is refused before a second of imports

    app.native.start_args.update(gui="qt", private_mode=False)
