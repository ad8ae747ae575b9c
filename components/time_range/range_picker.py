"""Picker of the time range of a page's charts; the choice is an address."""

from nicegui import ui

from components.shared.theme import BROWSER_MODULES
from components.time_range.chart_range import LIVE_HOURS, ChartRange


class RangePicker(ui.element, component="range_picker.js", esm=BROWSER_MODULES):
    """Links to live ranges and to those before and after, and a form for another one.

    Args:
        shown: range that the page shows.
        refusal: reason why the address's own range is not shown.
    """

    def __init__(self, shown: ChartRange, refusal: str = "") -> None:
        super().__init__()
        self.props["hours"] = LIVE_HOURS
        self.props["name"] = shown.name
        self.props["span"] = span_s(shown)
        self.props["refusal"] = refusal
        self.mark("range-picker")


def span_s(shown: ChartRange) -> list[int]:
    """Return begin and end of an own range in epoch seconds; empty for a live one."""
    return [int(at.timestamp()) for at in shown.bounds or ()]
