"""Commands on live feeds: feed check, providers, imitate, export."""

import json
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from mara.assembly.listening import journal_for, keys_for
from mara.cli.app import app
from mara.cli.options import moment_of
from mara.cli.report import show
from mara.core.live_source import SourceSnapshot
from mara.errors import EXIT_DONE, EXIT_INPUT
from mara.feeds.live.asking import Asker, keys_of
from mara.feeds.live.exporting import ExportOrder, export_journal
from mara.feeds.live.memory import Memory
from mara.feeds.live.openadr.ven import ven_of
from mara.feeds.live.poller import Poller
from mara.feeds.live.registry import provider_table
from mara.feeds.live.sources import sources_of_spec
from mara.feeds.markets.building.folder import Format
from mara.feeds.markets.building.spec import read_spec
from mara.feeds.markets.reading.clocks import utc_text
from mara.runtime.clock import SystemClock
from mara.settings import read_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
COLUMNS = ("id", "publisher", "quantity", "every_minutes", "apart_s", "needs_key")

feeds = typer.Typer(
    name="feed", no_args_is_help=True, rich_markup_mode=None, help="Live sources: ask them, and export what they told."
)
app.add_typer(feeds)


@feeds.command()
def check(
    *,
    spec: Annotated[Path, typer.Argument(help="TOML file that names sites and their live sources.")],
    as_json: AsJson = False,
) -> None:
    """Ask each live source once: what came, how old it is, what is missing."""
    settings, clock = read_settings(), SystemClock()
    read = read_spec(spec)
    asker = Asker(keys=keys_of(keys_for(settings)), passed_s=clock.monotonic_s)
    memory = Memory(keeps=True)
    sources, usd_per = sources_of_spec(read), dict(read.fx.usd_per)

    def now_s() -> float:
        return clock.now().timestamp()

    poller = Poller(sources, memory, asker, now_s, usd_per)
    ven = None if read.openadr is None else ven_of(read.openadr, sources, memory, asker, now_s, usd_per)
    try:
        poller.ask_each()
        if ven is not None:
            ven.ask()
    finally:
        asker.close()
    statuses = (*poller.statuses(), *(() if ven is None else ven.statuses()))
    if as_json:
        plain = [{**asdict(one), **_moments(one)} for one in statuses]
        typer.echo(json.dumps({"sources": plain}, allow_nan=False))
    else:
        for one in statuses:
            typer.echo(f"{one.name} ({one.provider}): {_line_of(one)}")
    raise typer.Exit(EXIT_INPUT if any(not one.values or one.reason for one in statuses) else EXIT_DONE)


@feeds.command()
def providers(*, as_json: AsJson = False) -> None:
    """List the providers that a SPEC can name."""
    table = provider_table()
    if as_json:
        typer.echo(json.dumps({"providers": table}, allow_nan=False))
        return
    rows = [COLUMNS, *(tuple(str(row[name]) for name in COLUMNS) for row in table)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@feeds.command()
def imitate(
    *, spec: Annotated[Path, typer.Argument(help="TOML file that names sites and their live sources.")]
) -> None:
    """Serve imitated prices on this machine, to try a live world without the internet.

    They are told where the SPEC says, which must be addresses of this machine, as the dashboard of ERCOT tells them:
    every second quarter of an hour is dear. Ctrl-C ends them.
    """
    from mara.cli.imitations import served_prices, wait_for_the_end

    with ExitStack() as stack:
        for address in served_prices(stack, read_spec(spec)):
            typer.echo(f"prices of no market, imitated at {address}; Ctrl-C ends")
        wait_for_the_end()


@feeds.command()
def export(
    *,
    spec: Annotated[Path, typer.Argument(help="TOML file that names sites and their live sources.")],
    out: Annotated[Path, typer.Option(help="Folder for the history; new, empty, or one built before.")],
    journal: Annotated[
        Path | None, typer.Option(help="Folder of the journal [default: MARA_FEED_JOURNAL, else beside the database].")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", help="First instant, ISO 8601, inclusive.")] = None,
    to: Annotated[str | None, typer.Option(help="Last instant, ISO 8601, exclusive.")] = None,
    kind: Annotated[
        Format, typer.Option("--format", help="Form of the rows: history.csv.gz or history.parquet.")
    ] = Format.CSV,
    as_json: AsJson = False,
) -> None:
    """Write a history folder of what live sources told, in its last edition."""
    folder = journal or journal_for(read_settings())
    order = ExportOrder(
        out=out, from_s=_seconds(moment_of(from_, "--from")), to_s=_seconds(moment_of(to, "--to")), kind=kind
    )
    show(export_journal(read_spec(spec), folder, order), as_json=as_json)


def _line_of(one: SourceSnapshot) -> str:
    if not one.values:
        return one.reason or "nothing came"
    minutes = round(one.age_minutes or 0.0)
    age = f"{minutes} {'minute' if minutes == 1 else 'minutes'} old" if minutes else "of the present interval"
    until = f", known until {utc_text(int(one.known_until.timestamp()))}" if one.known_until is not None else ""
    stale = ", STALE" if one.is_stale else ""
    said = ", ".join(f"{name} {number:g}" for name, number in one.values.items())
    return f"{said}, {age}{stale}{until}" + (f"; {one.reason}" if one.reason else "")


def _moments(one: SourceSnapshot) -> dict[str, str | None]:
    names = ("known_until", "known_at", "asked_at", "told_at", "next_at")
    found = {name: getattr(one, name) for name in names}
    return {name: None if at is None else at.isoformat() for name, at in found.items()}


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
