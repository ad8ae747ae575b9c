"""Panels of studies: form, fan of profit over many scenarios, risks."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from components.shared import format as text
from components.shared.charts import ChartLine, LineChart, csv_button
from components.shared.key_figure_history import MOST_POINTS
from components.shared.live import LiveTable, TableColumn, live_text
from components.shared.order_form import Field, order_form
from components.shared.theme import POLICY_LINES, element, panel
from components.shared.view_model import Channel, Row, Shown, ViewModel, cell
from mara.optimizer_names import LABELS, RULES, STATIC_BREAKEVEN

TICKS = [("5", "5 min"), ("15", "15 min"), ("30", "30 min"), ("60", "1 h")]
QUANTILES = ("p5", "p95", "p50")
"""In the order of the traces: the band lies between the first two."""
COLUMNS = (
    TableColumn(key="policy", label="Policy"),
    TableColumn(key="p5", label="Profit, P5", look="number", unit="USD", hint="One scenario in twenty earns less."),
    TableColumn(key="p50", label="Median", look="number", unit="USD"),
    TableColumn(key="p95", label="P95", look="number", unit="USD", hint="One scenario in twenty earns more."),
    TableColumn(key="mean", label="Mean", look="number desk", unit="USD"),
    TableColumn(
        key="credits", label="Credits", look="number desk", unit="USD", hint="Mean of the service credits paid."
    ),
    TableColumn(
        key="premium_missed",
        label="Premium missed",
        look="number desk",
        hint="Scenarios whose Premium ends below its target.",
    ),
    TableColumn(
        key="standard_missed",
        label="Standard missed",
        look="number desk",
        hint="Scenarios whose Standard ends below its target.",
    ),
    TableColumn(key="emissions", label="CO2, t", look="number desk", hint="Mean."),
)


def fan_lines() -> tuple[ChartLine, ...]:
    """Return three lines for each policy: P5, P95 with the band, and the median."""
    lines: list[ChartLine] = []
    for policy, (colour, dash) in POLICY_LINES.items():
        name = LABELS[policy]
        channels = {quantile: f"st-{policy}-{quantile}" for quantile in QUANTILES}
        lines += [
            ChartLine(name=f"{name}, P5", colour=colour, dash="1px,3px", channel=channels["p5"], is_thin=True),
            ChartLine(
                name=f"{name}, P95", colour=colour, dash="1px,3px", band=True, channel=channels["p95"], is_thin=True
            ),
            ChartLine(name=f"{name}, median", colour=colour, dash=dash, channel=channels["p50"]),
        ]
    return tuple(lines)


def study_fields() -> tuple[Field, ...]:
    """Return the fields of the order."""
    return (
        Field(
            key="history",
            label="History",
            kind="text",
            look="middle",
            limits={"placeholder": "none: synthetic prices and weather"},
            hint="Scenarios begin at random hours of it.",
        ),
        Field(
            key="tick_minutes",
            label="Tick",
            kind="choice",
            value="60",
            options=TICKS,
            hint="Longer than a history's steps, it sees and pays their means. 5 min take twelve times as long as 1 h.",
        ),
        Field(
            key="scenarios",
            label="Scenarios",
            kind="number",
            value="40",
            limits={"min": 1, "max": 10_000, "step": 1, "required": True},
        ),
        Field(
            key="days",
            label="Days",
            kind="number",
            value="30",
            unit="each",
            limits={"min": 1, "max": 366, "step": 1, "required": True},
        ),
        Field(key="seed", label="Seed", kind="number", value="7", limits={"min": 0, "step": 1, "required": True}),
        Field(
            key="workers",
            label="Workers",
            kind="number",
            value="2",
            unit="processes",
            limits={"min": 1, "max": 64, "step": 1},
        ),
        Field(
            key="policies",
            label="Policies",
            kind="several",
            value=[STATIC_BREAKEVEN, RULES],
            options=[(policy, LABELS[policy]) for policy in POLICY_LINES],
        ),
    )


def study_order_panel(order: Callable[[Mapping[str, Any]], Awaitable[str]], why_not: str = "") -> None:
    """Draw the form; `why_not` says why whoever looks may not use it."""
    how = "The fleet through many seeded scenarios of prices, weather, outages and requests: what is likely."
    with panel("Studies", "order-panel", how):
        fields = study_fields()
        order_form("study-form", fields=fields, submit="Run study", label="Study", order=order, why_not=why_not)


def study_result_panels(view_model: ViewModel) -> None:
    """Draw the fan chart of cumulative profit and the table of policies of a study.

    They show the channels of `study_channels`.
    """
    cells = view_model.get("cells", {})
    with element("div", "st-results"):
        shown = {"st.shown": cell("", "no"), **cells}
        live_text("st.shown", shown, "st-shown", marks="study").props("aria-hidden=true")
        with panel("Study: profit so far, P5 to P95 and median") as top:
            live_text("st.what", {"st.what": "", **cells}, "note", "p")
            with element("ul", "legend"):
                for policy, (colour, _) in POLICY_LINES.items():
                    element("li", f"legend-line {colour.removeprefix('--')}", LABELS[policy])
            chart = LineChart(
                "st-fan",
                unit="USD",
                label="Cumulative profit over the days of a scenario: median and the band from P5 to P95, USD",
                lines=fan_lines(),
                waiting="No study yet.",
                axis="day",
            )
            with top:
                csv_button(chart, "Study")
        with panel("Study: what is likely", "overflow"):
            LiveTable(
                "st-table",
                columns=COLUMNS,
                caption="Study by policy",
                empty="No study yet.",
                first=view_model.get("st-table", {}),
            )


def study_channels(study: Mapping[str, Any] | None) -> ViewModel:
    """Build the channels of the study's fan chart and table from its figures.

    Policies come in order of median profit, the best first; channels are empty without a study.
    """
    channels: ViewModel = {line.channel: {} for line in fan_lines()}
    policies = study["policies"] if study is not None else {}
    best_first = sorted(policies, key=lambda policy: -policies[policy]["profit_usd"]["p50"])
    for policy, figures in policies.items():
        for quantile in QUANTILES:
            channels[f"st-{policy}-{quantile}"] = _course(figures["cumulative_profit_usd"][quantile])
    table: Channel = {policy: _row(policy, policies[policy], -i) for i, policy in enumerate(best_first)}
    return {**channels, "st-table": table}


def study_cells(study: Mapping[str, Any] | None) -> Channel:
    """Return the cells that describe the study and say whether there is one."""
    if study is None:
        return {"st.shown": cell("", "no"), "st.what": ""}
    world = f"hours of {Path(study['history']).name}" if study["history"] else "synthetic worlds"
    size = f"{text.number(study['scenarios'])} scenarios of {text.number(study['days'])} days"
    ticks = f"ticks of {text.duration(study['tick_minutes'])}"
    return {"st.shown": cell("", "yes"), "st.what": f"{size}, {ticks}, {world}, seed {study['seed']}"}


def _course(values_usd: list[float]) -> Channel:
    """Return a course by day from zero on, thinned to what a screen shows."""
    stride = -(-len(values_usd) // (MOST_POINTS - 2)) or 1
    last = len(values_usd)
    days = [day for day in range(1, last + 1) if day % stride == 0 or day == last]
    return {"0": 0, **{str(day): round(values_usd[day - 1]) for day in days}}


def _row(policy: str, figures: Mapping[str, Any], rank: int) -> Row:
    profit, sla = figures["profit_usd"], figures["sla"]
    row: Row = {"rank": rank, "policy": LABELS.get(policy, policy)}
    for key in ("p5", "p50", "p95", "mean"):
        row[key] = cell(text.number(profit[key]), "bad" if profit[key] < 0 else "")
    for tier in ("premium", "standard"):
        row[f"{tier}_missed"] = _missed(sla[tier]["scenarios_below_target_share"])
    return {
        **row,
        "credits": text.number(-figures["credits_usd"]["mean"]),
        "emissions": text.number(figures["emissions_t"]["mean"]),
    }


def _missed(share: float | None) -> Shown:
    return text.NOTHING if share is None else cell(text.percent(share), "bad" if share > 0 else "")
