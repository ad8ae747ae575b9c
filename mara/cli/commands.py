"""Table of the headless commands: the module of each, imported when it is called.

Importing them all takes twenty times as long as all else that the help of `mara` needs.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Listed:
    """A command or group of commands before its module is imported.

    Attributes:
        module: importing it registers the command.
        about: its line in the help of `mara`, which is the first of its own help; a test compares
            the two.
    """

    module: str
    about: str


COMMANDS: Final = {
    "mcp": Listed("mara.cli.mcp_server", "Serve read-only tools to an assistant, over stdio."),
    "plan": Listed("mara.cli.plans", "Plan a problem file, with a proved bound or by rules."),
    "quote": Listed("mara.cli.quotes", "Price a contract against the stored run, which is only read."),
    "what-if": Listed("mara.cli.quotes", "Compare the best plan of the stored run with one under changes."),
    "why": Listed("mara.cli.questions", "Answer a question about the stored run, which is only read."),
    "dispatch": Listed("mara.cli.signals", "Print the targets of a stored tick for programs that act on them."),
    "simulate": Listed("mara.cli.runs", "Continue the stored run by some ticks, or begin it."),
    "backtest": Listed("mara.cli.runs", "Run policies over a period of history."),
    "replay": Listed("mara.cli.runs", "Compute a stored tick again and compare it bit for bit."),
    "export": Listed("mara.cli.stored", "Write a stored table to a file."),
    "orders": Listed("mara.cli.stored", "List orders with their outcomes, newest first."),
    "notices": Listed("mara.cli.announcements", "Announcements of maintenance: list them, or take one back."),
    "study": Listed("mara.cli.studies", "Estimate profit and risk of policies over many scenarios."),
    "history": Listed("mara.cli.markets.histories", "Histories: those that come with Mara, and folders."),
    "import": Listed("mara.cli.markets.imports", "Read market files: see what they are, and build a history of them."),
    "executor": Listed("mara.cli.signals", "Executors: try one, or give a site back to its owner."),
    "feed": Listed("mara.cli.markets.feeds", "Live sources: ask them, and export what they told."),
    "db": Listed("mara.cli.stored", "Care for the database."),
    "fleet": Listed("mara.cli.stored", "Fleet files."),
    "user": Listed("mara.cli.users", "Who may log in."),
}
"""The commands by name, in the order of the help; the dashboard adds `run`."""
