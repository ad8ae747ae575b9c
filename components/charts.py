"""Lines over simulated time, drawn by plotly: built once, then fed with the points that they do not have yet."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from nicegui import ui

from components.picture import Channel
from components.theme import element, panel
from mara.core.snapshot import SeriesPoint, Snapshot

MOST_POINTS = 600  # a trace on screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A trace: its name, the CSS variable of its colour, and its stroke."""

    name: str
    colour: str
    dash: str = "solid"
    filled: bool = False


MONEY_LINES = (
    Line(name="Revenue", colour="--line-1", filled=True),
    Line(name="Profit", colour="--line-2", dash="4px,2px"),
)


class LineChart(ui.element, component="static/line_chart.js"):
    """Follows the channel `name` of the picture: {epoch seconds: [value of each line]}."""

    def __init__(self, name: str, *, unit: str, label: str, lines: tuple[Line, ...]) -> None:
        super().__init__()
        self.props["name"] = name
        self.props["unit"] = unit
        self.props["label"] = label
        self.props["lines"] = [asdict(line) for line in lines]
        self.props["most"] = MOST_POINTS
        self.mark(f"{name}-chart")


def money_panel() -> None:
    """Draws revenue and profit over time; `money_channel` says what it shows."""
    how = "Each point is a rate: what the tick earned, per hour. Profit is revenue less all costs and service credits."
    with panel("Revenue and profit", "chart-panel", how) as top:
        with top, element("ul", "legend"):
            for line in MONEY_LINES:
                element("li", f"legend-line {line.colour.removeprefix('--')}", line.name)
        LineChart("money", unit="USD/h", label="Revenue and profit, USD per hour", lines=MONEY_LINES)


def money_channel(series: Iterable[SeriesPoint | Snapshot]) -> Channel:
    """Points keyed by their time in epoch seconds; the newest snapshot is a point too."""
    return {
        str(int(point.at.timestamp())): [round(point.revenue_usd_per_h), round(point.profit_usd_per_h)]
        for point in series
    }
