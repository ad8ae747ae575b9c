"""Commands on histories: history list."""

from typing import Annotated, Any

import typer

from mara.cli.app import app
from mara.cli.report import show
from mara.feeds.files.history_clock import utc_text
from mara.feeds.files.history_file import read_history
from mara.feeds.files.shipped_histories import ShippedHistory, shipped_histories

history = typer.Typer(no_args_is_help=True, help="Histories that come with Mara.", rich_markup_mode=None)
app.add_typer(history, name="history")


@history.command("list")
def list_histories(*, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the shipped histories, whose names `--history` takes."""
    found = [_row_of(shipped) for shipped in shipped_histories()]
    if as_json:
        show({"histories": found}, as_json=True)
        return
    for row in found:
        typer.echo(f"{row['name']}: {row['title']}; {row['from']} up to {row['to']}, sites {', '.join(row['sites'])}")
        typer.echo(f"    origin and licences: {row['licences']}")
        typer.echo(f"    try it: mara backtest --history {row['name']} --optimizer rules")


def _row_of(shipped: ShippedHistory) -> dict[str, Any]:
    read = read_history(shipped.folder)
    return {
        "name": shipped.name,
        "title": shipped.title,
        "sites": list(read.site_ids),
        "from": utc_text(read.start),
        "to": utc_text(read.end),
        "licences": str(shipped.folder / "README.md"),
    }
