"""Output of commands: one JSON object, or text for people; progress bars."""

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
from rich.table import Table
from rich.text import Text

from mara.cli.app import complain
from mara.errors import ConfigError
from mara.feeds.files.history_provenance import HistoryStory, lines_of_story
from mara.figures import flat, text_of
from mara.runtime.progress import OnProgress, Progress

MOST_UPDATES = 200
"""Most redraws of a progress bar, whose cost would else slow the work."""


def show(report: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a report: one JSON object, a table on a terminal, or aligned lines.

    Its notes are left out, because they have been written to stderr.
    """
    if as_json:
        typer.echo(json.dumps(report, allow_nan=False))
        return
    lines = [(name, text_of(value)) for name, value in flat(report) if name != "notes"]
    if sys.stdout.isatty():
        Console(highlight=False).print(_table(lines))
        return
    for name, text in lines:
        typer.echo(f"{name:34s} {text}")


def _table(lines: Sequence[tuple[str, str]]) -> Table:
    """Lay out names and values side by side; a long value wraps within its column."""
    table = Table.grid(padding=(0, 2))
    for name, text in lines:
        table.add_row(Text(name), Text(text))  # no markup: a fleet's name may contain brackets
    return table


def told_sources(story: HistoryStory) -> dict[str, object]:
    """Lay out where a history comes from, for a report that people read."""
    first, *more = lines_of_story(story)
    return {"history": first, **{f"source_{number}": line for number, line in enumerate(more, start=1)}}


def tell_notes(notes: Sequence[str]) -> None:
    """Print remarks on the input, one a line on stderr."""
    for note in notes:
        complain(f"note: {note}")


def write_page(page: str, path: Path) -> None:
    """Write a page to a file, as a whole or not at all.

    Raises:
        ConfigError: the file cannot be written; an earlier file of that name stays.
    """
    is_plain = path.is_file() or not path.exists()  # a device or pipe is written to directly
    unfinished = path.with_name(path.name + ".part") if is_plain else path
    try:
        # A path in the page may contain bytes that are not UTF-8.
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
    """Draw a progress bar for each piece of work, if stderr is a terminal."""
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
    """Draw a progress bar for a run of ticks, if stderr is a terminal.

    Yields a function to call with each tick done; None without a terminal.
    """
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
