"""Commands that run ticks: simulate, backtest, replay.

A backtest needs no database, which takes as long to import as all else: the other commands import it.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from mara.assembly.backtest import BacktestOrder
from mara.backtests import BacktestResult, compared, shared_figures
from mara.cli.app import app, complain
from mara.cli.options import moment_of, refuse_homeless
from mara.cli.report import bars, progress, show, tell_notes, told_sources, write_page
from mara.core.snapshot import ShadowGains
from mara.core.units import MICRO_USD_PER_USD, MINUTES_PER_HOUR
from mara.errors import EXIT_DONE, EXIT_OUR_FAULT, ConfigError
from mara.optimizer_names import POLICIES
from mara.runtime.clock import SystemClock
from mara.runtime.run_totals import RunTotals, SimulationExtras
from mara.settings import read_settings

MAX_TICK = 100_000_000
"""Largest tick that a command takes: nine centuries of five-minute ticks."""
SHADOW_GAINS = (
    "sla_flexibility",
    "optimizer_vs_rules",
    "optimizer_vs_rules_same_budgets",
    "optimizer_vs_rules_by_resting",
    "optimizer_vs_static_breakeven",
    "optimizer_vs_static",
)
"""Gains measured against the counterfactual worlds."""

Fleet = Annotated[str | None, typer.Option(help="A shipped fleet's name, or a TOML file.")]
Seed = Annotated[int | None, typer.Option(help="Same seed, same run [default: 7].")]
OptimizerName = Annotated[str | None, typer.Option("--optimizer", help=f"Who plans: {', '.join(POLICIES)}.")]
Products = Annotated[str | None, typer.Option(help="Grid products to sell: a shipped file's name, or a TOML file.")]
DayAhead = Annotated[str | None, typer.Option(help="Positions bought day-ahead: none or planned [default: none].")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


@app.command()
def simulate(
    *,
    ticks: Annotated[int, typer.Option(min=1, max=MAX_TICK, help="How many ticks to go on.")],
    seed: Seed = None,
    fleet: Fleet = None,
    products: Products = None,
    history: Annotated[Path | None, typer.Option(help="History folder to replay; else a synthetic world.")] = None,
    optimizer: OptimizerName = None,
    day_ahead: DayAhead = None,
    no_store: Annotated[bool, typer.Option("--no-store", help="Start anew and remember nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Continue the stored run by some ticks, or begin it."""
    from mara.assembly.runs import open_run, rehearsal_of
    from mara.runtime.observe.log import open_log
    from mara.runtime.tick.engine import simulate as run_simulation

    options = {"seed": seed, "fleet": fleet, "history": history, "optimizer": optimizer}
    settings = read_settings(options={**options, "day_ahead_position": day_ahead, "products": products})
    clock = SystemClock()
    with nullcontext() if no_store else open_log(settings):
        store, engine = (None, rehearsal_of(settings)) if no_store else open_run(settings)
        try:
            if store is not None and store.loss:
                complain(store.loss)
            first = engine.world.tick
            wall_s, cpu_s = clock.monotonic_s(), clock.cpu_s()
            gained = engine.shadow_gains
            with progress("simulate", ticks) as on_tick:
                totals = run_simulation(engine, store, ticks, on_tick)
            wall_s, cpu_s = clock.monotonic_s() - wall_s, clock.cpu_s() - cpu_s
        finally:
            if store is not None:
                store.close()
    grid = engine.config.grid
    tell_notes(engine.notes)
    report = {
        "run": store.run.run_id if store is not None and store.run is not None else None,
        "optimizer": engine.optimizer.name,
        "fleet": engine.config.fleet.name,
        "history": str(settings.history) if settings.history is not None else None,
        "from": grid.at(first).isoformat(),
        "to": grid.at(first + ticks).isoformat(),
        **shared_figures(
            totals,
            len(engine.config.fleet.sites),
            wall_s,
            cpu_s,
            settings.seed,
            feed=engine.feed.name,
            has_positions=settings.has_positions,
            has_terms=engine.config.fleet.power is not None,
        ),
        **_extras(totals, gained, engine.shadow_gains),
        "notes": list(engine.notes),
    }
    show(report, as_json=as_json)


def _extras(totals: RunTotals, before: ShadowGains | None, after: ShadowGains | None) -> SimulationExtras:
    """Compute the figures of a simulation, with gains over its ticks [USD]."""
    beside: dict[str, float | None] = dict.fromkeys(SHADOW_GAINS)
    if before is not None and after is not None:
        beside = {name: getattr(after, f"{name}_usd") - getattr(before, f"{name}_usd") for name in SHADOW_GAINS}
    extras = totals.extras()
    extras["gains"] |= beside
    return extras


