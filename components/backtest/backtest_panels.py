"""Panels of backtests: the form, the progress, the results."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from components.shared import format as text
from components.shared.bar_chart import Bar, BarChart
from components.shared.charts import ChartLine, LineChart, csv_button
from components.shared.key_figure_history import MOST_POINTS
from components.shared.live import LiveTable, TableColumn, live_text
from components.shared.order_form import Field, order_form
from components.shared.theme import POLICY_LINES, address, element, on_press, panel
from components.shared.view_model import Channel, Row, Shown, ViewModel, cell
from mara.optimizer_names import LABELS, LP, POLICIES, RULES, STATIC_BREAKEVEN

PROPOSED = [STATIC_BREAKEVEN, RULES, LP]
FORECASTS = [
    ("persistence", "Persistence: the last day again"),
    ("day-ahead", "Day-ahead: known where the market knows it"),
    ("perfect", "Perfect: a bound, not a promise"),
]
POSITIONS = [
    ("none", "None: all power in real time"),
    ("planned", "Planned: bought the day before, settled twice"),
]
STEPS = [("", "As the history"), ("5", "5 min"), ("15", "15 min"), ("30", "30 min"), ("60", "1 h")]
LINES = tuple(
    ChartLine(name=LABELS[policy], colour=colour, dash=dash, channel=f"bt-{policy}")
    for policy, (colour, dash) in POLICY_LINES.items()
)
PROFIT_BARS = (Bar(key="profit", name="Profit", look="bar-1"),)
COLUMNS = (
    TableColumn(key="policy", label="Policy"),
    TableColumn(
        key="profit", label="Profit", look="number", unit="USD", hint="Revenue less all costs over the period."
    ),
    TableColumn(
        key="gain",
        label="Over break-even",
        look="number",
        hint="Profit more than the static fleet that switches miners.",
    ),
    TableColumn(
        key="of_bound",
        label="Of the bound",
        look="number",
        hint="Profit over the bound, in the program's accounts.",
    ),
    TableColumn(key="revenue", label="Revenue", look="number desk", unit="USD"),
    TableColumn(key="energy", label="Energy", look="number desk", unit="USD", hint="Cost of energy."),
    TableColumn(
        key="day_ahead",
        label="Day-ahead",
        look="number desk",
        unit="USD",
        hint="Gain of positions bought day-ahead, a part of the profit: with day-ahead purchases as planned.",
    ),
    TableColumn(key="credits", label="Credits", look="number desk", unit="USD", hint="Service credits paid."),
    TableColumn(
        key="premium",
        label="Premium",
        look="number desk",
        hint="Good over counted ticks of all Premium contracts, rounded down.",
    ),
    TableColumn(
        key="standard",
        label="Standard",
        look="number desk",
        hint="Good over counted ticks of all Standard contracts, rounded down.",
    ),
    TableColumn(key="emissions", label="CO2, t", look="number desk"),
    TableColumn(key="took", label="Took", look="number desk", hint="Real time."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResult:
    """Figures of one policy, as in `mara backtest --json`, and its daily profits."""

    policy: str
    starts_at: datetime
    figures: Mapping[str, Any]
    daily_profit_usd: Sequence[float]


def form_fields(history: str, horizon_hours: int) -> tuple[Field, ...]:
    """Return the fields of the form that orders a backtest.

    Args:
        history: folder that is proposed.
        horizon_hours: horizon that is proposed.
    """
    return (
        Field(
            key="history",
            label="History",
            kind="text",
            value=history,
            look="long",
            limits={"required": True, "placeholder": "four_markets_2023"},
            hint="The name of one in the list above, or a folder on the server with history.csv, history.csv.gz or "
            "history.parquet, and bitcoin_daily.csv.",
        ),
        Field(key="from_", label="From", kind="day", unit="UTC", hint="Empty: its beginning."),
        Field(key="to", label="Up to", kind="day", unit="UTC", hint="Empty: its end."),
        Field(
            key="fleet",
            label="Fleet",
            kind="text",
            limits={"placeholder": "its own sites"},
            hint="A shipped fleet, or a TOML file.",
        ),
        *_conditions(horizon_hours),
        Field(
            key="policies",
            label="Policies",
            kind="several",
            value=list(PROPOSED),
            options=[(policy, LABELS[policy]) for policy in POLICIES],
        ),
        Field(
            key="extras",
            label="Bound",
            kind="several",
            value=[],
            options=[("bound", "Also what perfect foresight would have earned")],
        ),
    )


def _conditions(horizon_hours: int) -> tuple[Field, ...]:
    """Return the fields of grain, look-ahead, load, moves, forecast and purchases."""
    return (
        Field(
            key="tick_minutes",
            label="Tick",
            kind="choice",
            value="",
            options=STEPS,
            hint="Longer than the history's steps, it sees and pays their means.",
        ),
        Field(
            key="horizon_hours",
            label="Horizon",
            kind="number",
            value=str(horizon_hours),
            unit="h",
            limits={"min": 1, "max": 168, "step": 1},
        ),
        Field(
            key="load",
            label="Load",
            kind="number",
            value="75",
            unit="% of racks",
            limits={"min": 0, "max": 100, "step": 1},
        ),
        Field(
            key="migration",
            label="Moves cost",
            kind="number",
            value="1",
            unit="times",
            limits={"min": 0, "max": 1000, "step": 0.1},
        ),
        Field(key="forecast", label="Forecast", kind="choice", value="persistence", look="middle", options=FORECASTS),
        Field(
            key="day_ahead",
            label="Day-ahead purchases",
            kind="choice",
            value="none",
            look="middle",
            options=POSITIONS,
            hint="In the auction of the day before, up to the price that real time is expected to be.",
        ),
    )


def order_panel(
    fields: tuple[Field, ...],
    order: Callable[[Mapping[str, Any]], Awaitable[str]],
    unusable: Callable[[Mapping[str, Any]], Mapping[str, str]],
    why_not: str = "",
) -> None:
    """Draw the form.

    Args:
        unusable: tells which fields have no use with the history that is entered, and why.
        why_not: why whoever looks may not order anything.
    """
    how = "Policies run one after the other over the same hours, in a process of their own: the live run goes on."
    with panel("What to run", "order-panel", how):
        order_form(
            "backtest-form",
            fields=fields,
            submit="Run backtest",
            label="Backtest",
            order=order,
            why_not=why_not,
            unusable=unusable,
        )


def progress_panel(first: Channel, cancel: Callable[[], object] | None) -> None:
    """Draw the progress of `progress_cells`, with a button for `cancel` if given."""
    with panel("Progress", "progress-panel"):
        live_text("bt.state", first, "bt-state", "p", marks="backtest").props("role=status")
        live_text("bt.bar", {"bt.bar": "", **first}, "bt-bar", "div").props('aria-hidden="true"')
        live_text("bt.note", {"bt.note": "", **first}, "note", "p")
        if cancel is None:
            return
        button = element("button", "button bt-cancel", "Cancel").props("type=button")
        on_press(button, cancel).mark("bt-cancel")


def result_panels(view_model: ViewModel) -> None:
    """Draw the table and charts that `result_channels` and `legend_cells` state."""
    cells = view_model.get("cells", {})
    with element("div", "bt-results"):
        shown = {"bt.shown": cell("", "no"), **cells}
        live_text("bt.shown", shown, "bt-shown", marks="result").props("aria-hidden=true")
        with panel("Results, money in USD", "overflow") as top:
            with top:
                link = element("a", "text-button", "HTML report").props(
                    f'href="{address("/backtest/report")}" download'
                )
                link.mark("bt-report")
            live_text("bt.period", {"bt.period": "", **cells}, "note", "p")
            LiveTable(
                "bt-table",
                columns=COLUMNS,
                caption="Results by policy",
                empty="No result yet.",
                first=view_model.get("bt-table", {}),
            )
            with element("details", "more bt-sources"):
                element("summary", "", "Sources and licences of the history")
                live_text("bt.sources", {"bt.sources": "", **cells}, "note lines", "p")
        with element("div", "lane wide-left"):
            with panel("Cumulative profit") as top:
                with element("ul", "legend"):
                    for policy, line in zip(POLICY_LINES, LINES, strict=True):
                        look = f"legend-line {line.colour.removeprefix('--')}"
                        live_text(legend_key(policy), {legend_key(policy): "", **cells}, look, "li")
                label = "Cumulative profit of each policy, USD"
                chart = LineChart("bt-profit", unit="USD", label=label, lines=LINES, waiting="No result yet.")
                with top:
                    csv_button(chart, "Cumulative profit")
            with panel("Profit by policy, USD") as top:
                bars = BarChart(
                    "bt-bars",
                    unit="USD",
                    caption="Profit by policy",
                    series=PROFIT_BARS,
                    empty="No result yet.",
                    first=view_model.get("bt-bars", {}),
                    decimals=0,
                )
                with top:
                    csv_button(bars, "Profit by policy")


def empty_panel() -> None:
    """Draw the panel that explains how to begin, shown until a backtest has run."""
    with panel("No backtest yet", "bt-empty"):
        element(
            "p",
            "note",
            "Choose a history of prices, carbon and weather, and the policies to compare; one of the list above runs "
            "by one click. Rules and static plans take seconds for a month on ten sites; the linear program "
            "takes longer.",
        )


def result_channels(results: Sequence[PolicyResult]) -> ViewModel:
    """Return table, lines and bars, the best policy first.

    Lines of policies that did not run are empty.
    """
    lines: ViewModel = {line.channel: {} for line in LINES}
    best_first = sorted(results, key=lambda result: -result.figures["profit_usd"])
    for result in results:
        lines[f"bt-{result.policy}"] = _cumulative(result)
    return {
        **lines,
        "bt-table": {result.policy: _row(result, -i, _gain(result, results)) for i, result in enumerate(best_first)},
        "bt-bars": {
            result.policy: {
                "rank": -i,
                "label": LABELS.get(result.policy, result.policy),
                "profit": round(result.figures["profit_usd"]),
            }
            for i, result in enumerate(best_first)
        },
    }


def legend_cells(results: Sequence[PolicyResult]) -> Channel:
    """Name the policies that ran; those that did not are left out of the legend."""
    ran = {result.policy for result in results}
    return {legend_key(policy): LABELS[policy] if policy in ran else "" for policy in POLICY_LINES}


def legend_key(policy: str) -> str:
    """Return the key of a policy's name in the legend of the results."""
    return f"bt.legend.{policy}"


