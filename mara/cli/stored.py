"""Commands on the stored run and on fleet files: export, orders, db, fleet."""

from dataclasses import asdict
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from mara.api.routes.json_values import json_value
from mara.assembly.listening import beside_journal
from mara.cli.app import app, complain
from mara.cli.options import moment_of, refuse_homeless
from mara.cli.report import show
from mara.errors import EXIT_DATABASE, ConfigError
from mara.feeds.files.fleet_file import read_fleet
from mara.feeds.files.terms.power_terms import terms_told, unused_told, with_products
from mara.feeds.files.terms.products import products_beside, read_products, unsold_told
from mara.feeds.live.journal import extent_of, faults_in
from mara.feeds.markets.reading.clocks import utc_text
from mara.settings import read_settings
from mara.store import maintenance
from mara.store.check import coverage
from mara.store.read import order_list
from mara.store.read.order_list import MOST_ORDERS
from mara.store.read.read_model import ReadModel
from mara.store.read.table_file import write_export

MOST_FAULTS: Final = 20
"""Faults of a journal that a check names."""


class ExportName(StrEnum):
    """Tables that can be exported."""

    PRICES = "prices"
    STEPS = "steps"
    LEDGER = "ledger"
    POSITIONS = "positions"
    BATTERIES = "batteries"
    AWARDS = "awards"
    COMMITMENTS = "commitments"
    OPTIMIZATIONS = "optimizations"
    EVENTS = "events"
    ROUTINE = "routine"


class FormatName(StrEnum):
    """Formats of an export."""

    CSV = "csv"
    PARQUET = "parquet"


@app.command()
def export(
    table: Annotated[ExportName, typer.Argument(help="Which table.")],
    *,
    form: Annotated[
        FormatName | None, typer.Option("--format", help="csv or parquet [default: by the file's ending, else csv].")
    ] = None,
    out: Annotated[Path, typer.Option(help="File to write; it gets its name when it is complete.")],
    from_: Annotated[str | None, typer.Option("--from", help="First instant, ISO 8601, inclusive.")] = None,
    to: Annotated[str | None, typer.Option(help="Last instant, ISO 8601, exclusive.")] = None,
) -> None:
    """Write a stored table to a file."""
    first, end = moment_of(from_, "--from"), moment_of(to, "--to")
    if first is not None and end is not None and first >= end:
        raise ConfigError(f"the period should end after it starts, came {from_} up to {to}: correct --from or --to")
    refuse_homeless(out, "--out")
    form = _format_of(out, form)
    reading = ReadModel.open(read_settings().database_url)
    try:
        count = write_export(reading, table.value, form.value, out, first, end)
    finally:
        reading.close()
    typer.echo(f"{count:,} rows in {out}")


def _format_of(out: Path, asked: FormatName | None) -> FormatName:
    """Choose the format by the file's ending; one that contradicts `asked` is refused."""
    ending = out.suffix.lower().removeprefix(".")
    meant = FormatName(ending) if ending in list(FormatName) else None
    if asked is not None and meant is not None and asked is not meant:
        raise ConfigError(f"--format {asked} does not go with --out {out}: leave --format out, or name a .{asked} file")
    return asked or meant or FormatName.CSV


class StateName(StrEnum):
    """States of orders by which a list is filtered."""

    WAITING = "waiting"
    OBEYED = "obeyed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ALL = "all"


