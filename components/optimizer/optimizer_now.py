"""Key figures of the plan in force: proved quality, gain over rules, solve time."""

from collections.abc import Callable

from components.shared import format as text
from components.shared.live import figure_strip
from components.shared.optimizer_labels import STATUS, gap_share, gap_text, maker_of
from components.shared.theme import element, on_press
from components.shared.view_model import Channel, Shown, cell
from mara.core.snapshot import GainsSnapshot, PlanSnapshot, Snapshot

FIGURES = (
    ("maker", "Plan in force", "Who made it, how old it is and how far it looks ahead."),
    ("objective", "Expected profit", "What the plan earns over its horizon by its own forecast: not yet money."),
    ("gap", "Proved gap", "How much better any plan could be at most, over the bound: zero means nothing is better."),
    (
        "rules",
        "Over the rules today",
        "Profit of the UTC day so far less that of rules, which run a shadow of the fleet.",
    ),
    ("solve", "Solved in", "Real time the optimizer took. A tick never waits for it."),
    ("today", "Profit of the UTC day so far", "All ledger lines since 00:00 UTC; below it since the run began."),
)
"""Key, label and explanation of each tile."""


def optimizer_head(optimize: Callable[[], object], why_not: str = "") -> None:
    """Draw the title and the button for a new plan; with `why_not` there is no button."""
    with element("div", "leaf-head"):
        element("h1", "", "Optimizer")
        element("span", "place", "What is planned, how good that is proved to be, and what it is worth")
        if why_not:
            return
        with element("div", "end"):
            hint = "Plan anew from the present state, without waiting for the next turn"
            button = element("button", "button button-strong", "Optimize now").props(f'type=button title="{hint}"')
            on_press(button, optimize).mark("optimize-now")


def optimizer_figures(first: Channel) -> None:
    """Draw the strip that `optimizer_cells` states."""
    figure_strip("optimizer", FIGURES, first, label="Key figures of the plan in force", in_words=("maker",))


def optimizer_cells(snapshot: Snapshot) -> Channel:
    """Return the strip's cells; an unknown figure is shown as such, without a number."""
    plan = snapshot.plan
    cells: Channel = {}
    figures: dict[str, tuple[Shown, str, Shown]] = {
        "maker": (maker_of(plan.optimizer, plan.status), "", _age(plan, snapshot.tick_minutes)),
        "objective": _objective(plan, snapshot.tick_minutes),
        "gap": _gap(plan),
        "rules": _over_rules(snapshot.gains),
        "solve": _solved(plan),
        "today": _today(snapshot.profit_today_usd, snapshot.profit_total_usd),
    }
    for key, (value, unit, note) in figures.items():
        cells[f"optimizer.{key}"] = value
        cells[f"optimizer.{key}.unit"] = unit
        cells[f"optimizer.{key}.note"] = note
    return cells


def seconds_text(wall_s: float | None) -> tuple[str, str]:
    """Format a real duration as number and unit."""
    if wall_s is None:
        return text.NOTHING, ""
    return (text.significant(1_000 * wall_s), "ms") if wall_s < 1 else (text.significant(wall_s), "s")


def _age(plan: PlanSnapshot, tick_minutes: int) -> str:
    age = "made this tick" if plan.age_ticks <= 0 else f"{text.duration(plan.age_ticks * tick_minutes)} old"
    ahead = text.duration(plan.horizon_ticks * tick_minutes)
    return f"{age}, looks {ahead} ahead" if plan.horizon_ticks > 1 else f"{age}, for this tick only"


def _objective(plan: PlanSnapshot, tick_minutes: int) -> tuple[Shown, str, Shown]:
    if plan.objective_usd is None:
        return text.NOTHING, "", "this optimizer expects nothing in numbers"
    value, unit = text.scaled(plan.objective_usd, "USD")
    return (
        cell(value, "bad" if plan.objective_usd < 0 else ""),
        unit,
        f"over {text.duration(plan.horizon_ticks * tick_minutes)}",
    )


def _gap(plan: PlanSnapshot) -> tuple[Shown, str, Shown]:
    share = gap_share(plan.objective_usd, plan.bound_usd)
    if share is None or plan.bound_usd is None:
        return text.NOTHING, "", "no bound: nothing is proved"
    return gap_text(share), "", f"bound {text.usd_in_short(plan.bound_usd)}, {STATUS.get(plan.status, plan.status)}"


def _over_rules(gains: GainsSnapshot) -> tuple[Shown, str, Shown]:
    today_usd, since_usd = gains.optimizer_vs_rules_today_usd, gains.optimizer_vs_rules_usd
    if today_usd is None or since_usd is None:
        return text.NOTHING, "", "no rules run beside it"
    value, unit = text.scaled(today_usd, "USD")
    since = cell(f"{text.usd_in_short(since_usd)} since start", "bad" if since_usd < 0 else "")
    return cell(value, "bad" if today_usd < 0 else ""), unit, since


def _solved(plan: PlanSnapshot) -> tuple[Shown, str, Shown]:
    value, unit = seconds_text(plan.solve_wall_s)
    return value, unit, f"at tick {text.number(plan.made_tick)}"


def _today(today_usd: float | None, total_usd: float) -> tuple[Shown, str, Shown]:
    since = f"since 00:00 UTC; {text.usd_in_short(total_usd)} since the run began"
    if today_usd is None:
        return text.NOTHING, "", since
    value, unit = text.scaled(today_usd, "USD")
    return cell(value, "bad" if today_usd < 0 else ""), unit, since