def _cumulative(result: PolicyResult) -> Channel:
    """Return the profit so far at the end of every so many days, and of the last."""
    stride = -(-len(result.daily_profit_usd) // (MOST_POINTS - 2)) or 1
    points: Channel = {str(int(result.starts_at.timestamp())): 0}
    total_usd = 0.0
    last = len(result.daily_profit_usd)
    for day, profit_usd in enumerate(result.daily_profit_usd, start=1):
        total_usd += profit_usd
        if day % stride == 0 or day == last:
            points[str(int((result.starts_at + timedelta(days=day)).timestamp()))] = round(total_usd)
    return points


def _gain(result: PolicyResult, results: Sequence[PolicyResult]) -> Shown:
    """Return the profit beyond that of the static policy with a break-even switch."""
    baseline = next((other for other in results if other.policy == STATIC_BREAKEVEN), None)
    if baseline is None or baseline is result:
        return text.NOTHING
    gain_usd = result.figures["profit_usd"] - baseline.figures["profit_usd"]
    return cell(text.number(gain_usd, signed=True), "bad" if gain_usd < 0 else "")


def _row(result: PolicyResult, rank: int, gain: Shown) -> Row:
    figures = result.figures
    profit_usd, share = figures["profit_usd"], figures.get("share_of_bound")
    return {
        "rank": rank,
        "policy": LABELS.get(result.policy, result.policy),
        "profit": cell(text.number(profit_usd), "bad" if profit_usd < 0 else "total"),
        "gain": gain,
        "of_bound": text.NOTHING if share is None else text.percent(share, 2),
        "revenue": text.number(sum(figures["revenue_usd"].values())),
        "energy": text.number(-figures["cost_usd"]["energy"]),
        "day_ahead": text.NOTHING
        if figures.get("day_ahead") is None
        else text.number(figures["day_ahead"]["gain_usd"], signed=True),
        "credits": text.number(-figures["cost_usd"]["credits"]),
        "premium": text.availability(figures["sla"]["premium"]["availability_share"]),
        "standard": text.availability(figures["sla"]["standard"]["availability_share"]),
        "emissions": text.number(figures["emissions_t"]),
        "took": f"{text.significant(figures['wall_s'])} s",
    }
