"""Databases of both kinds by path: ``.pg`` stands for a PostgreSQL server's."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.postgres_server import copy_of_file, database_of_file

KINDS = ("db", "pg")
"""Suffixes of both kinds of databases, to parametrize tests with."""
ON_A_SERVER = ".pg"
DIFFERS = ("run", "stored_at", "wall")
"""Words in the names of columns that may differ between equal runs."""


def url_of(path: Path) -> str:
    return database_of_file(path) if path.suffix == ON_A_SERVER else f"sqlite:///{path}"


@contextmanager
def connected(path: Path) -> Iterator[Any]:
    """A connection of another program, each statement committed at once."""
    if path.suffix == ON_A_SERVER:
        import psycopg

        with psycopg.connect(database_of_file(path), autocommit=True) as connection:
            yield connection
    else:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            yield connection


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock of another program, so that no other can write."""
    with connected(path) as other:
        if path.suffix == ON_A_SERVER:
            other.execute("BEGIN")
            other.execute("LOCK TABLE engine_state, ticks IN ACCESS EXCLUSIVE MODE")
        else:
            other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def asked(path: Path, query: str) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with connected(path) as connection:
        return [tuple(row) for row in connection.execute(query).fetchall()]


def records(path: Path, query: str) -> list[dict[str, Any]]:
    """All rows of a query, by the names of their columns."""
    with connected(path) as connection:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All stored rows, without columns that may differ between equal runs."""
    found = {}
    with connected(path) as connection:
        for table in sorted(row[0] for row in connection.execute(_tables_query(path)).fetchall()):
            cursor = connection.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            same = [i for i, name in enumerate(names) if not any(word in name for word in DIFFERS)]
            found[table] = sorted((tuple(row[i] for i in same) for row in cursor.fetchall()), key=repr)
    return found


def tables_of(path: Path) -> list[str]:
    return sorted(row[0] for row in asked(path, _tables_query(path)))


def _tables_query(path: Path) -> str:
    if path.suffix == ON_A_SERVER:
        return "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    return "SELECT name FROM sqlite_master WHERE type = 'table'"


def columns_of(path: Path, table: str) -> list[str]:
    with connected(path) as connection:
        return [column[0] for column in connection.execute(f"SELECT * FROM {table} LIMIT 0").description]


def copied(source: Path, target: Path) -> Path:
    """Copy a database; nobody may be connected to the original."""
    if source.suffix == ON_A_SERVER:
        copy_of_file(source, target)
    else:
        shutil.copy(source, target)
    return target


def tamper(path: Path, statements: Sequence[str]) -> None:
    """Change rows past the triggers and the checks, as an informed attacker would."""
    with connected(path) as connection:
        if path.suffix == ON_A_SERVER:
            connection.execute("SET session_replication_role = replica")
            for table in ("ledger", "ledger_days"):
                for name in ("money_balances", "energy_balances"):
                    connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS ck_{table}_{name}")
        else:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            spoken = statement.replace("x'00'", r"'\x00'::bytea") if path.suffix == ON_A_SERVER else statement
            assert connection.execute(spoken).rowcount > 0
