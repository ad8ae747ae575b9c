"""Bar chart drawn as a table, so that each number can be read as well."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from nicegui import ui

from components.shared.theme import BROWSER_MODULES, element
from components.shared.view_model import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Series of a bar chart: its key in a row, its name, and the class of its bars."""

    key: str
    name: str
    look: str
    is_loss: bool = True
    """True if a value below zero is bad, and is coloured so."""


class BarChart(ui.element, component="bar_chart.js", esm=BROWSER_MODULES):
    """Bar chart of the channel `name`: rows of `rank`, `label` and a value a series."""

    def __init__(
        self, name: str, *, unit: str, caption: str, series: tuple[Bar, ...], empty: str, first: Channel, decimals: int
    ) -> None:
        super().__init__()
        self.props["name"] = name
        self.props["unit"] = unit
        self.props["caption"] = caption
        self.props["series"] = [asdict(bar) for bar in series]
        self.props["empty"] = empty
        self.props["rows"] = dict(first)
        self.props["decimals"] = decimals
        self.mark(f"{name}-bars")


def bar_legend(series: Iterable[Bar]) -> None:
    """Draw the legend: the name of each series beside its colour."""
    with element("ul", "legend"):
        for bar in series:
            element("li", f"swatch {bar.look.replace('bar', 'series')}", bar.name)
