"""The plan in force: who made it, how old it is, and why it is what it is."""

from components import format as text
from components.live import live_text
from components.picture import Channel, cell
from components.theme import element, panel, scroll
from mara.core.snapshot import PlanSnapshot, Snapshot

MOST_REASONS = 8
OPTIMIZER_LABELS = {
    "static": "Static",
    "static-breakeven": "Static, break-even",
    "rules": "Rules",
    "lp": "Linear program",
    "claude": "Claude",
}


def plan_panel(first: Channel) -> None:
    """Draws the panel; `plan_cells` says what its cells show."""
    with panel("Plan in force", "plan-panel") as top:
        with top:
            live_text("plan.optimizer", first, "badge")
        live_text("plan.age", first, "plan-age", "p")
        live_text("plan.note", first, "plan-note", "p")
        with scroll("Reasons of the plan"):
            live_text("plan.headline", first, "plan-headline", "p")
            with element("ul", "reasons"):
                for i in range(MOST_REASONS):
                    live_text(f"plan.reason.{i}", {f"plan.reason.{i}": "", **first}, as_="li")


def plan_cells(snapshot: Snapshot) -> Channel:
    """The panel's cells; an empty text takes no room."""
    plan = snapshot.plan
    reasons = [*plan.reasons[:MOST_REASONS], *[""] * (MOST_REASONS - len(plan.reasons))]
    return {
        "plan.optimizer": OPTIMIZER_LABELS.get(plan.optimizer, plan.optimizer or text.NOTHING),
        "plan.age": _age(plan, snapshot.tick_minutes),
        "plan.note": cell(plan.note, "warn") if plan.note else "",
        "plan.headline": plan.headline or "No plan yet: the first one follows the first observation.",
        **{f"plan.reason.{i}": reason for i, reason in enumerate(reasons)},
    }


def _age(plan: PlanSnapshot, tick_minutes: int) -> str:
    age = "made this tick" if plan.age_ticks <= 0 else f"{text.duration(plan.age_ticks * tick_minutes)} old"
    parts = [age, plan.status]
    if plan.objective_usd is not None:
        parts.append(f"expects {text.usd_in_short(plan.objective_usd)}")
    if plan.objective_usd is not None and plan.bound_usd:
        gap_share = (plan.bound_usd - plan.objective_usd) / abs(plan.bound_usd)
        parts.append(f"gap {text.percent(gap_share, 2)}")
    return ", ".join(part for part in parts if part)
