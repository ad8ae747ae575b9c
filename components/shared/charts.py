"""Line charts over simulated time, built once and then fed with new points."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from nicegui import ui

from components.shared.theme import BROWSER_MODULES, element, panel

WAITING = "The line begins with the first tick."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """A line of a chart: its name, the CSS variable of its colour, and its stroke."""

    name: str
    colour: str
    key: str = ""
    """Key of its value in a point; empty for a line with an own channel."""
    dash: str = "solid"
    filled: bool = False
    stacked: bool = False
    """True if it is drawn on top of the stacked lines before it."""
    shape: str = "linear"
    """Interpolation: `hv` for a value that holds until the next point."""
    pattern: str = ""
    """Hatching beside the colour: one of plotly's `/`, `\\`, `x`, `.`, `-`, `|`."""
    is_thin: bool = False
    band: bool = False
    """True if the area between this line and the one before it is shaded."""
    channel: str = ""
    """Own channel, {epoch seconds: value}, that replaces the whole line on change."""


MONEY_LINES = (
    ChartLine(key="revenue", name="Revenue", colour="--line-1", filled=True),
    ChartLine(key="profit", name="Profit", colour="--line-2", dash="4px,2px"),
)


class LineChart(ui.element, component="line_chart.js", esm=BROWSER_MODULES):
    """Line chart of the channel `name`: {epoch seconds: {key of a line: value}}.

    On an axis of days the keys are days instead.
    """

    def __init__(
        self,
        name: str,
        *,
        unit: str,
        label: str,
        lines: tuple[ChartLine, ...],
        waiting: str = WAITING,
        decimals: int = 0,
        axis: Literal["date", "day"] = "date",
    ) -> None:
        super().__init__()
        self.props["name"] = name
        self.props["unit"] = unit
        self.props["label"] = label
        self.props["lines"] = [asdict(line) for line in lines]
        self.props["waiting"] = waiting
        self.props["decimals"] = decimals
        self.props["axis"] = axis
        self.mark(f"{name}-chart")


def legend(lines: Iterable[ChartLine]) -> None:
    """Draw the legend: the name of each line beside its stroke."""
    with element("ul", "legend"):
        for line in lines:
            look = "swatch" if line.stacked else "legend-line"
            element("li", f"{look} {line.colour.removeprefix('--')}", line.name)


def csv_button(chart: ui.element, what: str) -> None:
    """Draw the button that saves the data of `chart` as a CSV file."""
    with element("button", "text-button").props(f'type=button aria-label="{what} as a CSV file"') as button:
        element("span", "", "CSV")
    event = f"document.getElementById('{chart.html_id}').dispatchEvent(new Event('mara-csv'))"
    button.on("click", js_handler=f"() => {event}").mark(f"csv-{chart.props['name']}")


def money_panel() -> None:
    """Draw revenue and profit over time; `money_channel` states them."""
    how = "Each point is a rate: what the tick earned, per hour. Profit is revenue less all costs and service credits."
    with panel("Revenue and profit", "chart-panel", how) as top:
        with top:
            legend(MONEY_LINES)
        chart = LineChart("money", unit="USD/h", label="Revenue and profit, USD per hour", lines=MONEY_LINES)
        with top:
            csv_button(chart, "Revenue and profit")