@app.command()
def backtest(
    *,
    history: Annotated[Path | None, typer.Option(help="History folder [default: MARA_HISTORY].")] = None,
    fleet: Fleet = None,
    products: Products = None,
    optimizer: OptimizerName = None,
    seed: Seed = None,
    from_: Annotated[str | None, typer.Option("--from", help="First instant, ISO 8601, inclusive.")] = None,
    to: Annotated[str | None, typer.Option(help="Last instant, ISO 8601, exclusive.")] = None,
    tick_minutes: Annotated[
        int | None, typer.Option(min=1, max=60, help="Length of a tick [default: the history's step].")
    ] = None,
    horizon_hours: Annotated[int | None, typer.Option(min=1, max=168, help="How far plans look ahead.")] = None,
    contracts: Annotated[Path | None, typer.Option(help="Contracts to serve; else a constant pooled demand.")] = None,
    load_share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Pooled demand as a share of the racks.")] = 0.75,
    migration_factor: Annotated[float, typer.Option(min=0.0, max=1e6, help="Makes moves dearer.")] = 1.0,
    forecast: Annotated[str, typer.Option(help="persistence, day-ahead or perfect.")] = "persistence",
    day_ahead: DayAhead = None,
    bound: Annotated[
        bool,
        typer.Option(
            "--bound", help="Also find the most that anybody could have earned; one demand peak a month of UTC."
        ),
    ] = False,
    without: Annotated[
        list[str] | None, typer.Option(help="Also measure an instrument's worth: run again with plans that ignore it.")
    ] = None,
    as_json: AsJson = False,
    report: Annotated[Path | None, typer.Option(help="Also write an HTML page.")] = None,
) -> None:
    """Run policies over a period of history."""
    options = {"history": history, "fleet": fleet, "optimizer": optimizer, "seed": seed}
    own = {"horizon_hours": horizon_hours, "day_ahead_position": day_ahead, "products": products}
    settings = read_settings(
        options={**options, **own, "tick_minutes": tick_minutes or MINUTES_PER_HOUR},
        own_defaults={"tick_minutes": "of the history's step"},
    )
    order = BacktestOrder(
        from_=moment_of(from_, "--from"),
        to=moment_of(to, "--to"),
        contracts=contracts,
        load_share=load_share,
        migration_factor=migration_factor,
        forecast=forecast,
        follows_steps=tick_minutes is None,
    )
    refuse_homeless(report, "--report")
    with bars() as on_progress:
        results = compared(settings, order, with_bound=bound, without=without or (), on_progress=on_progress)
    unwritten = _unwritten(results, report)  # the result is printed all the same
    tell_notes(results[0].figures["notes"])
    figures = results[0].figures
    show(figures if as_json else {**figures, "provenance": told_sources(figures["provenance"])}, as_json=as_json)
    if unwritten is not None:
        raise unwritten


def _unwritten(results: Sequence[BacktestResult], report: Path | None) -> ConfigError | None:
    """Write the HTML page that was asked for; return why it could not be written."""
    if report is None:
        return None
    from mara.backtest_page import html_of

    try:
        write_page(html_of(results), report)
    except ConfigError as error:
        return error
    return None


@app.command()
def replay(
    *,
    run: Annotated[str | None, typer.Option(help="The run's id, to make sure [default: the stored run].")] = None,
    tick: Annotated[int, typer.Option(min=0, max=MAX_TICK, help="Which tick to compute again.")],
    as_json: AsJson = False,
) -> None:
    """Compute a stored tick again and compare it bit for bit."""
    from mara.runtime.replay_check import replayed
    from mara.store.read.read_model import ReadModel

    reading = ReadModel.open(read_settings().database_url)
    try:
        stored = reading.run()
        run, grid = stored.run_id if run is None else run, stored.config.grid
        comparison = replayed(reading, run, tick)
    finally:
        reading.close()
    figures = {
        "run": run,
        "tick": tick,
        "at": grid.at(tick).isoformat(),
        "replayed_ticks": comparison.replayed_ticks,
        "identical": not comparison.differs,
        "differs": ", ".join(comparison.differs) or None,
        "profit_usd": comparison.step.settlement.profit_micro_usd / MICRO_USD_PER_USD,
        "tick_hash": comparison.stored.tick_hash.hex(),
    }
    show(figures, as_json=as_json)
    raise typer.Exit(EXIT_OUR_FAULT if comparison.differs else EXIT_DONE)
