"""Report of a backtest as one HTML page, without scripts and requests."""

import html
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from mara.backtests import BacktestResult
from mara.figures import flat, text_of
from mara.optimizers.lp.bound import share_of_bound

WIDTH_PX, HEIGHT_PX = 880, 260
LEFT_PX = 84
BOTTOM_PX = 28
TOP_PX = 12
COLOURS: Final = ("#3b7dd8", "#d98324", "#3a9d5d", "#b4519c", "#7a6ff0", "#8a8a8a", "#c94f4f")
USD_PER_MILLION: Final = 1e6
REPEATED: Final = ("fleet", "history", "from", "to", "ticks", "sites", "seed", "version")
"""Figures that are the same for all policies, and are shown once."""

_STYLE: Final = (
    "body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse;margin:1rem 0 2rem}th{text-align:left;font-weight:500}"
    "th,td{padding:.2rem 1.5rem .2rem 0;border-bottom:1px solid color-mix(in srgb,currentColor 15%,transparent)}"
    "td,thead th+th{text-align:right;font-variant-numeric:tabular-nums}figure{margin:1rem 0;overflow-x:auto}"
    "svg text{font:12px system-ui,sans-serif;fill:currentColor}"
)


def html_of(results: Sequence[BacktestResult]) -> str:
    """Write the page of policies over the same hours.

    Args:
        results: one for each policy; the curves of the others are drawn relative to the first.
    """
    first = results[0].figures
    title = f"Mara backtest: {', '.join(str(result.figures['optimizer']) for result in results)} on {first['fleet']}"
    period = f"{first['from']} to {first['to']}, UTC."
    told = "".join(f"<tr><th>{html.escape(n)}</th><td>{html.escape(str(first[n]))}</td></tr>" for n in REPEATED)
    parts = (
        f"<h1>{html.escape(title)}</h1><p>{html.escape(period)}</p>",
        *(f"<p>Note: {html.escape(note)}</p>" for note in first["notes"]),
        _curves(results),
        _figures(results),
        _months(results),
        f"<h2>What it ran on</h2><table>{told}</table>",
    )
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _figures(results: Sequence[BacktestResult]) -> str:
    """Write the table of all figures, with a column for each policy."""
    columns = [dict(flat(result.figures)) for result in results]
    names = [name for name in columns[0] if name not in (*REPEATED, "optimizer", "notes")]
    head = "".join(f"<th>{html.escape(str(column['optimizer']))}</th>" for column in columns)
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>"
        + "".join(f"<td>{html.escape(text_of(column[name]))}</td>" for column in columns)
        + "</tr>"
        for name in names
    )
    return f"<h2>Figures</h2><table><thead><tr><th></th>{head}</tr></thead>{rows}</table>"


def _months(results: Sequence[BacktestResult]) -> str:
    """Write the table of each month's bound, and the part of it that policies earned."""
    if not results[0].months:
        return ""
    head = "".join(f"<th>{html.escape(str(result.figures['optimizer']))}</th>" for result in results)
    rows = "".join(
        f"<tr><th>{html.escape(of_month[0].month)}</th><td>{text_of(of_month[0].bound_usd)}</td>"
        + "".join(f"<td>{text_of(share_of_bound([month]))}</td>" for month in of_month)
        + "</tr>"
        for of_month in zip(*(result.months for result in results), strict=True)
    )
    note = "The most that any policy could have earned, and what part of it each did, in the accounts of the program."
    return (
        f"<h2>The bound</h2><p>{note}</p>"
        f"<table><thead><tr><th>month</th><th>bound_usd</th>{head}</tr></thead>{rows}</table>"
    )


def _curves(results: Sequence[BacktestResult]) -> str:
    """Draw the profit summed by day; with several policies, relative to the first."""
    sums = [list(accumulate(result.daily_profit_usd, initial=0.0)) for result in results]
    if len(results) == 1:
        caption, lines = "Profit so far, million USD", sums
    else:
        caption = f"Profit so far, ahead of {results[0].figures['optimizer']}, million USD"
        lines = [[a - b for a, b in zip(line, sums[0], strict=True)] for line in sums[1:]]
    names = [str(result.figures["optimizer"]) for result in results][-len(lines) :]
    low, high = min(map(min, lines)), max(map(max, lines))
    span, days = (high - low) or 1.0, max(len(lines[0]) - 1, 1)

    def at(day: int, usd: float) -> str:
        x = LEFT_PX + (WIDTH_PX - LEFT_PX) * day / days
        y = TOP_PX + (HEIGHT_PX - TOP_PX - BOTTOM_PX) * (high - usd) / span
        return f"{x:.1f},{y:.1f}"

    drawn = "".join(
        f'<polyline fill="none" stroke="{COLOURS[i % len(COLOURS)]}" stroke-width="1.5"'
        f' points="{" ".join(at(day, usd) for day, usd in enumerate(line))}"/>'
        for i, line in enumerate(lines)
    )
    marks = "".join(
        f'<text x="{LEFT_PX - 6}" y="{float(at(0, usd).split(",")[1]) + 4:.1f}" text-anchor="end">'
        f"{usd / USD_PER_MILLION:,.2f}</text>"
        for usd in sorted({low, high, 0.0} if low <= 0.0 <= high else {low, high})
    )
    legend = ", ".join(
        f'<span style="color:{COLOURS[i % len(COLOURS)]}">■</span> {html.escape(name)}' for i, name in enumerate(names)
    )
    label = html.escape(f"{caption}: {', '.join(names)}")
    return (
        f'<figure><svg viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" width="{WIDTH_PX}" role="img" aria-label="{label}">'
        f'{drawn}{marks}<text x="{LEFT_PX}" y="{HEIGHT_PX - 6}">first day</text>'
        f'<text x="{WIDTH_PX}" y="{HEIGHT_PX - 6}" text-anchor="end">day {days}</text></svg>'
        f"<figcaption>{html.escape(caption)}: {legend}</figcaption></figure>"
    )
