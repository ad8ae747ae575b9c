"""The command `why`: answers an operator's question from the stored run."""

from dataclasses import asdict
from typing import Annotated

import typer

from mara.api.routes.json_values import json_value
from mara.assembly.runs import read_only_run
from mara.cli.app import app
from mara.cli.report import show
from mara.core.explanation import Explanation
from mara.core.snapshot import ForecastSnapshot
from mara.core.snapshot_builder import forecast_snapshot
from mara.errors import EXIT_USAGE
from mara.runtime.explain.why import explained
from mara.settings import Settings, read_settings
from mara.store.read.read_model import ReadModel


@app.command()
def why(
    question: Annotated[str, typer.Argument(help='In plain words, such as "Why was Texas off at 14:00?"')],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Answer a question about the stored run, which is only read.

    What was understood is printed first. A question that cannot be answered is told so; the exit code is 2.
    """
    settings = read_settings()
    reading = ReadModel.open(settings.database_url)
    try:
        found = explained(reading, question, lambda: _forecast(settings))
    finally:
        reading.close()
    if as_json:
        show(json_value(asdict(found)), as_json=True)
    else:
        _tell(found)
    if not found.is_answered:
        raise typer.Exit(EXIT_USAGE)


def _forecast(settings: Settings) -> ForecastSnapshot:
    """Forecast of the stored run's feed before its next tick."""
    engine, _ = read_only_run(settings)
    return forecast_snapshot(engine.read_feed().forecast, engine.config)


def _tell(found: Explanation) -> None:
    """Print what was understood, the answer, and the facts that it rests on."""
    if found.understood is not None:
        typer.echo(found.understood.text)
    for sentence in found.sentences:
        typer.echo(sentence)
    if found.facts:
        typer.echo("")
    for fact in found.facts:
        typer.echo(f"  {fact.label}: {fact.text}")
    if not found.is_answered:
        for asked in found.can_ask:
            typer.echo(f"  {asked}")
