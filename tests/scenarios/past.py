"""A stored run whose ticks live servers export and chart.

`make past` makes it beside the tests that nothing disturbs, because whoever measures punctuality waits for it:
`python -m tests.scenarios.past FOLDER`.
"""

import os
import sys
from pathlib import Path

PREPARED = "PREPARED_PAST"
"""Variable with the folder of a run that `make past` has made of this checkout."""
HOURS = 1_500
"""Number of its ticks, each of an hour."""


def past_in(folder: Path, hours: int = HOURS) -> Path:
    """Return the prepared run's folder, if it is that long, or make one here."""
    prepared = Path(os.environ.get(PREPARED, ""))
    if hours == HOURS and prepared.name and prepared.is_dir():
        return prepared
    make(folder, hours)
    return folder


def make(folder: Path, hours: int) -> None:
    """Simulate the run by the rules, without the worlds beside it.

    No export or chart reads those.
    """
    # Not at the top: who measures punctuality with a prepared run waits for its imports, too.
    from mara.assembly.runs import open_run
    from mara.runtime.tick.engine import simulate
    from mara.settings import read_settings

    url = f"sqlite:///{folder / 'mara.db'}"
    store, engine = open_run(read_settings({}, {"database_url": url, "optimizer": "rules", "tick_minutes": "60"}))
    try:
        engine.counterfactuals = None
        simulate(engine, store, hours)
    finally:
        store.close()


def prepare(folder: Path) -> None:
    """Make the run; its folder has its name once it is whole."""
    half = folder.with_name(f"{folder.name}.half")
    half.mkdir()
    make(half, HOURS)
    half.rename(folder)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
