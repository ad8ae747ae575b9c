"""Panels of money over a time range by kind and by site, with totals of both."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from components.money.money_kinds import COSTS, KINDS
from components.money.money_sums import (
    energy_cost_micro_usd,
    kind_course,
    line_sums,
    site_course,
    site_sums,
)
from components.money.stacked_bars import LOOKS, BarSeries, StackedBars
from components.shared import format as text
from components.shared.charts import NOTHING_STORED, save_buttons
from components.shared.live import LiveTable, TableColumn, figure_strip, live_text
from components.shared.theme import element, panel, scroll
from components.shared.view_model import Channel, Row, Shown, cell
from components.site.site_tables import cents_that_add_up
from components.time_range.chart_range import ChartRange
from components.time_range.range_picker import RangePicker, span_s
from mara.core.finance import CREDIT_LINES
from mara.core.history import MoneyBreakdown
from mara.core.ledger_words import line_label
from mara.core.snapshot import SiteSnapshot, Snapshot
from mara.core.units import MICRO_USD_PER_USD, SECONDS_PER_MINUTE

OTHERS: Final = "other sites"
MOST_SERIES: Final = len(LOOKS) - 1
"""Most sites with a colour of their own; the others are one series."""
FIGURES: Final = (
    ("revenue", "Revenue", "What contracts, mining, inference, products and power sold back earned in the range."),
    ("cost", "Costs", "Everything that was paid in the range: power, carbon, moves, charges, penalties, wear."),
    (
        "profit",
        "Profit of the range",
        "Revenue less costs: the sum of all lines of the ledger from the begin of the range to its end. Ranges of more "
        "than a day are read again every hour, so that they end before the newest tick.",
    ),
    (
        "energy",
        "Power itself",
        "Power bought, with the hedge, positions bought day-ahead, what was sold back, and meters' corrections.",
    ),
    ("credits", "SLA penalties", "Service credits for windows that closed below their target in the range."),
    (
        "today",
        "Profit of the UTC day so far",
        "The same sum from 00:00 UTC to the newest tick, whatever the range; the optimizer page has it too.",
    ),
)
KIND_COLUMNS: Final = (
    TableColumn(key="kind", label="Kind and line", look="grow"),
    TableColumn(key="usd", label="USD", look="number", hint="Income is positive, cost negative."),
)
SITE_COLUMNS: Final = (
    TableColumn(key="site", label="Site", look="grow"),
    TableColumn(key="revenue", label="Revenue", look="number desk", unit="USD"),
    TableColumn(key="cost", label="Costs", look="number desk", unit="USD"),
    TableColumn(key="profit", label="Profit", look="number", unit="USD"),
)
HOW_KINDS: Final = (
    "Each bar is what the ledger posted in an interval: earnings above zero, costs below, and the profit as a line. A "
    "kind with both, such as the hedge and what of it is sold back, is shown as its sum. A last bar that is pale, with "
    "a ring, is so far: its interval is not over."
)
HOW_SITES: Final = "Profit of each site in the same intervals, losses below zero, and the fleet's profit as a line."
HOW_TABLE: Final = "Sums of the ledger's whole micro-dollars over the range, shown in cents that add up."


def money_head(shown: ChartRange, refusal: str, cells: Channel) -> None:
    """Draw the page's title, the picker of its range, and what is covered."""
    with element("div", "leaf-head"):
        element("h1", "", "Money")
        live_text("money.range", {"money.range": "", **cells}, "place")
        with element("div", "end"):
            RangePicker(shown, refusal)


def money_figures(cells: Channel) -> None:
    """Draw the key figures of the range."""
    figure_strip("money", FIGURES, cells, label="Key figures of the range")


def kinds_panel(shown: ChartRange) -> None:
    """Draw money over time by kind; the channel `money-kinds` states it."""
    series = [BarSeries(key=kind.key, name=kind.label, look=kind.look) for kind in KINDS]
    _bars_panel("Costs and revenue by kind", "money-kinds", series, shown, HOW_KINDS)


