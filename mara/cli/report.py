"""What commands print: one JSON object, or the same as a few readable lines; and the progress bar."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import rich.progress
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn

from mara.backtests import OnProgress, Progress
from mara.cli.app import complain
from mara.errors import ConfigError
from mara.figures import flat, text_of

MOST_UPDATES = 200
"""Times a progress bar is redrawn: more would cost more than it tells."""


def show(report: Mapping[str, Any], *, as_json: bool) -> None:
    """The whole report as one JSON object, or as aligned lines for people, who have read its notes on stderr."""
    if as_json:
        typer.echo(json.dumps(report, allow_nan=False))
        return
    for name, value in flat(report):
        if name != "notes":
            typer.echo(f"{name:34s} {text_of(value)}")


def tell_notes(notes: Sequence[str]) -> None:
    """What should be known of the input, each a line on stderr."""
    for note in notes:
        complain(f"note: {note}")


def write_page(page: str, path: Path) -> None:
    """Write a page into a file, which is there whole or not at all.

    Raises:
        ConfigError: the file cannot be written; what stood under its name stands there still.
    """
    is_plain = path.is_file() or not path.exists()  # a device or pipe is written to directly
    unfinished = path.with_name(path.name + ".part") if is_plain else path
    try:
        # A path in the page may hold bytes that are no UTF-8.
        unfinished.write_text(page, encoding="utf-8", errors="backslashreplace")
        if is_plain:
            unfinished.replace(path)
    except OSError as error:
        if is_plain:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
        raise ConfigError(f"the report cannot be written to {path} ({error.strerror}): name a writable file") from error


@contextmanager
def bars() -> Iterator[OnProgress | None]:
    """A bar for each piece of work, on stderr while it is a terminal; otherwise nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    with _drawn("{task.description}") as bar:
        tasks: dict[str, TaskID] = {}

        def on_progress(progress: Progress) -> None:
            if progress.what not in tasks:
                tasks[progress.what] = bar.add_task(progress.what, total=progress.total)
            bar.update(tasks[progress.what], completed=progress.done)

        yield on_progress


@contextmanager
def progress(what: str, ticks: int) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr while it is a terminal; otherwise nothing. Call it with each tick that is done."""
    if not sys.stderr.isatty():
        yield None
        return
    with _drawn(what) as bar:
        task = bar.add_task(what, total=ticks)
        stride = max(1, ticks // MOST_UPDATES)
        done = 0

        def on_tick(_: int) -> None:
            nonlocal done
            done += 1
            if done % stride == 0:
                bar.update(task, completed=done)

        yield on_tick


def _drawn(what: str) -> rich.progress.Progress:
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return rich.progress.Progress(*columns, console=Console(stderr=True), transient=True)
