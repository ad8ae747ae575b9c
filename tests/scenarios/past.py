"""A stored run that nobody goes on with, whose ticks live servers export and chart.

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
    """Return the folder of the prepared run, if it is that long, or of one that is made in this folder."""
    prepared = Path(os.environ.get(PREPARED, ""))
    if hours == HOURS and prepared.name and prepared.is_dir():
        return prepared
    from tests.cli.console import ran  # all commands, which a prepared run needs none of

    own = {"database_url": f"sqlite:///{folder / 'mara.db'}", "log_file": str(folder / "app.log"), "tick_minutes": "60"}
    done = ran("simulate", "--optimizer", "rules", "--ticks", hours, "--json", **own)
    assert done.exit_code == 0, done.err
    return folder


def prepare(folder: Path) -> None:
    """Make the run; its folder has its name once it is whole."""
    half = folder.with_name(f"{folder.name}.half")
    half.mkdir()
    past_in(half)
    half.rename(folder)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
