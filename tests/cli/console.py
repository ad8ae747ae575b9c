"""Runner of the console script in this process, with its exit code and output."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import alembic.config  # noqa: F401  keeps the stdout of its first import, which must not be a command's: that is closed
from typer import testing
from typer.main import get_command

from mara.cli.app import app
from tests.feeds.history_text import bitcoin_rows, history_rows, write_history

SITES = """site_id,name,country,lat,lon,timezone,price_zone
north,North,NO,60,10,Europe/Oslo,NO1 day-ahead
south,South,US,30,-97,America/Chicago,ERCOT
"""
vars(testing)["_get_command"] = cache(get_command)  # the tree of commands is built once, and not for each line


@dataclass(frozen=True)
class Outcome:
    """Exit code and output of a command."""

    exit_code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        assert self.exit_code == 0, self.err
        assert self.out.count("\n") == 1
        report = json.loads(self.out)
        assert isinstance(report, dict)
        return report

    @property
    def complaint(self) -> str:
        """The one line on stderr of a command that failed."""
        assert self.exit_code != 0
        assert self.out == ""
        assert self.err.startswith("mara: ")
        assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        return self.err


def ran(*words: object, **env: str) -> Outcome:
    """Run one command line; `env` are MARA_ variables without their prefix."""
    variables = {f"MARA_{name.upper()}": value for name, value in env.items()}
    result = testing.CliRunner().invoke(app, [str(word) for word in words], env=variables, prog_name="mara")
    return Outcome(result.exit_code, result.stdout, result.stderr)


def small_history(folder: Path, hours: int = 48) -> Path:
    """Write a history of two sites and some days."""
    folder.mkdir(exist_ok=True)
    (folder / "sites.csv").write_text(SITES, encoding="utf-8")
    return write_history(folder, history_rows(hours), bitcoin=bitcoin_rows(hours // 24 + 1))


def everything_in(folder: Path) -> dict[str, bytes]:
    """Read every file under a folder, to check that a refusal changed nothing."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
