"""Commands on histories: history list, history show."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mara.cli.app import app
from mara.cli.report import show, tell_notes, told_sources
from mara.feeds.day_ahead import known_ahead
from mara.feeds.files.history import SITES_FILE, History
from mara.feeds.files.history_clock import utc_text
from mara.feeds.files.history_file import read_history
from mara.feeds.files.history_fleet import fleet_of_history
from mara.feeds.files.history_provenance import story_of
from mara.feeds.files.shipped_histories import ShippedHistory, shipped_histories
from mara.settings import read_settings

history = typer.Typer(
    no_args_is_help=True, help="Histories: those that come with Mara, and folders.", rich_markup_mode=None
)
app.add_typer(history, name="history")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@history.command("list")
def list_histories(*, as_json: AsJson = False) -> None:
    """List the shipped histories, whose names `--history` takes."""
    found = [_row_of(shipped) for shipped in shipped_histories()]
    if as_json:
        show({"histories": found}, as_json=True)
        return
    for row in found:
        typer.echo(f"{row['name']}: {row['title']}; {row['from']} up to {row['to']}, sites {', '.join(row['sites'])}")
        typer.echo(f"    steps of {row['step_minutes']} minutes; origin and licences: {row['licences']}")
        typer.echo(f"    try it: mara backtest --history {row['name']} --optimizer rules")


@history.command("show")
def show_history(
    *,
    name: Annotated[Path, typer.Argument(metavar="NAME", help="A shipped history, or a folder.")],
    as_json: AsJson = False,
) -> None:
    """Describe a history: period, step, sites, sources and licences."""
    read = read_history(name, trusts_units=read_settings().trust_units)
    story = story_of(read, _known_ahead(read))
    if as_json:
        show({"history": str(read.folder), **story}, as_json=True)
        return
    tell_notes(story["warnings"])
    known = story["price_known"]
    show(
        {
            "history": str(read.folder),
            "from": story["from"],
            "to": story["to"],
            "step_minutes": story["step_minutes"],
            "steps": story["steps"],
            "sites": ", ".join(f"{site_id} ({known.get(site_id, 'not said')})" for site_id in story["sites"]),
            "optional_columns": ", ".join(story["optional_columns"]) or "none",
            "provenance": told_sources(story),
        },
        as_json=False,
    )


def _known_ahead(read: History) -> tuple[bool, ...]:
    """Tell for each site if its prices are known a day ahead.

    Empty where the folder names no markets.
    """
    if read.price_known or not (read.folder / SITES_FILE).is_file():
        return known_ahead((), read.price_known)
    site_of = {site.id: site for site in fleet_of_history(read).sites}
    return known_ahead([site_of[site_id] for site_id in read.site_ids], ())


def _row_of(shipped: ShippedHistory) -> dict[str, Any]:
    read = read_history(shipped.folder)
    return {
        "name": shipped.name,
        "title": shipped.title,
        "sites": list(read.site_ids),
        "from": utc_text(read.start),
        "to": utc_text(read.end),
        "step_minutes": read.step_minutes,
        "sha256": read.sha256,
        "licences": str(shipped.folder / "README.md"),
    }
