"""The command `study`: profit and risk over many scenarios."""

from pathlib import Path
from typing import Annotated

import typer

from mara.cli.app import app
from mara.cli.options import refuse_homeless
from mara.cli.report import bars, show
from mara.runtime.clock import SystemClock
from mara.runtime.progress import Progress
from mara.runtime.worker_pool import Cluster, Processes, WorkerPool
from mara.settings import read_settings
from mara.studies import MAX_DAYS, MAX_SCENARIOS, StudyOrder
from mara.studies import study as run_study

DEFAULT_POLICY = "rules"
"""Default policy, which is fast; `lp` takes minutes a scenario."""


@app.command()
def study(
    *,
    scenarios: Annotated[int, typer.Option(min=1, max=MAX_SCENARIOS, help="How many possible stretches.")],
    history: Annotated[Path | None, typer.Option(help="History that prices are drawn from; else synthetic.")] = None,
    fleet: Annotated[str | None, typer.Option(help="A shipped fleet's name, or a TOML file.")] = None,
    days: Annotated[int, typer.Option(min=1, max=MAX_DAYS, help="Length of each.")] = 30,
    seed: Annotated[int | None, typer.Option(help="Same seed, same study [default: 7].")] = None,
    optimizer: Annotated[str, typer.Option(help="Policies to compare, separated by commas.")] = DEFAULT_POLICY,
    tick_minutes: Annotated[int, typer.Option(min=1, max=60, help="Length of a tick.")] = 60,
    horizon_hours: Annotated[int | None, typer.Option(min=1, max=168, help="How far plans look ahead.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Local processes.")] = 2,
    cluster: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, instead of local processes.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="File for results so far: a study that was broken off goes on from it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Estimate profit and risk of policies over many scenarios."""
    options = {"history": history, "fleet": fleet, "seed": seed, "horizon_hours": horizon_hours}
    settings = read_settings(options={**options, "tick_minutes": tick_minutes})
    refuse_homeless(keep, "--keep")
    order = StudyOrder(
        scenarios=scenarios, days=days, policies=tuple(name.strip() for name in optimizer.split(",") if name.strip())
    )
    pool: WorkerPool = Cluster(cluster) if cluster is not None else Processes(workers)
    clock = SystemClock()
    began_s = clock.monotonic_s()
    with bars() as tell:
        report = run_study(
            settings,
            order,
            pool,
            journal=keep,
            on_done=lambda done, total: (
                tell(Progress(what="scenarios", done=done, total=total)) if tell is not None else None
            ),
        )
    where = {"cluster": cluster} if cluster is not None else {"workers": workers}
    show({**report, **where, "wall_s": clock.monotonic_s() - began_s}, as_json=as_json)
