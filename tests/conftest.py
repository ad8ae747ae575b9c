"""What every test may rely on: no setting of the developer's shell leaks in, and browser tests know their browser."""

import os
import shutil

import pytest
from hypothesis import settings

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

settings.register_profile("mara", derandomize=True, deadline=None)
settings.load_profile("mara")


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_shell() -> None:
    for name in [name for name in os.environ if name.upper().startswith("MARA_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser that browser tests start; they are skipped, and say so, where there is none."""
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no chromium on this machine: install it to run the browser tests")
