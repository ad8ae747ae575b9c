"""Commands import heavy libraries only where they use them."""

import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest
from typer.main import get_group

from mara import cli
from mara.cli.app import app
from mara.cli.commands import COMMANDS

HEAVY = (
    *("alembic", "anthropic", "argon2", "fastapi", "highspy", "httpx", "jinja2", "mcp", "nicegui", "numpy", "pandas"),
    *("plotly", "psychrolib", "pyarrow", "pydantic", "rapidfuzz", "rich", "scipy", "sqlalchemy", "sqlmodel"),
)
SAID = f"""
import sys
sys.argv = ["mara", *sys.argv[1:]]
from pages.__main__ import main
try:
    main()
finally:
    print(*(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)
"""


def imported_by(*words: str) -> set[str]:
    """Heavy libraries that a command of the console script imports, in a new process."""
    ended = subprocess.run(
        [sys.executable, "-c", SAID, *words], capture_output=True, text=True, timeout=60, check=False
    )
    return set(ended.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [("--help",), ("--version",)], ids=" ".join)
def test_the_help_imports_no_heavy_library(words: tuple[str, ...]) -> None:
    assert imported_by(*words) == set()


def test_a_backtest_imports_no_database() -> None:
    imported = imported_by("backtest", "--history", "nowhere")
    assert "numpy" in imported
    assert not imported & {"alembic", "sqlalchemy", "sqlmodel", "jinja2"}


def test_the_table_of_commands_says_what_each_says_of_itself() -> None:
    for module in pkgutil.walk_packages(cli.__path__, f"{cli.__name__}."):
        import_module(module.name)
    registered = {
        (command.name or command.callback.__name__, command.callback.__module__)
        for command in app.registered_commands
        if command.callback is not None
    }
    groups = {group.name or group.typer_instance.info.name for group in app.registered_groups if group.typer_instance}
    assert {name for name, _ in registered} | groups == set(COMMANDS)
    assert all(COMMANDS[name].module == module for name, module in registered)
    whole = get_group(app)
    said = {name: whole.commands[name].get_short_help_str(limit=200) for name in COMMANDS}
    assert said == {name: listed.about for name, listed in COMMANDS.items()}
