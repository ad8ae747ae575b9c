"""Ctrl-C ends every command, also where native code loses the exception or makes another of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from mara.cli import app as root
from tests.cli.console import ran

LONG_S = 60.0
"""Longest wait of a command that should be interrupted [s]."""
SAID = "mara: interrupted; what was stored is kept\n"


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    """Ctrl-C as a program has it at its beginning."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    signal.signal(signal.SIGINT, former)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def as_another_error() -> None:
    try:
        interrupt()
    except KeyboardInterrupt:
        raise AttributeError("partially initialized module") from None


def as_nothing() -> None:
    with suppress(KeyboardInterrupt):
        interrupt()


def as_nothing_in_long_work() -> None:
    as_nothing()
    Event().wait(LONG_S)
    raise AssertionError("the work should have been interrupted again")


@pytest.mark.parametrize("work", [interrupt, as_another_error, as_nothing, as_nothing_in_long_work])
def test_an_interrupt_that_is_lost_on_its_way_still_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]
) -> None:
    monkeypatch.setattr(root, "AGAIN_S", 0.01)

    def table() -> list[object]:
        work()
        return []

    monkeypatch.setattr("mara.cli.markets.imports.layout_table", table)
    outcome = ran("import", "layouts", "--json")
    assert outcome.exit_code == root.INTERRUPTED
    assert outcome.err == SAID


@pytest.mark.parametrize("work", [as_another_error, as_nothing])
def test_an_interrupt_that_comes_again_as_the_command_ends_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], None]
) -> None:
    class Late(root.Interrupts):
        def __exit__(self, *error: object) -> None:
            signal.raise_signal(signal.SIGALRM)
            super().__exit__(*error)

    monkeypatch.setattr(root, "Interrupts", Late)
    monkeypatch.setattr("mara.cli.markets.imports.layout_table", work)
    outcome = ran("import", "layouts", "--json")
    assert outcome.exit_code == root.INTERRUPTED
    assert outcome.err == SAID


def test_an_interrupt_does_not_come_again_while_it_is_cleaned_up_after(monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned: list[str] = []

    def rows() -> Iterator[int]:
        try:
            yield 1
        finally:
            signal.raise_signal(signal.SIGALRM)
            cleaned.append("a generator that is closed")

    def work() -> list[object]:
        try:
            for _ in rows():
                interrupt()
        finally:
            try:
                raise OSError  # as a file that is gone already
            except OSError:
                signal.raise_signal(signal.SIGALRM)
            cleaned.append("a block")
        return []

    monkeypatch.setattr("mara.cli.markets.imports.layout_table", work)
    assert ran("import", "layouts", "--json").exit_code == root.INTERRUPTED
    assert cleaned == ["a generator that is closed", "a block"]


def test_the_exit_code_is_130_also_where_a_text_that_python_evaluates_was_interrupted(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(
        "from mara.cli.app import app\n"
        "def interrupted():\n    raise KeyboardInterrupt\n"
        "app.command('work')(lambda: eval('interrupted()'))\n"
        "app(['work'])\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "interrupted"]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (root.INTERRUPTED, SAID)
