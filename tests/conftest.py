"""Fixtures of all tests: no settings of the shell, real history, and a browser.

Real history lies beside the checkout, never in it.
"""

import gc

gc.disable()  # of what imports and collection make, nothing is garbage: looking for it takes a fifth of their time

import importlib
import os
import shutil
import ssl
import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.draws import draw_the_same_always

# Fixtures import Mara: pytest waits for this file before it starts its workers, and itself needs nothing of Mara.
if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

    from mara.feeds.files.history import History

HISTORY_DIR = Path(__file__).parents[2] / "shared" / "data"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""Programs that can show pages, the cheapest first: the shell draws no window around them."""

settings.register_profile("mara", derandomize=True, deadline=None)
settings.load_profile("mara")
draw_the_same_always()

COLLECT_EVERY_OBJECTS = 20_000


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape lone surrogates in reports, which workers send to each other as UTF-8.

    Tests of the log print such characters.
    """
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Let the databases that a test had on a PostgreSQL server go with it, because each takes memory."""
    folder: Path | None = getattr(item, "funcargs", {}).get("tmp_path")
    yield
    if folder and (used := sys.modules.get("tests.postgres_server")):
        used.forget_databases_in(folder)


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_shell() -> None:
    for name in [name for name in os.environ if name.upper().startswith("MARA_")]:
        del os.environ[name]


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Hash passwords quickly, and let each worker begin with another share of the test modules.

    pytest rewrites the assertions of a module once for all, which takes half of the first collection. Workers that
    all begin with the same module would all rewrite every one. What fails here fails again when it is collected.
    """
    config = session.config
    if config.pluginmanager.hasplugin("dsession"):  # its workers collect
        return
    from tests.quick_passwords import hash_quickly

    hash_quickly()
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    if not worker or config.option.file_or_dir:
        return
    modules = sorted(Path(__file__).parent.rglob("test_*.py"))
    begin = len(modules) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    for module in modules[begin:] if begin else ():
        with suppress(Exception):
            importlib.import_module(".".join(module.relative_to(config.rootpath).with_suffix("").parts))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let all workers fork processes from one that imports Mara once for them."""
    from tests.forks import FORKER

    node.workerinput["forks_at"] = FORKER.address()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run modules with slow tests first, whole, unless modules were named.

    Those run in that order. A worker with nothing left to do takes tests from the end of another's list. So none is
    left alone with a long test at the end, and what the tests of a slow module share is made by one worker: the month
    of the default simulation, a minute of a core, was at times simulated by each.
    """
    if config.option.file_or_dir:
        return
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """Exclude modules and collected tests from garbage collection; collect less often."""
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY_OBJECTS)
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _new_databases_are_copies() -> Generator[None]:
    from mara.store.backends import upgrade
    from tests import sqlite_template

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(upgrade, "fill", sqlite_template.fill_or_copy)
        yield


@pytest.fixture(autouse=True, scope="session")
def _statements_are_compiled_once() -> Generator[None]:
    """Let the engines of one kind share SQLAlchemy's dialect and its compiled statements.

    Mara opens one database and compiles each statement once, tests open thousands.
    """
    import sqlalchemy

    from mara.store.backends import postgres, sqlite_connection

    made: dict[tuple[str, object], list[Engine]] = {}

    def create_engine(url: "str | URL", **options: Any) -> "Engine":
        engine = sqlalchemy.create_engine(url, **options)
        kind = engine.dialect.name, options.get("isolation_level")
        earlier = made.setdefault(kind, [])
        # a dialect knows its server once one of its engines was connected, and some never are
        first = next((one for one in earlier if getattr(one.dialect, "server_version_info", None)), None)
        if first is None:
            earlier.append(engine)
        else:
            engine.dialect = engine.pool._dialect = first.dialect
            engine._compiled_cache = first._compiled_cache
            made[kind] = [first]
        return engine

    with pytest.MonkeyPatch.context() as patched:
        for module in (sqlite_connection, postgres):
            patched.setattr(module, "create_engine", create_engine)
        yield


@pytest.fixture(autouse=True, scope="session")
def _roots_of_trust_are_read_once() -> Generator[None]:
    """Let HTTP clients share one TLS context, because reading certificates is slow."""
    import httpcore2

    make = httpcore2.default_ssl_context
    made: dict[tuple[object, ...], ssl.SSLContext] = {}

    def context(*, _trust_env: bool = True) -> ssl.SSLContext:
        named = (_trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        if named not in made:
            made[named] = make(_trust_env=_trust_env)
        return made[named]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(httpcore2, "default_ssl_context", context)
        yield


@pytest.fixture(scope="session")
def folder_of_all_workers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of this run of the tests alone, which its workers share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if hasattr(request.config, "workerinput") else folder


@pytest.fixture(autouse=True, scope="session")
def _programs_are_solved_once(folder_of_all_workers: Path) -> Generator[None]:
    from tests import solved_before

    with pytest.MonkeyPatch.context() as patched:
        solved_before.remember(patched, folder_of_all_workers / "solved")
        yield


@pytest.fixture(autouse=True, scope="session")
def _work_is_forked(pytestconfig: pytest.Config) -> Generator[None]:
    """Fork the processes of backtests, studies, builds and blocks, each of which would import Mara anew."""
    from tests.forks import FORKER, begin_work_by, forks

    if worker := getattr(pytestconfig, "workerinput", None):
        FORKER.join(worker["forks_at"])
    with pytest.MonkeyPatch.context() as patched:
        begin_work_by(forks, patched)
        yield


@pytest.fixture
def work_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run work in processes that import Mara anew, as Mara does, instead of in forks."""
    from multiprocessing import get_context

    from tests.forks import begin_work_by

    begin_work_by(get_context, monkeypatch)


@pytest.fixture(autouse=True, scope="session")
def _types_of_routes_are_read_once() -> Generator[None]:
    """Let the APIs that tests build share pydantic's adapters of the types that routes take and return."""
    if (v2 := sys.modules.get("fastapi._compat.v2")) is None:  # none of the tests builds one
        yield
        return
    from tests.route_types import remembered

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(v2, "TypeAdapter", remembered())
        yield


@pytest.fixture
def solved_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solve each linear program anew, as Mara does, instead of recalling its solution."""
    from tests import solved_before

    solved_before.solve_anew(monkeypatch)


@pytest.fixture
def made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Create new databases as Mara does, instead of copying one."""
    from tests import sqlite_template

    sqlite_template.fill_anew(monkeypatch)


@pytest.fixture
def only_new_garbage() -> None:
    """Look for garbage before a measurement among what is new, not among all modules and tests."""
    gc.freeze()


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of the browser; without it, tests that need one are skipped.

    They state the reason.
    """
    for name in BROWSERS:
        found = shutil.which(name)
        if found:
            return found
    pytest.skip("no chromium on this machine: install it to run the browser tests")


@pytest.fixture(scope="session")
def history_dir() -> Path:
    """Folder of real history; without it, tests that need it are skipped.

    They state the reason.
    """
    if not any((HISTORY_DIR / name).is_file() for name in ("history.csv", "history.csv.gz")):
        pytest.skip("no ../shared/data beside the checkout: real history is not shipped")
    return HISTORY_DIR


@pytest.fixture(scope="session")
def real_history(history_dir: Path) -> "History":
    from mara.feeds.files.history_file import read_history

    return read_history(history_dir)
