"""Real history for the tests that want it: beside the checkout, never in it."""

from pathlib import Path

import pytest

from mara.feeds.history_file import History, read_history

HISTORY_DIR = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def history_dir() -> Path:
    """A folder of real history; tests that need it are skipped, and say so, where there is none."""
    if not any((HISTORY_DIR / name).is_file() for name in ("history.csv", "history.csv.gz")):
        pytest.skip("no ../shared/data beside the checkout: real history is not shipped")
    return HISTORY_DIR


@pytest.fixture(scope="session")
def real_history(history_dir: Path) -> History:
    return read_history(history_dir)
