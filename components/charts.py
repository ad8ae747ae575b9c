"""Lines over simulated time, drawn by plotly: built once from the server's series, then fed with new points only."""

from dataclasses import asdict, dataclass

from nicegui import ui

from components.picture import Channel, Shown
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

    def __init__(self, name: str, *, unit: str, label: str, lines: tuple[Line, ...], points: list[Shown]) -> None:
        super().__init__()
        self.props["name"] = name
        self.props["unit"] = unit
        self.props["label"] = label
        self.props["lines"] = [asdict(line) for line in lines]
        self.props["points"] = points
        self.props["most"] = MOST_POINTS
        self.mark(f"{name}-chart")


def money_panel(series: tuple[SeriesPoint, ...]) -> None:
    """Draws revenue and profit over time, beginning with `series`; `money_channel` brings the points that follow."""
    how = "Each point is a rate: what the tick earned, per hour. Profit is revenue less all costs and service credits."
    with panel("Revenue and profit", "chart-panel", how) as top:
        with top, element("ul", "legend"):
            for line in MONEY_LINES:
                element("li", f"legend-line {line.colour.removeprefix('--')}", line.name)
        points: list[Shown] = [[int(point.at.timestamp()), *_values_of(point)] for point in series[-MOST_POINTS:]]
        LineChart("money", unit="USD/h", label="Revenue and profit, USD per hour", lines=MONEY_LINES, points=points)


def money_channel(snapshot: Snapshot) -> Channel:
    """The newest point, keyed by its time."""
    values: list[Shown] = [round(snapshot.revenue_usd_per_h), round(snapshot.profit_usd_per_h)]
    return {str(int(snapshot.at.timestamp())): values}


def _values_of(point: SeriesPoint) -> tuple[Shown, ...]:
    return round(point.revenue_usd_per_h), round(point.profit_usd_per_h)
