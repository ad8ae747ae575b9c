"""The whole command tree: importing it registers every headless command."""

from mara.cli import histories, imports, mcp_server, plans, questions, quotes, runs, stored, studies, users
from mara.cli.app import app as _app

app = _app
"""The Typer application with all headless commands; the dashboard adds `run`."""

__all__ = [
    "app",
    "histories",
    "imports",
    "mcp_server",
    "plans",
    "questions",
    "quotes",
    "runs",
    "stored",
    "studies",
    "users",
]
