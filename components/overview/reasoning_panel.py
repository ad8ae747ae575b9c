"""Panel of the plan in force: its maker, gains and claims, and Claude's advice.

It is complete without an API key, with claims from the engine's own templates. Every number is computed by Mara; a
model's prose is shown as text.
"""

from collections.abc import Callable
from typing import Final

from nicegui import ui

from components.shared import format as text
from components.shared.live import LiveTable, TableColumn, live_text
from components.shared.optimizer_labels import STATUS, gap_share, gap_text, maker_of
from components.shared.theme import BROWSER_MODULES, element, explained, panel, scroll
from components.shared.view_model import Channel, Shown, cell
from mara.core.snapshot import AdvisorRunSnapshot, AdvisorSnapshot, PlanSnapshot, Snapshot

MOST_CLAIMS: Final = 8
MOST_REASONS: Final = 8
NO_PLAN: Final = "No plan yet: the first one follows the first observation."
NO_ADVISOR: Final = AdvisorSnapshot(state="off", message="AI not configured", why_not="AI not configured")
NOT_CONFIGURED: Final = "AI not configured: the plan needs none. Set ANTHROPIC_API_KEY to have Claude advise."
CALM_OUTCOMES: Final = ("accepted", "adjusted")
RUN_COLUMNS: Final = (
    TableColumn(key="asked", label="Asked"),
    TableColumn(key="outcome", label="What came of it", look="grow"),
    TableColumn(key="cost", label="Cost", look="number"),
)
CLIMATE_HOW: Final = "Cooling energy saved by running the same load where it is cooler, at the baseline's mean price."
TIME_ZONE_HOW: Final = "Saved by running the same load where power is cheap at that hour, at the baseline's mean PUE."


class AskButton(ui.element, component="ask_button.js", esm=BROWSER_MODULES):
    """Button that costs money, and so asks for confirmation before it calls `press`.

    It is disabled while the cell `name` holds a reason, and always with `why_not`.
    """

    def __init__(self, label: str, name: str, first: Channel, press: Callable[[], object], why_not: str = "") -> None:
        super().__init__()
        self.props["label"] = label
        self.props["name"] = name
        self.props["reason"] = str(first.get(name, "") or "")
        self.props["forbidden"] = why_not
        if not why_not:
            self.on("order-advice", press)
        self.mark("ask-claude")


def reasoning_panel(first: Channel, runs: Channel, ask: Callable[[], object], why_not: str = "") -> None:
    """Draw the panel that `reasoning_cells` and `advice_channel` state.

    `ask` is called by the button; `why_not` says why whoever looks may not press it.
    """
    with panel("Reasoning", "reasoning-panel") as top:
        with top, element("div", "panel-end"):
            live_text("why.maker", first, "badge maker").props("role=status")
            AskButton("Ask Claude", "claude.why_not", first, ask, why_not)
        with element("div", "highlights"):
            _highlight("why.climate", "Climate savings", CLIMATE_HOW, first)
            _highlight("why.time_zone", "Timezone optimization", TIME_ZONE_HOW, first)
        live_text("plan.age", first, "plan-age", "p")
        live_text("plan.note", first, "plan-note", "p")
        live_text("claude.message", first, "advice-line", "p").props("role=status")
        live_text("claude.notice", first, "advice-line", "p")
        with scroll("Reasons of the plan"):
            live_text("why.headline", first, "plan-headline", "p")
            _list("claims", "why.claim", MOST_CLAIMS, first)
            _list("reasons", "plan.reason", MOST_REASONS, first)
            with element("details", "more working-notes"):
                element("summary", "", "Working notes (provisional, no evidence)")
                live_text("claude.notes", first, "notes", "p", marks="notes")
            with element("details", "more"):
                element("summary", "", "When Claude was asked")
                live_text("claude.money", first, "advice-line", "p")
                LiveTable(
                    "advice",
                    columns=RUN_COLUMNS,
                    caption="When Claude was asked, newest first",
                    empty="It has not been asked yet.",
                    first=runs,
                )


