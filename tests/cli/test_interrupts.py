"""Ctrl-C ends every command, also where native code loses the exception or makes another of it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
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


def test_an_interrupt_does_not_come_again_while_it_is_cleaned_up_after(monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned: list[bool] = []

    def work() -> list[object]:
        try:
            interrupt()
        finally:
            try:
                raise OSError  # as a file that is gone already
            except OSError:
                signal.raise_signal(signal.SIGALRM)
            signal.raise_signal(signal.SIGALRM)
            cleaned.append(True)
        return []

    monkeypatch.setattr("mara.cli.markets.imports.layout_table", work)
    assert ran("import", "layouts", "--json").exit_code == root.INTERRUPTED
    assert cleaned == [True]
