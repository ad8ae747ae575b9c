"""Line charts over simulated time, built once and then fed with new points."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from nicegui import ui

from components.shared.theme import BROWSER_MODULES, element

WAITING = "The line begins with the first tick."
NOTHING_STORED = "Nothing was stored in this range."


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
    has_extremes: bool = False
    """True if points may state the extremes of their bucket, drawn as a band.

    They are `…_low` and `…_high` of `key`.
    """
    channel: str = ""
    """Own channel, {epoch seconds: value}, that replaces the whole line on change."""


class LineChart(ui.element, component="line_chart.js", esm=BROWSER_MODULES):
    """Line chart of the channel `name`: {epoch seconds: {key of a line: value}}.

    On an axis of days the keys are days instead. `span_s` is the begin and end of a range of the past, which stays.
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
        span_s: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.props["name"] = name
        self.props["unit"] = unit
        self.props["label"] = label
        self.props["lines"] = [asdict(line) for line in lines]
        self.props["waiting"] = NOTHING_STORED if span_s else waiting
        self.props["decimals"] = decimals
        self.props["axis"] = axis
        self.props["span"] = list(span_s)
        self.mark(f"{name}-chart")


def legend(lines: Iterable[ChartLine]) -> None:
    """Draw the legend: the name of each line beside its stroke."""
    with element("ul", "legend"):
        for line in lines:
            look = "swatch" if line.stacked else "legend-line"
            element("li", f"{look} {line.colour.removeprefix('--')}", line.name)


def csv_button(chart: ui.element, what: str) -> None:
    """Draw the button that saves the shown data of `chart` as a CSV file."""
    _save_button(chart, what, "csv")


def save_buttons(chart: ui.element, what: str) -> None:
    """Draw the buttons that save what `chart` shows, as CSV and as PNG."""
    with element("div", "save-buttons"):
        _save_button(chart, what, "csv")
        _save_button(chart, what, "png")


def _save_button(chart: ui.element, what: str, kind: Literal["csv", "png"]) -> None:
    kind_text = {"csv": "CSV file", "png": "PNG picture"}[kind]
    with element("button", "text-button").props(f'type=button aria-label="{what} as a {kind_text}"') as button:
        element("span", "", kind.upper())
    event = f"document.getElementById('{chart.html_id}').dispatchEvent(new Event('mara-{kind}'))"
    button.on("click", js_handler=f"() => {event}").mark(f"{kind}-{chart.props['name']}")