def sites_panel(shown: ChartRange, sites: Sequence[SiteSnapshot]) -> None:
    """Draw profit over time by site; the channel `money-sites` states it."""
    if not sites:  # else the total would be drawn alone, as the line of a site without a name
        with panel("Profit by site", "chart-panel", HOW_SITES):
            element("p", "empty", "The sites are known with the first tick.")
        return
    drawn = drawn_sites(sites)
    series = [BarSeries(key=site.id, name=site.name, look=look) for look, site in enumerate(drawn, start=1)]
    if len(drawn) < len(sites):
        series.append(BarSeries(key=OTHERS, name="Other sites", look=len(LOOKS)))
    _bars_panel("Profit by site", "money-sites", series, shown, HOW_SITES)


def kind_table_panel(first: Channel, csv_href: str) -> None:
    """Draw the totals by kind and ledger line; the channel `money-lines` states them."""
    with panel("Totals by kind", "", HOW_TABLE) as top:
        with top:
            csv = element("a", "text-button", "CSV").props(f'href="{csv_href}" download')
            csv.props('title="Each day and line of the range, exact, as CSV"').mark("money-csv")
        LiveTable(
            "money-lines",
            columns=KIND_COLUMNS,
            caption="Totals by kind and ledger line",
            empty=NOTHING_STORED,
            first=first,
        )


def site_table_panel(first: Channel) -> None:
    """Draw the totals by site; the channel `money-by-site` states them."""
    with panel("Totals by site", "", HOW_TABLE), scroll("Totals by site, highest profit first"):
        LiveTable("money-by-site", columns=SITE_COLUMNS, caption="Totals by site", empty=NOTHING_STORED, first=first)


def _bars_panel(title: str, name: str, series: Sequence[BarSeries], shown: ChartRange, how: str) -> None:
    with panel(title, "chart-panel", how) as top:
        bars = StackedBars(name, label=f"{title}, USD", series=series, empty=NOTHING_STORED, span_s=span_s(shown))
        with top:
            save_buttons(bars, title)


def drawn_sites(sites: Sequence[SiteSnapshot]) -> tuple[SiteSnapshot, ...]:
    """Return the sites that have a colour of their own, in the fleet's order."""
    return tuple(sites[:MOST_SERIES])


def money_cells(parts: MoneyBreakdown) -> Channel:
    """Return the key figures of the range, and what it covers."""
    lines = line_sums(parts)
    profit, cost = sum(lines), sum(lines[line] for line in COSTS)
    revenue, energy, penalties = profit - cost, energy_cost_micro_usd(lines), -sum(lines[CREDIT_LINES])
    figures = {
        "revenue": (revenue, "in the range"),
        "cost": (-cost, _of_revenue(-cost, revenue)),
        "profit": (profit, _joined(_of_revenue(profit, revenue), _until(parts))),
        "energy": (energy, _of_revenue(energy, revenue)),
        "credits": (penalties, _of_revenue(penalties, revenue)),
    }
    cells: Channel = {"money.range": covered(parts)}
    for key, (micro_usd, note) in figures.items():
        cells |= _figure(key, micro_usd / MICRO_USD_PER_USD, note, is_bad=key == "profit" and micro_usd < 0)
    return cells


def today_cells(snapshot: Snapshot) -> Channel:
    """Return the profit of the day, which does not depend on the range."""
    today_usd = snapshot.profit_today_usd
    if today_usd is None:
        return {"money.today": text.NOTHING, "money.today.unit": "", "money.today.note": "no day is known yet"}
    midnight = snapshot.at.replace(hour=0, minute=0, second=0, microsecond=0)
    ends = snapshot.at + timedelta(minutes=snapshot.tick_minutes)
    note = f"{text.utc_moment(midnight)} to {text.utc_moment(ends)}"
    return _figure("today", today_usd, note, is_bad=today_usd < 0)


def _figure(key: str, usd: float, note: str, *, is_bad: bool) -> Channel:
    value, unit = text.scaled(usd, "USD")
    return {f"money.{key}": cell(value, "bad" if is_bad else ""), f"money.{key}.unit": unit, f"money.{key}.note": note}


def _of_revenue(micro_usd: int, revenue_micro_usd: int) -> str:
    return f"{text.percent(micro_usd / revenue_micro_usd)} of revenue" if revenue_micro_usd else ""


def _until(parts: MoneyBreakdown) -> str:
    return f"to {text.utc_moment(parts.ends_at)}" if parts.ticks_count else ""


def _joined(*notes: str) -> str:
    return ", ".join(filter(None, notes))


