"""The command `plan`: plans a problem file, and changes nothing."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mara.cli.app import app
from mara.cli.report import show
from mara.errors import ConfigError
from mara.optimizers.problem_answer import ProblemAnswer, answer_by_lp, answer_by_rules, plain_of
from mara.optimizers.problem_file import FiledProblem, read_problem, shipped_problems
from mara.runtime.clock import SystemClock


@app.command()
def plan(
    *,
    problem: Annotated[Path | None, typer.Option(help="JSON file with the problem, or a shipped one's name.")] = None,
    shows_list: Annotated[bool, typer.Option("--list", help="List the problems that come with Mara.")] = False,
    optimizer: Annotated[Literal["lp", "rules"], typer.Option(help="Who plans.")] = "lp",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Plan a problem file, with a proved bound or by rules."""
    if shows_list:
        _list_shipped(as_json)
        return
    if problem is None:
        raise ConfigError(
            f"--problem should be a JSON file or a problem that comes with Mara, is not given: "
            f"try --problem {next(iter(shipped_problems()))}, or --list"
        )
    filed = read_problem(problem)
    clock = SystemClock()
    started_s = clock.monotonic_s()
    answer = answer_by_lp(filed.case) if optimizer == "lp" else answer_by_rules(filed.case)
    plain = plain_of(answer, filed.case, clock.monotonic_s() - started_s)
    if answer.note:
        typer.echo(f"mara: planned by {answer.optimizer} instead; {answer.note}", err=True)
    show(plain if as_json else _summary(answer, plain, filed), as_json=as_json)


def _list_shipped(as_json: bool) -> None:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "sites": list(filed.site_ids),
            "steps": filed.case.steps,
            "step_h": float(filed.case.dt_h[0]),
            "file": str(path),
        }
        for name, path in shipped_problems().items()
        for filed in (read_problem(path),)
    ]
    if as_json:
        show({"problems": found}, as_json=True)
        return
    for row in found:
        typer.echo(f"{row['name']}: sites {', '.join(row['sites'])}; {row['steps']} steps of {row['step_h']:g} h")
        typer.echo(f"    try it: mara plan --problem {row['name']}")


def _summary(answer: ProblemAnswer, plain: dict[str, Any], filed: FiledProblem) -> dict[str, Any]:
    """Summarise a plan: its quality, solve time, and energy by site [MWh]."""
    energy = filed.case.dt_h @ (answer.schedule.it_power_mw.sum(axis=2) + answer.schedule.contracts_mw.sum(axis=2))
    contracts = filed.case.dt_h @ answer.schedule.contracts_mw.sum(axis=2)
    figures = {
        name: plain[name] for name in ("optimizer", "status", "objective_usd", "bound_usd", "gap_share", "solve_s")
    }
    by_site = {
        site_id: {"it_mwh": float(energy[s]), "contracts_mwh": float(contracts[s])}
        for s, site_id in enumerate(filed.site_ids)
    }
    return {**figures, "steps": filed.case.steps, **by_site}
