"""Report of a backtest as one HTML page, without scripts and requests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from mara.backtests import BacktestResult
from mara.feeds.files.history_provenance import lines_of_story
from mara.figures import flat, text_of
from mara.optimizers.lp.bound import share_of_bound
from mara.templates import page_of

WIDTH_PX, HEIGHT_PX = 880, 260
LEFT_PX = 84
BOTTOM_PX = 28
TOP_PX = 12
USD_PER_MILLION: Final = 1e6
REPEATED: Final = ("plays", "fleet", "history", "from", "to", "ticks", "sites", "seed", "version")
"""Figures that are the same for all policies, and are shown once."""
TOLD_APART: Final = ("notes", "provenance")

Row = tuple[str, list[str]]
"""A table's row: its name, and a cell for each policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A tick mark of the vertical axis: an amount and its position."""

    y: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitChart:
    """Geometry of the chart of cumulative profit: one SVG polyline for each policy.

    Attributes:
        names: names of the policies, in the order of `curves`.
        curves: value of the `points` attribute of each polyline: `x,y` pairs in pixels.
        days: length of the horizontal axis in simulated days.
    """

    caption: str
    names: list[str]
    curves: list[str]
    marks: list[Mark]
    days: int
    width_px: int = WIDTH_PX
    height_px: int = HEIGHT_PX
    left_px: int = LEFT_PX


def html_of(results: Sequence[BacktestResult]) -> str:
    """Write the page of policies over the same hours.

    Args:
        results: one a policy; the curves of further policies are drawn relative to the first.
    """
    first = results[0].figures
    policies = _policies(results)
    return page_of(
        "backtest.html",
        title=f"Mara backtest: {', '.join(policies)} on {first['fleet']}",
        period=f"{first['from']} to {first['to']}, UTC.",
        notes=first["notes"],
        chart=_chart(results),
        policies=policies,
        figures=list(_figures(results)),
        months=list(_months(results)),
        inputs=[(name, first[name]) for name in REPEATED],
        sources=source_lines(results),
    )


def source_lines(results: Sequence[BacktestResult]) -> list[str]:
    """Describe the origin of the results' history: sources, licences, filled steps."""
    return lines_of_story(results[0].figures["provenance"])


def _policies(results: Sequence[BacktestResult]) -> list[str]:
    return [str(result.figures["optimizer"]) for result in results]


def _figures(results: Sequence[BacktestResult]) -> Iterator[Row]:
    """List all figures that may differ between policies."""
    columns = [
        dict(flat({name: value for name, value in result.figures.items() if name not in TOLD_APART}))
        for result in results
    ]
    for name in columns[0]:
        if name not in (*REPEATED, "optimizer"):
            yield name, [text_of(column[name]) for column in columns]


def _months(results: Sequence[BacktestResult]) -> Iterator[Row]:
    """List each month's bound, and the part of it that policies earned."""
    for of_month in zip(*(result.months for result in results), strict=True):
        shares = [text_of(share_of_bound([month])) for month in of_month]
        yield of_month[0].month, [text_of(of_month[0].bound_usd), *shares]


def _chart(results: Sequence[BacktestResult]) -> ProfitChart:
    """Lay out the profit summed by day; with several policies, relative to the first."""
    sums = [list(accumulate(result.daily_profit_usd, initial=0.0)) for result in results]
    policies = _policies(results)
    if len(results) == 1:
        caption, lines = "Profit so far, million USD", sums
    else:
        caption = f"Profit so far, ahead of {policies[0]}, million USD"
        lines = [[a - b for a, b in zip(line, sums[0], strict=True)] for line in sums[1:]]
    low, high = min(map(min, lines)), max(map(max, lines))
    span, days = (high - low) or 1.0, max(len(lines[0]) - 1, 1)

    def y_of(usd: float) -> float:
        return round(TOP_PX + (HEIGHT_PX - TOP_PX - BOTTOM_PX) * (high - usd) / span, 1)

    def point(day: int, usd: float) -> str:
        return f"{LEFT_PX + (WIDTH_PX - LEFT_PX) * day / days:.1f},{y_of(usd):.1f}"

    return ProfitChart(
        caption=caption,
        names=policies[-len(lines) :],
        curves=[" ".join(point(day, usd) for day, usd in enumerate(line)) for line in lines],
        marks=[
            Mark(y=f"{y_of(usd) + 4:.1f}", text=f"{usd / USD_PER_MILLION:,.2f}")
            for usd in sorted({low, high, 0.0} if low <= 0.0 <= high else {low, high})
        ],
        days=days,
    )
