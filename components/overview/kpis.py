"""Strip of the fleet's key figures: profit, revenue, power, cooling, contracts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nicegui import ui

from components.shared import format as text
from components.shared.key_figure_history import (
    BUCKET_S,
    KeyFigureHistory,
    contracts_on_target,
    figures_of,
)
from components.shared.live import live_text
from components.shared.theme import BROWSER_MODULES, element, explained
from components.shared.view_model import Channel, Shown, cell
from mara.core.snapshot import Snapshot
from mara.core.units import SECONDS_PER_DAY

UNIT_OF_SHARE = "%"
LEAST_SPAN_S: Final = 3_600
"""Least time [s] over which a change is shown."""
STEADY_SHARE: Final = 0.0005
"""Least change that is shown; a smaller one rounds to 0.0 % or 0.0 points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """Key figure: its name, its formula in words, and its texts for a snapshot."""

    key: str
    label: str
    how: str
    value: Callable[[Snapshot], tuple[str, str]]
    """Number and unit."""
    note: Callable[[Snapshot], str]
    change: Callable[[float, float], str]
    """Change of the figure in words, from an earlier value to the present one."""
    state: Callable[[Snapshot], str] = lambda _: ""


class SparkLine(ui.element, component="spark_line.js", esm=BROWSER_MODULES):
    """Small chart of one figure over the last day; follows the channel `figures`."""

    def __init__(self, figure: str) -> None:
        super().__init__()
        self.props["figure"] = figure
        self.props["span-s"] = SECONDS_PER_DAY


def kpi_strip(first: Channel) -> None:
    """Draw the strip that `kpi_cells` states."""
    with element("section", "kpis").props('aria-label="Key figures"'):
        for kpi in KPIS:
            with element("div", "kpi panel").props(f"id=kpi-{kpi.key}") as tile:
                element("h2", "kpi-label", kpi.label)
                SparkLine(kpi.key).classes("kpi-line")
                with element("p", "kpi-value"):
                    live_text(f"kpi.{kpi.key}", first, "figure")
                    live_text(f"kpi.{kpi.key}.unit", first, "kpi-unit")
                live_text(f"kpi.{kpi.key}.change", first, "kpi-change", "p")
                live_text(f"kpi.{kpi.key}.note", first, "kpi-note", "p")
            explained(tile, kpi.how)


def kpi_cells(snapshot: Snapshot, past: KeyFigureHistory) -> Channel:
    """Return the cells of the strip: number, unit, change and note of each figure."""
    cells: Channel = {}
    for kpi in KPIS:
        value, unit = kpi.value(snapshot)
        cells[f"kpi.{kpi.key}"] = value
        cells[f"kpi.{kpi.key}.unit"] = unit
        cells[f"kpi.{kpi.key}.change"] = _change(kpi, snapshot, past)
        cells[f"kpi.{kpi.key}.note"] = cell(kpi.note(snapshot), kpi.state(snapshot))
    return cells


def _change(kpi: Kpi, snapshot: Snapshot, past: KeyFigureHistory) -> Shown:
    """Return the change to a day ago, or to the oldest value; none before an hour."""
    now_s = int(snapshot.at.timestamp())
    now = figures_of(snapshot).get(kpi.key)
    for at, values in past.figures.items():
        then = values.get(kpi.key) if isinstance(values, dict) else None
        if isinstance(then, int | float) and isinstance(now, int | float):
            span_s = now_s - now_s % BUCKET_S - int(at)
            if span_s < LEAST_SPAN_S:
                break
            return f"{kpi.change(then, now)} in {text.number(span_s // LEAST_SPAN_S)} h"
    return "no comparison yet"


def in_percent(then: float, now: float) -> str:
    """Format a change: `▲ up 8.2 %`; from zero or another sign, the earlier value."""
    if then <= 0.0 or now <= 0.0:
        return _moved(now - then, f"from {text.usd_per_h(then)}")
    return _moved(now / then - 1.0, text.percent(abs(now / then - 1.0)))


def in_points(then: float, now: float) -> str:
    """Format the change of a share in percentage points: `▼ down 1.3 points`."""
    return _moved(now - then, f"{text.number(100 * abs(now - then), 1)} points")


def _moved(change: float, much: str) -> str:
    if abs(change) < STEADY_SHARE:
        return "● steady"
    return f"▲ up {much}" if change > 0.0 else f"▼ down {much}"


def _profit_state(snapshot: Snapshot) -> str:
    return "bad" if snapshot.profit_usd_per_h < 0 else ""


def _on_target_value(snapshot: Snapshot) -> tuple[str, str]:
    kept, live = contracts_on_target(snapshot)
    return text.number(kept), f"of {text.number(live)}"


def _on_target_note(snapshot: Snapshot) -> str:
    kept, live = contracts_on_target(snapshot)
    if not live:
        return "no live contracts"
    if kept == live:
        return "none below target"
    broken = sum(tier.broken_count for tier in snapshot.tiers if tier.target_share > 0.0)
    return f"{text.number(live - kept)} below target, {text.number(broken) if broken else 'none'} broken"


def _on_target_state(snapshot: Snapshot) -> str:
    kept, live = contracts_on_target(snapshot)
    if any(tier.broken_count for tier in snapshot.tiers):
        return "bad"
    return "warn" if kept < live else ""


KPIS = (
    Kpi(
        key="profit",
        label="Profit rate",
        how="Revenue less energy, carbon, migration, restarts and service credits of the tick just settled, per hour.",
        value=lambda snapshot: text.scaled(snapshot.profit_usd_per_h, "USD/h"),
        change=in_percent,
        note=lambda snapshot: f"{text.usd_in_short(snapshot.profit_total_usd)} since start",
        state=_profit_state,
    ),
    Kpi(
        key="revenue",
        label="Revenue rate",
        how="Mining, merchant inference, contracts and power sold back in the tick just settled, per hour.",
        value=lambda snapshot: text.scaled(snapshot.revenue_usd_per_h, "USD/h"),
        change=in_percent,
        note=lambda snapshot: f"cost {text.usd_per_h(snapshot.cost_usd_per_h)}",
    ),
    Kpi(
        key="power",
        label="Fleet power",
        how="What all sites draw now, cooling included: IT power times PUE, summed; below it all grid limits.",
        value=lambda snapshot: (text.significant(snapshot.site_power_mw), "MW"),
        change=in_percent,
        note=lambda snapshot: f"of {text.mw(snapshot.grid_limit_mw, 0)} grid limit",
    ),
    Kpi(
        key="cooling",
        label="Cooling efficiency",
        how="IT power over site power of the running load, that is 1/PUE. Above 80 % is good, below 60 % an emergency.",
        value=lambda snapshot: (text.significant(100 * snapshot.cooling_efficiency_share), UNIT_OF_SHARE),
        change=in_points,
        note=lambda snapshot: f"{text.mw(snapshot.it_power_mw, 0)} IT power",
    ),
    Kpi(
        key="renewable",
        label="Renewable share",
        how="Renewable share of each site's grid, weighted by the energy that the site draws now.",
        value=lambda snapshot: (text.significant(100 * snapshot.renewable_share), UNIT_OF_SHARE),
        change=in_points,
        note=lambda snapshot: f"{text.significant(snapshot.emissions_t_per_h)} t CO2/h",
    ),
    Kpi(
        key="contracts",
        label="Contracts on target",
        how="Live contracts whose availability so far meets their tier's target, of all live contracts.",
        value=_on_target_value,
        change=in_points,
        note=_on_target_note,
        state=_on_target_state,
    ),
)
