"""Bars that compare a few values by row, drawn as a table so that each number can be read as well."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from nicegui import ui

from components.shared.theme import BROWSER_MODULES, element
from components.shared.view_model import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A series: its key in a row, its name, and the class of its bars, `bar-1` to `bar-6`."""

    key: str
    name: str
    look: str


class BarChart(ui.element, component="bar_chart.js", esm=BROWSER_MODULES):
    """Follows the channel `name` of the picture: {key: [rank, label, value of each series]}, highest rank first."""

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
    """Draws what each series is called beside its swatch."""
    with element("ul", "legend"):
        for bar in series:
            element("li", f"swatch {bar.look.replace('bar', 'series')}", bar.name)
