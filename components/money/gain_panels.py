"""Panels of gains by day over the rules, static policies and never resting."""

from collections.abc import Sequence
from typing import Final

from components.money.stacked_bars import BarSeries, StackedBars
from components.shared import format as text
from components.shared.charts import save_buttons
from components.shared.live import LiveTable, TableColumn, live_text
from components.shared.theme import panel, scroll
from components.shared.view_model import Channel, Shown, cell
from mara.core.day_gains import DayGains
from mara.core.snapshot import Snapshot
from mara.core.units import MICRO_USD_PER_USD, SECONDS_PER_DAY
from mara.optimizer_names import LABELS, RULES, STATIC, STATIC_BREAKEVEN

POLICIES: Final = (
    ("vs_rules", LABELS[RULES], 3),
    ("vs_static_breakeven", LABELS[STATIC_BREAKEVEN], 4),
    ("vs_static", LABELS[STATIC], 5),
    ("sla_flexibility", "Never resting", 1),
)
"""Field of the gain over each policy, its label and its look."""
COLUMNS: Final = (
    TableColumn(key="day", label="UTC day"),
    TableColumn(key="ticks", label="Ticks", look="number desk", hint="Ticks in which both ran side by side."),
    *(
        TableColumn(
            key=field, label=label, look="number desk" if field == "vs_static_breakeven" else "number", unit="USD"
        )
        for field, label, _ in POLICIES
    ),
)
NOTHING: Final = "No other policy runs beside this one, or no plan is in force yet: there is nothing to compare."
HOW: Final = (
    "Profit less the credits owed so far, of this run less that of a fleet under the other policy with the same "
    "prices, weather, outages and requests. “Never resting” is this planner without error budgets to spend. A day is "
    "stored when it is over; the day under way is added as it stands."
)
FIRST_DAY: Final = (
    "The first day begins with the first plan in force and from one common state, so it is shorter than others and "
    "holds what parting costs or earns once: moves, restarts, and error budgets that are still whole."
)


def gain_bars_panel(cells: Channel) -> None:
    """Draw the gains of each day as bars; the channel `gain-bars` states them."""
    series = [BarSeries(key=field, name=label, look=look) for field, label, look in POLICIES]
    with panel("Profit over simpler policies, by day", "chart-panel", HOW) as top:
        bars = StackedBars(
            "gain-bars",
            label="Profit over simpler policies by day, USD",
            series=series,
            empty=NOTHING,
            mode="group",
            lone_s=SECONDS_PER_DAY,
        )
        with top:
            save_buttons(bars, "Profit over simpler policies, by day")
        live_text("gain-bars.note", {"gain-bars.note": "", **cells}, "note", "p")


def gain_table_panel(first: Channel) -> None:
    """Draw the gains of each day as a table; the channel `gain-days` states them."""
    with panel("Gains by day", "", HOW), scroll("Gains by day, newest first"):
        LiveTable("gain-days", columns=COLUMNS, caption="Gains by day, USD", empty=NOTHING, first=first)


def gain_bars(days: Sequence[DayGains]) -> Channel:
    """Return the bars of each day, by epoch seconds."""
    return {str(int(day.day.timestamp())): {field: gain_usd(day, field) for field, _, _ in POLICIES} for day in days}


def gain_day_channel(days: Sequence[DayGains]) -> Channel:
    """Return a row for each day, newest first."""
    rows: Channel = {}
    for place, day in enumerate(days):
        when = f"{text.utc_date(day.day)} {day.day:%Y}"
        gains = {field: _amount(gain_usd(day, field)) for field, _, _ in POLICIES}
        ticks = text.number(day.ticks_count)
        rows[f"{day.day:%Y-%m-%d}"] = {
            "rank": place,
            "day": when if day.is_over else cell(when, note="under way"),
            "ticks": ticks,
            **gains,
        }
    return rows


def gain_cells(days: Sequence[DayGains], snapshot: Snapshot) -> Channel:
    """Return the sentence about the first day, where it is among the days."""
    has_first = any(day.from_tick == snapshot.gains.shadows_since_tick for day in days)
    return {"gain-bars.note": FIRST_DAY if has_first else ""}


def gain_usd(day: DayGains, field: str) -> float:
    """Return the gain over a policy, whose field is named without its unit."""
    micro_usd: int = getattr(day, f"{field}_micro_usd")
    return micro_usd / MICRO_USD_PER_USD


def _amount(usd: float) -> Shown:
    return cell(text.number(usd, signed=True), "loss" if usd <= -0.5 else "gain")