def reasoning_cells(snapshot: Snapshot, advisor: AdvisorSnapshot | None) -> Channel:
    """Return the cells of the panel; an empty text takes no space."""
    said, plan, gains = advisor or NO_ADVISOR, snapshot.plan, snapshot.gains
    is_claude_s = plan.optimizer.startswith("claude")
    climate_usd_per_h = said.climate_saving_usd_per_h if is_claude_s else None
    time_zone_usd_per_h = said.time_zone_gain_usd_per_h if is_claude_s else None
    claims = [cell(claim.text, claim.kind) for claim in plan.claims[:MOST_CLAIMS]]
    padded: list[Shown] = [*claims, *[""] * (MOST_CLAIMS - len(claims))]
    reasons = [*plan.reasons[:MOST_REASONS], *[""] * (MOST_REASONS - len(plan.reasons))]
    return {
        "plan.age": _age(plan, snapshot.tick_minutes),
        "plan.note": cell(plan.note, "warn") if plan.note else "",
        **{f"plan.reason.{i}": reason for i, reason in enumerate(reasons)},
        "why.maker": cell(maker_of(plan.optimizer, plan.status), _maker_state(plan.optimizer, plan.status)),
        "why.climate": _gain(gains.climate_usd),
        "why.climate.note": _note(climate_usd_per_h, f"since start, {_carbon(gains.carbon_avoided_t)}"),
        "why.time_zone": _gain(gains.time_zone_usd),
        "why.time_zone.note": _note(time_zone_usd_per_h, "since start"),
        "why.headline": (said.headline if is_claude_s else "") or plan.headline or NO_PLAN,
        **{f"why.claim.{i}": shown for i, shown in enumerate(padded)},
        "claude.why_not": said.why_not,
        "claude.message": _message(said),
        "claude.notice": cell(said.notice, "warn") if said.notice else "",
        "claude.notes": said.working_notes,
        "claude.money": _money(said),
    }


def advice_channel(advisor: AdvisorSnapshot | None) -> Channel:
    """Return a row for each time that Claude was asked, the newest first."""
    runs = advisor.runs if advisor is not None else ()
    return {f"{run.asked_at.isoformat()} {n}": _row(run, len(runs) - n) for n, run in enumerate(runs)}


def _row(run: AdvisorRunSnapshot, rank: int) -> Shown:
    told = cell(run.message, "" if run.outcome in CALM_OUTCOMES else "warn")
    when = f"{text.utc_time(run.asked_at)} UTC"
    return {"rank": rank, "asked": when, "outcome": told, "cost": _cost(run.cost_usd)}


def _highlight(name: str, label: str, how: str, first: Channel) -> None:
    with element("div", "highlight"):
        explained(element("span", "label", label), how)
        live_text(name, first, "figure")
        live_text(f"{name}.note", first, "highlight-note")


def _list(look: str, name: str, most: int, first: Channel) -> None:
    with element("ul", look):
        for i in range(most):
            live_text(f"{name}.{i}", {f"{name}.{i}": "", **first}, as_="li")


def _age(plan: PlanSnapshot, tick_minutes: int) -> str:
    age = "made this tick" if plan.age_ticks <= 0 else f"{text.duration(plan.age_ticks * tick_minutes)} old"
    parts = [age, STATUS.get(plan.status, plan.status)]
    if plan.objective_usd is not None:
        parts.append(f"expects {text.usd_in_short(plan.objective_usd)}")
    share = gap_share(plan.objective_usd, plan.bound_usd)
    if share is not None:
        parts.append(f"gap {gap_text(share)}")
    return ", ".join(part for part in parts if part)


def _maker_state(optimizer: str, status: str) -> str:
    return "fallback" if status == "fallback" else optimizer


def _gain(value_usd: float) -> Shown:
    return cell(text.usd(value_usd, signed=True), "loss" if value_usd <= -0.5 else "gain")


def _note(now_usd_per_h: float | None, since: str) -> str:
    """Return the origin of a highlight, and what Claude's evidence says of it."""
    return since if now_usd_per_h is None else f"{since}; as Claude saw it {text.usd_per_h(now_usd_per_h)}"


def _carbon(avoided_t: float) -> str:
    return f"{text.number(abs(avoided_t), 1)} t CO2 {'avoided' if avoided_t >= 0 else 'added'}"


def _message(said: AdvisorSnapshot) -> Shown:
    """Return the state of Claude: a warning after a failure, else neutral."""
    if said.state == "off" and said.message == NO_ADVISOR.message:
        return NOT_CONFIGURED
    failed = bool(said.runs) and said.runs[0].outcome not in CALM_OUTCOMES and said.message == said.runs[0].message
    return cell(said.message, "warn" if failed or said.state == "resting" else "")


def _money(said: AdvisorSnapshot) -> str:
    if not said.model:
        return ""
    return f"{said.model}: {_cost(said.cost_today_usd)} today, {_cost(said.budget_left_usd)} left now"


def _cost(cost_usd: float) -> str:
    return f"{text.number(cost_usd, 3)} USD"