def covered(parts: MoneyBreakdown) -> str:
    """Say which time and how many ticks the sums cover."""
    if not parts.ticks_count:
        return "no tick in this range"
    times = f"{text.utc_moment(parts.starts_at)} to {text.utc_moment(parts.ends_at)}"
    until = ", the last one so far" if so_far_at(parts) is not None else ""
    return f"{times}, {text.ticks(parts.ticks_count)}, bars of {text.duration(parts.step_minutes)}{until}"


def so_far_at(parts: MoneyBreakdown) -> int | None:
    """Return the begin of a last interval that is not over, in epoch seconds."""
    if not parts.intervals:
        return None
    last_s = parts.intervals[-1].at_epoch_s
    is_over = last_s + parts.step_minutes * SECONDS_PER_MINUTE <= parts.ends_at.timestamp()
    return None if is_over else last_s


def kind_bars(parts: MoneyBreakdown) -> Channel:
    """Return the bars by kind, by epoch seconds."""
    return _bars(kind_course(parts), so_far_at(parts))


def site_bars(parts: MoneyBreakdown, sites: Sequence[SiteSnapshot]) -> Channel:
    """Return the bars by site, by epoch seconds."""
    return _bars(site_course(parts, [site.id for site in drawn_sites(sites)], OTHERS), so_far_at(parts))


def line_channel(parts: MoneyBreakdown) -> Channel:
    """Return a row for each kind with money, its lines, and their total."""
    sums = line_sums(parts)
    if not any(sums):
        return {}
    cents = cents_that_add_up(list(sums))
    rows: Channel = {}
    for kind in KINDS:
        posted = [line for line in kind.lines if sums[line]]
        if not posted:
            continue
        is_one = len(posted) == 1
        whole = sum(cents[line] for line in posted)
        rows[kind.key] = _row(len(rows), cell(kind.label, "total"), whole, "total")
        if not is_one:
            for line in posted:
                rows[line.name.lower()] = _row(len(rows), _indented(line_label(line.name.lower())), cents[line])
    rows["total"] = _row(len(rows), cell("Profit", "total"), sum(cents), "total")
    return rows


def by_site_channel(parts: MoneyBreakdown, sites: Sequence[SiteSnapshot]) -> Channel:
    """Return a row for each site, the highest profit first, and for the fleet."""
    sums = site_sums(parts)
    if not parts.ticks_count:
        return {}
    names = {site.id: site.name for site in sites}
    costs = cents_that_add_up([site.cost_micro_usd for site in sums])
    profits = cents_that_add_up([site.revenue_micro_usd + site.cost_micro_usd for site in sums])
    rows: Channel = {
        site.site_id: {
            "rank": profit,
            "site": cell(names.get(site.site_id, site.site_id), href=f"/sites/{site.site_id}"),
            "revenue": _usd(profit - cost),
            "cost": _usd(cost),
            "profit": _usd(profit, "bad" if profit < 0 else ""),
        }
        for site, cost, profit in zip(sums, costs, profits, strict=True)
    }
    whole, spent = sum(profits), sum(costs)
    last: Row = {"rank": min(profits) - 1, "site": cell("Fleet", "total"), "revenue": _usd(whole - spent, "total")}
    return {**rows, "total": {**last, "cost": _usd(spent, "total"), "profit": _usd(whole, "total")}}


def _bars(course: dict[int, dict[str, int]], so_far_at_s: int | None) -> Channel:
    """Convert sums to dollars, each point with its total.

    The total of an interval that is not over has another key, so that it is not joined to the line.
    """
    return {
        str(at_s): {
            **{key: micro_usd / MICRO_USD_PER_USD for key, micro_usd in point.items() if micro_usd},
            "so_far" if at_s == so_far_at_s else "total": sum(point.values()) / MICRO_USD_PER_USD,
        }
        for at_s, point in course.items()
    }


def _row(place: int, label: Shown, cents: int, state: str = "") -> Row:
    return {"rank": -place, "kind": label, "usd": _usd(cents, "bad" if cents < 0 and state != "total" else state)}


def _indented(label: str) -> Shown:
    return cell(f"{text.NO_BREAK_SPACE * 4}{label}")


def _usd(cents: int, state: str = "") -> Shown:
    return cell(text.number(cents / 100, 2), state)
