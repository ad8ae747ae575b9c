"""The command `dispatch`: prints the dispatch document of a stored tick."""

from typing import Annotated

import typer

from mara.cli.app import app
from mara.cli.report import show
from mara.runtime.signals.documents import document_at
from mara.settings import read_settings
from mara.signals.document_json import plain_document, schema_of_documents
from mara.store.read.read_model import ReadModel


@app.command()
def dispatch(
    *,
    tick: Annotated[int | None, typer.Option(min=0, help="Of this tick; left out: the newest stored.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a document.")] = False,
) -> None:
    """Print the targets of a stored tick for programs that act on them.

    The stored run is only read, also while it is running.
    """
    if schema:
        show(schema_of_documents(), as_json=True)
        return
    reading = ReadModel.open(read_settings().database_url)
    try:
        document = document_at(reading, tick)
    finally:
        reading.close()
    if as_json:
        show(plain_document(document), as_json=True)
        return
    typer.echo(f"{document.run} tick {document.tick}, {document.mode}, by {document.plan.optimizer}")
    typer.echo(f"valid from {document.valid_from.isoformat()} to {document.valid_to.isoformat()}")
    for site in document.sites:
        limit = "no limit" if site.site_limit_mw is None else f"limit {site.site_limit_mw:.3f} MW"
        typer.echo(f"{site.site_id}  {site.mode}  {site.site_power_mw:.3f} MW at the meter, {limit}")
        for group in site.groups:
            typer.echo(f"  {group.order_number}. {group.group}: {group.power_mw:.3f} MW, {group.units_on_count} on")
        for reason in site.reasons:
            typer.echo(f"  {reason}")
