"""Helpers to inspect, copy and damage stored runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

STORED_TICKS = 60
TABLES = ("prices", "steps", "ledger", "commitments", "optimizations", "events", "routine")


def hash_in(database: Path) -> str:
    """The hash of the newest tick, which covers every tick before it."""
    with closing(sqlite3.connect(database)) as connection:
        return str(connection.execute("SELECT hex(tick_hash) FROM engine_state").fetchone()[0])


def run_in(database: Path) -> str:
    """The id of the run in a database."""
    with closing(sqlite3.connect(database)) as connection:
        return str(connection.execute("SELECT run_id FROM runs").fetchone()[0])


def tampered(database: Path, statement: str) -> None:
    """Change a database without Mara, after its triggers were dropped."""
    with closing(sqlite3.connect(database)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        changed = connection.execute(statement)
        assert changed.rowcount > 0
        connection.commit()
