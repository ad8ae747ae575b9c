"""Commands that read market files: import inspect, import layouts, import build."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mara.cli.app import app, complain
from mara.cli.options import moment_of
from mara.cli.report import bars, show, tell_notes
from mara.errors import EXIT_INPUT, FeedInvalid
from mara.feeds.markets.building.build import BuildOrder
from mara.feeds.markets.building.build import build as build_history
from mara.feeds.markets.building.folder import Format
from mara.feeds.markets.building.own_layout import layout_in
from mara.feeds.markets.building.spec import read_spec
from mara.feeds.markets.inspection import SeriesPart, inspected, layout_table, lines_of, markdown_lines
from mara.feeds.markets.reading.series import Fill
from mara.runtime.progress import Progress

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
COLUMNS = ("id", "variant", "publisher", "quantity", "stamp_side", "clock", "repeated_hour", "unit")
"""Columns of the printed table; `--json` has all."""

imports = typer.Typer(
    name="import",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Read market files: see what they are, and build a history of them.",
)
app.add_typer(imports)


@imports.command()
def inspect(
    *,
    files: Annotated[list[Path], typer.Argument(help="Files as their publishers write them, zip and gzip included.")],
    layout: Annotated[str | None, typer.Option(help="Read them in this layout [default: the header decides].")] = None,
    csv: Annotated[
        Path | None, typer.Option(help="TOML file with the table csv of a SPEC, and quantity: read them by it.")
    ] = None,
    find: Annotated[str, typer.Option(help="Describe the series with this in their names.")] = "",
    skip: Annotated[int, typer.Option(min=0, help="Leave out the first of the series.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Report layout, points, period and gaps of market files.

    A file that is refused does not keep the others from being reported.
    """
    own = layout_in(csv) if csv is not None else None
    refusals: list[dict[str, Any]] = []

    def on_refusal(names: Sequence[str], error: FeedInvalid) -> None:
        refusals.append({"files": list(names), "refusal": str(error)})

    reports = inspected(files, layout, own=own, part=SeriesPart(find=find, skip=skip), on_refusal=on_refusal)
    if as_json:
        typer.echo(json.dumps({"reports": reports, "refusals": refusals}, allow_nan=False))
    else:
        for report in reports:
            typer.echo("\n".join(lines_of(report)))
    for refused in refusals:
        complain(refused["refusal"])
    if refusals:
        raise typer.Exit(EXIT_INPUT)


@imports.command()
def layouts(
    *,
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the table of docs/import.md.")] = False,
) -> None:
    """List the layouts of market files with their conventions."""
    if as_markdown:
        typer.echo("\n".join(markdown_lines()))
        return
    table = layout_table()
    if as_json:
        typer.echo(json.dumps({"layouts": table}, allow_nan=False))
        return
    rows = [COLUMNS, *(tuple(str(row[name]) for name in COLUMNS) for row in table)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@imports.command()
def build(
    *,
    spec: Annotated[Path, typer.Argument(help="TOML file that names sites and their files.")],
    out: Annotated[Path, typer.Option(help="Folder for the history; new, empty, or one built before.")],
    from_: Annotated[str | None, typer.Option("--from", help="First instant, ISO 8601, inclusive.")] = None,
    to: Annotated[str | None, typer.Option(help="Last instant, ISO 8601, exclusive.")] = None,
    fill: Annotated[Fill, typer.Option(help="What is done where a file has no value.")] = Fill.NONE,
    kind: Annotated[
        Format, typer.Option("--format", help="Form of the rows: history.csv.gz or history.parquet.")
    ] = Format.CSV,
    as_json: AsJson = False,
) -> None:
    """Build a history folder from market files."""
    order = BuildOrder(
        spec_file=spec,
        out=out,
        from_s=_seconds_of(from_, "--from"),
        to_s=_seconds_of(to, "--to"),
        fill=fill,
        kind=kind,
    )
    read = read_spec(spec)
    with bars() as tell:

        def on_stage(what: str, done: int, total: int) -> None:
            if tell is not None:
                tell(Progress(what=what, done=done, total=total))

        report: dict[str, Any] = build_history(read, order, on_stage)
    if not as_json:
        tell_notes(report["warnings"])
        report = {**report, "sites": ", ".join(report["sites"]), "warnings": len(report["warnings"])}
    show(report, as_json=as_json)


def _seconds_of(text: str | None, option: str) -> int | None:
    moment = moment_of(text, option)
    return None if moment is None else int(moment.timestamp())
