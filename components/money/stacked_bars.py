"""Bars over simulated time, stacked or side by side, with their total as a line."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from nicegui import ui

from components.shared.theme import BROWSER_MODULES
from mara.core.units import SECONDS_PER_HOUR

LOOKS: Final = {
    1: ("--series-1", ""),
    2: ("--series-2", "/"),
    3: ("--series-3", "\\"),
    4: ("--series-4", ""),
    5: ("--series-5", "|"),
    6: ("--series-6", "-"),
    7: ("--series-1", "x"),
    8: ("--series-2", "."),
    9: ("--series-3", ""),
    10: ("--series-4", "/"),
    11: ("--series-5", ""),
    12: ("--series-6", ""),
    13: ("--series-rest", "."),
}
"""Colour and hatching of each look; neighbours differ in both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSeries:
    """Series of bars: the key of its values in a point, its name and its look."""

    key: str
    name: str
    look: int


class StackedBars(ui.element, component="stacked_bars.js", esm=BROWSER_MODULES):
    """Bars of the channel `name`: {epoch seconds: {key of a series: USD}}.

    A series without any value but 0 is left out. A stack has the sum of its point, `total`, as a line;
    that of an interval which is not over is `so_far`, a ring beside the line above a pale bar.

    Args:
        label: title for screen readers and of the picture.
        empty: text in the place of bars where there are none.
        mode: `relative` for a stack with costs below zero, `group` for bars side by side.
        span_s: begin and end of a range of the past, which stays.
        lone_s: length of a bar that is the only one.
    """

    def __init__(
        self,
        name: str,
        *,
        label: str,
        series: Iterable[BarSeries],
        empty: str,
        mode: Literal["relative", "group"] = "relative",
        span_s: Sequence[int] = (),
        lone_s: int = SECONDS_PER_HOUR,
    ) -> None:
        super().__init__()
        self.props["name"] = name
        self.props["label"] = label
        self.props["unit"] = "USD"
        self.props["series"] = [
            asdict(one) | {"colour": LOOKS[one.look][0], "pattern": LOOKS[one.look][1]} for one in series
        ]
        self.props["empty"] = empty
        self.props["mode"] = mode
        self.props["span"] = list(span_s)
        self.props["lone"] = lone_s
        self.mark(f"{name}-bars")