@app.command()
def orders(
    *,
    state: Annotated[StateName, typer.Option(help="Which of them.")] = StateName.ALL,
    limit: Annotated[int, typer.Option(min=1, max=MOST_ORDERS, help="How many, the newest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """List orders with their outcomes, newest first."""
    reading = ReadModel.open(read_settings().database_url)
    try:
        found = order_list.orders(reading, state.value, limit)
    finally:
        reading.close()
    if as_json:
        show({"orders": [json_value(asdict(row)) for row in found]}, as_json=True)
        return
    for row in found:
        when = "" if row.tick is None else f" in tick {row.tick}"
        why = f": {row.reason}" if row.reason else ""
        typer.echo(f"{row.number}  {row.kind} {row.about}  by {row.by}  {row.state}{when}{why}")
    if not found:
        typer.echo("no orders")


db = typer.Typer(no_args_is_help=True, help="Care for the database.", rich_markup_mode=None)
app.add_typer(db, name="db")


@db.command()
def upgrade() -> None:
    """Upgrade the database to this version, after a backup."""
    backup = maintenance.upgrade(read_settings().database_url)
    typer.echo("up to date" if backup is None else f"upgraded; the database as it was is in {backup}")


@db.command()
def check() -> None:
    """Check that every stored row is as written."""
    settings = read_settings()
    report = maintenance.check(settings.database_url)
    journal = beside_journal(settings)
    faults = () if journal is None else tuple(islice(faults_in(journal), MOST_FAULTS))
    for finding in (*(f"{report.name}: {finding}" for finding in report.findings), *faults):
        complain(finding)
    if not report.is_sound or faults:
        raise typer.Exit(EXIT_DATABASE)
    run = f"run {report.run_id}, {report.ticks_count:,} ticks" if report.run_id else "no run yet"
    typer.echo(f"{report.name} is sound: {run}")
    for note in report.notes:
        typer.echo(note)
    if journal is not None:
        count, last_s = extent_of(journal)
        typer.echo(f"the journal {journal} is sound: {count:,} lines until {utc_text(last_s)}")
    if report.unsealed_count:
        typer.echo(_unsealed(report))
    for line in coverage.told():
        typer.echo(line)


def _unsealed(report: maintenance.CheckReport) -> str:
    """Describe rows that an older Mara left without a seal."""
    since = "until the next tick is" if report.unsealed_count == report.ticks_count else "of the time before one was"
    return (
        f"{report.unsealed_count:,} ticks are of an older Mara, which sealed no rows: changes of contracts,"
        f" windows, plans, events and roll-ups go unseen {since} written by this one"
    )


@db.command()
def backup(file: Annotated[Path, typer.Argument(help="New file to write.")]) -> None:
    """Write a verified copy of the database, live or not."""
    refuse_homeless(file, "the backup")
    maintenance.backup(read_settings().database_url, file)
    typer.echo(f"backed up to {file}")


@db.command()
def restore(
    backup: Annotated[Path | None, typer.Argument(help="A backup [default: the newest good one beside it].")] = None,
) -> None:
    """Restore a backup, and rename the present database."""
    good, aside = maintenance.restore(read_settings().database_url, backup)
    typer.echo(f"restored from {good}" + ("" if aside is None else f"; what was there is in {aside}"))


@db.command()
def init(
    *, force: Annotated[bool, typer.Option("--force", help="Set aside what is there, and begin anew.")] = False
) -> None:
    """Create a new, empty database."""
    aside = maintenance.init(read_settings().database_url, force=force)
    typer.echo("new database" if aside is None else f"new database; what was there is in {aside}")


fleet = typer.Typer(no_args_is_help=True, help="Fleet files.", rich_markup_mode=None)
app.add_typer(fleet, name="fleet")


@fleet.command("check")
def check_fleet(
    file: Annotated[str, typer.Argument(help="A TOML file, or a shipped fleet's name.")],
    products: Annotated[str | None, typer.Option(help="Grid products: a shipped file's name, or a TOML file.")] = None,
) -> None:
    """Check a fleet file, and summarise its contents."""
    read = read_fleet(file)
    named = products or products_beside(file)
    read = with_products(read, read_products(named, read)) if named else read
    machines, grid_mw = int(read.units_count.sum()), float(read.grid_limit_mw.sum())
    it_mw, racks_mw = float(read.nameplate_mw.sum()), float(read.racks_mw.sum())
    typer.echo(
        f"{read.name}: {read.site_count} sites, {machines:,} machines, {it_mw:.1f} MW of IT "
        f"({racks_mw:.1f} MW of racks) behind {grid_mw:.1f} MW of grid"
    )
    if read.power is not None:
        for line in [*terms_told(read.power, read.site_ids), *unused_told(read), *unsold_told(read)]:
            typer.echo(f"  {line}")
