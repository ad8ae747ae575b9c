"""What commands print: one JSON object, or the same as a few readable lines; and the progress bar."""

import html
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mara.errors import ConfigError

MOST_UPDATES = 200
"""Times a progress bar is redrawn: more would cost more than it tells."""


def show(report: Mapping[str, Any], *, as_json: bool) -> None:
    """The whole report as one JSON object, or as aligned lines for people."""
    if as_json:
        typer.echo(json.dumps(report, allow_nan=False))
        return
    for name, value in flat(report):
        typer.echo(f"{name:34s} {text_of(value)}")


def flat(report: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested names joined by dots."""
    for name, value in report.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def text_of(value: object) -> str:
    """A value with thousands marked, as few digits as tell something."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def write_html(report: Mapping[str, Any], path: Path) -> None:
    """The report as a self-contained page: no script, no request.

    Raises:
        ConfigError: the file cannot be written.
    """
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(text_of(value))}</td></tr>" for name, value in flat(report)
    )
    title = html.escape(f"Mara backtest: {report['optimizer']} on {report['fleet']}")
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:52rem;color-scheme:light dark}"
        "th{text-align:left;font-weight:500;padding:.2rem 2rem .2rem 0}"
        "td{text-align:right;font-variant-numeric:tabular-nums}</style>"
        f"<h1>{title}</h1><p>{html.escape(str(report['from']))} to {html.escape(str(report['to']))}, UTC.</p>"
        f"<table>{rows}</table></html>"
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the report cannot be written to {path} ({error.strerror}): name a writable file") from error


@contextmanager
def progress(what: str, ticks: int) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr while it is a terminal; otherwise nothing. Call it with each tick that is done."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=ticks)
        stride = max(1, ticks // MOST_UPDATES)
        done = 0

        def on_tick(_: int) -> None:
            nonlocal done
            done += 1
            if done % stride == 0:
                bar.update(task, completed=done)

        yield on_tick
