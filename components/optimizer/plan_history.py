"""Panel of plans that came into force, newest first, with reasons on opening."""

from collections.abc import Iterable

from components.optimizer.optimizer_now import seconds_text
from components.shared import format as text
from components.shared.fold_table import FoldTable, Inside
from components.shared.live import TableColumn
from components.shared.optimizer_labels import gap_share, gap_text, maker_of
from components.shared.theme import panel, scroll
from components.shared.view_model import Channel, Row, cell
from mara.core.history import Optimization, OptimizationSnapshot
from mara.core.plan import Provenance

MOST_RUNS = 50
COLUMNS = (
    TableColumn(key="when", label="UTC"),
    TableColumn(key="maker", label="Made by"),
    TableColumn(
        key="objective", label="Expects", look="number", hint="Profit over the plan's horizon, by its own forecast."
    ),
    TableColumn(key="gap", label="Gap", look="number desk", hint="How much better any plan could be at most."),
    TableColumn(key="took", label="Took", look="number desk", hint="Real time."),
    TableColumn(key="headline", label="What it runs", look="grow desk"),
)


def history_panel(first: Channel, inside: Inside) -> None:
    """Draw the list that `run_channel` states.

    `inside` gives the reasons of the plan that came into force in a tick.
    """
    how = "Open a row for the reasons that were stored with it. Rules plan every tick: one of theirs an hour is kept."
    with panel("Optimization runs", "runs-panel", how), scroll("Optimization runs, newest first"):
        FoldTable(
            "runs",
            columns=COLUMNS,
            caption="Optimization runs, newest first",
            empty="No plan has come into force yet. The first one follows the first tick.",
            first=first,
            inside=inside,
        )


def run_channel(runs: Iterable[OptimizationSnapshot]) -> Channel:
    """Return a row for each optimizer run, keyed by the tick in which it took force."""
    return {str(run.adopted_tick): _row(run) for run in runs}


def lines_of(stored: Optimization) -> list[str]:
    """Return the reasons stored with a plan: its failure, its origin, its reasons."""
    plan = stored.plan
    lines = [plan.note] if plan.note else []
    if plan.provenance is not None:
        lines += _origin(plan.provenance)
    lines += [line for line in (plan.headline, *plan.reasons) if line]
    return lines or ["No reason was stored with this plan."]


def _row(run: OptimizationSnapshot) -> Row:
    value, unit = seconds_text(run.solve_wall_s)
    share = gap_share(run.objective_usd, run.bound_usd)
    at = run.adopted_at
    return {
        "rank": run.adopted_tick,
        "when": f"{at.day} {at:%b %H:%M}",
        "maker": cell(maker_of(run.optimizer, run.status), "warn" if run.status == "fallback" else ""),
        "objective": text.NOTHING if run.objective_usd is None else text.usd_in_short(run.objective_usd),
        "gap": gap_text(share),
        "took": f"{value} {unit}".strip(),
        "headline": cell(run.note, "warn") if run.note else run.headline,
    }


def _origin(origin: Provenance) -> list[str]:
    lines = [claim.text for claim in origin.claims]
    if origin.failure:
        lines.append(f"Its own plan was not taken: {origin.failure}.")
    parts = [f"model {origin.model}" if origin.model else "", f"instructions version {origin.prompt_version}"]
    if origin.regret_share is not None:
        parts.append(f"worth {text.percent(origin.regret_share, 2)} less than the best known plan")
    parts.append(f"moved {text.mw(origin.moved_mw)}")
    parts.append(f"cost {text.number(origin.cost_usd, 4)} USD")
    asked = ", ".join(origin.request_ids)
    return [*lines, f"Asked over the network: {', '.join(part for part in parts if part)}; request {asked or 'none'}."]
