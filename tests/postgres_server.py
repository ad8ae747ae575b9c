"""A PostgreSQL server in a temporary folder, while the tests run.

Each new database is seven hundred files of eight megabytes together (decision 0251).
"""

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TypedDict

import pytest

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
UNPRIVILEGED = ("postgres", "nobody")
START_TIMEOUT_S = 30
TEMPLATE = "mara_template"
"""Database with the newest schema, copied for new ones instead of migrating each."""
COPIES_FILES = 150_000
"""Version of PostgreSQL from which on it must be told to copy files, not page by page through its log."""
SETTINGS = "fsync = off\nfull_page_writes = off\n"  # no test cuts the power


@dataclass(frozen=True, slots=True)
class Server:
    """A running server that listens on a socket in its folder only."""

    folder: Path
    programs: Path
    user: str

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}@/{database}?host={self.folder}"

    def fresh(self, name: str, *, template: str = TEMPLATE) -> str:
        """Create a database, drop those of tests that are over, and return its URL."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            for gone in (*_OVER, name):
                connection.execute(f'DROP DATABASE IF EXISTS "{gone}" WITH (FORCE)')
            _OVER.clear()
            way = "STRATEGY FILE_COPY" if connection.info.server_version >= COPIES_FILES else ""
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {way}')
        return self.url(name)

    def sql(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run statements, each in its own transaction; return the rows of the last."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            *before, last = statements
            for statement in before:
                connection.execute(statement)
            cursor = connection.execute(last)
            return cursor.fetchall() if cursor.description else []

    def wait_for_disk(self) -> None:
        """Make commits wait for the disk, as in production, for measurements."""
        names = [line.partition(" = ")[0] for line in SETTINGS.splitlines()]
        self.sql(*(f"ALTER SYSTEM SET {name} = on" for name in names), "SELECT pg_reload_conf()")

    def start(self) -> None:
        """Start the server, reachable by its socket only."""
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c max_connections=50"
        log = self.folder / "log"
        self.run("pg_ctl", "start", "-w", "-t", str(START_TIMEOUT_S), "-l", str(log), "-o", options)

    def crash(self) -> None:
        """Kill the server without a shutdown, as a power cut would."""
        self.run("pg_ctl", "stop", "-m", "immediate", "-w", "-t", str(START_TIMEOUT_S))

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            timeout=2 * START_TIMEOUT_S,
            cwd="/",
            **_identity(self.user),
        )


@cache
def server() -> Server | str:
    """Return the server, started on first use, or the reason why there is none."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed"
    programs = _programs()
    if programs is None:
        return "no PostgreSQL server is installed (Debian's package is postgresql)"
    user = _user()
    if user is None:
        return "PostgreSQL refuses to run as root, and there is no other user to run it as"
    folder = Path(tempfile.mkdtemp(prefix="mara-postgres-"))
    folder.chmod(0o755)
    shutil.chown(folder, user)
    running = Server(folder, programs, user)
    try:
        running.run("initdb", "-A", "trust", "-U", user, "--locale=C", "-E", "UTF8", "--no-sync")
        with (folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(SETTINGS)
        running.start()
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", b"") or b""
        shutil.rmtree(folder, ignore_errors=True)
        return f"a PostgreSQL server could not be started ({error}: {said.decode(errors='replace')[-200:]})"
    _watch(running)
    _make_template(running)
    return running


def server_or_skip() -> Server:
    found = server()
    if isinstance(found, str):
        pytest.skip(f"{found}: what is tested here on PostgreSQL is not tested")
    return found


_DATABASES: dict[Path, str] = {}
_OVER: list[str] = []
"""Databases of tests that are over, to be dropped with the next one's creation."""


def database_of_file(path: Path) -> str:
    """URL of the database that stands for a file: the same for the same path.

    It is created when it is first asked for.
    """
    if path not in _DATABASES:
        _DATABASES[path] = server_or_skip().fresh(_name_of(path))
    return _DATABASES[path]


def copy_of_file(source: Path, target: Path) -> None:
    """Make the database that stands for `target` a copy of that for `source`."""
    _DATABASES[target] = server_or_skip().fresh(_name_of(target), template=_name_of(source))


def forget_databases_in(folder: Path) -> None:
    """Let the databases of a test's folder be dropped."""
    for path in [path for path in _DATABASES if path.is_relative_to(folder)]:
        del _DATABASES[path]
        _OVER.append(_name_of(path))


def _name_of(path: Path) -> str:
    return "t" + sha256(str(path).encode()).hexdigest()[:16]


def _make_template(running: Server) -> None:
    from mara.store import maintenance

    running.sql(f"CREATE DATABASE {TEMPLATE}")
    maintenance.upgrade(running.url(TEMPLATE))


def _watch(running: Server) -> None:
    """Start a process that stops the server when this one ends, however it ends.

    It reads a pipe, whose end it notices.
    """
    stop = 'read -r _; "$0" -D "$1/data" stop -m immediate -w; rm -rf "$1"'
    watcher = subprocess.Popen(
        ["sh", "-c", stop, str(running.programs / "pg_ctl"), str(running.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        **_identity(running.user),
    )
    atexit.register(watcher.communicate, timeout=START_TIMEOUT_S)


def _programs() -> Path | None:
    on_path = shutil.which("initdb")
    folders = [*FOLDERS, *([Path(on_path).resolve().parent] if on_path else [])]
    return next((f for f in folders if all((f / name).exists() for name in ("initdb", "pg_ctl", "postgres"))), None)


def _user() -> str | None:
    """Choose the server's user: the present one, or an unprivileged one for root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in UNPRIVILEGED if name in known), None)


class _Identity(TypedDict):
    user: str | None
    group: int | None
    extra_groups: list[str | int] | None


def _identity(user: str) -> _Identity:
    """Identity under which a program runs: an unprivileged one for root."""
    if os.geteuid() != 0:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
