#!/usr/bin/env python3
"""Write the schema of a new SQLite database: what all migrations together make.

Run it after each new migration: python scripts/new_database.py
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from mara.store.backends.upgrade import MIGRATIONS, NEW_DATABASE, migrate


def schema_by_migrations(folder: Path) -> str:
    """Run all migrations on an empty file; return the statements that make the same tables at once."""
    path = folder / "made.db"
    path.touch()
    migrate(path, MIGRATIONS)
    with closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
        ((revision,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    version = f"INSERT INTO alembic_version VALUES ('{revision}')"  # noqa: S608  # a number of ours
    statements = [*(sql for (sql,) in made), version]
    return "".join(f"{statement};\n" for statement in statements)


def main() -> None:
    """Write the script anew."""
    with tempfile.TemporaryDirectory() as folder:
        NEW_DATABASE.write_text(schema_by_migrations(Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
