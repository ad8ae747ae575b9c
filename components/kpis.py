"""The strip of figures at the top: is it earning, how much runs, is a promise in danger."""

from collections.abc import Callable
from dataclasses import dataclass

from components import format as text
from components.live import live_text
from components.picture import Channel, cell
from components.theme import element, explained
from mara.core.snapshot import Snapshot

UNIT_OF_SHARE = "%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """One figure: what it is called, how it is computed, and its texts of a snapshot."""

    key: str
    label: str
    how: str
    value: Callable[[Snapshot], tuple[str, str]]
    """Number and unit."""
    note: Callable[[Snapshot], str]
    state: Callable[[Snapshot], str] = lambda _: ""


def kpi_strip(first: Channel) -> None:
    """Draws the strip; `kpi_cells` says what its cells show."""
    with element("section", "kpis").props('aria-label="Key figures"'):
        for kpi in KPIS:
            with element("div", "kpi panel") as tile:
                element("h2", "kpi-label", kpi.label)
                with element("p", "kpi-value"):
                    live_text(f"kpi.{kpi.key}", first, "figure")
                    live_text(f"kpi.{kpi.key}.unit", first, "kpi-unit")
                live_text(f"kpi.{kpi.key}.note", first, "kpi-note", "p")
            explained(tile, kpi.how)


def kpi_cells(snapshot: Snapshot) -> Channel:
    """The strip's cells: number, unit and note of each figure."""
    cells: Channel = {}
    for kpi in KPIS:
        value, unit = kpi.value(snapshot)
        cells[f"kpi.{kpi.key}"] = value
        cells[f"kpi.{kpi.key}.unit"] = unit
        cells[f"kpi.{kpi.key}.note"] = cell(kpi.note(snapshot), kpi.state(snapshot))
    return cells


def _profit_state(snapshot: Snapshot) -> str:
    return "bad" if snapshot.profit_usd_per_h < 0 else ""


def _on_target(snapshot: Snapshot) -> tuple[int, int]:
    # Spot is promised nothing, so it has no target to be on.
    tiers = [tier for tier in snapshot.tiers if tier.target_share > 0.0]
    return sum(tier.on_target_count for tier in tiers), sum(tier.contracts_count for tier in tiers)


def _on_target_value(snapshot: Snapshot) -> tuple[str, str]:
    kept, live = _on_target(snapshot)
    return text.number(kept), f"of {text.number(live)}"


def _on_target_note(snapshot: Snapshot) -> str:
    kept, live = _on_target(snapshot)
    if not live:
        return "no live contracts"
    return f"{text.number(live - kept)} below target" if kept < live else "all promises kept"


def _on_target_state(snapshot: Snapshot) -> str:
    kept, live = _on_target(snapshot)
    return "bad" if kept < live else ""


KPIS = (
    Kpi(
        key="profit",
        label="Profit rate",
        how="Revenue less energy, carbon, migration, restarts and service credits of the tick just settled, per hour.",
        value=lambda snapshot: text.scaled(snapshot.profit_usd_per_h, "USD/h"),
        note=lambda snapshot: f"{text.usd_in_short(snapshot.profit_total_usd)} since start",
        state=_profit_state,
    ),
    Kpi(
        key="revenue",
        label="Revenue rate",
        how="Mining, merchant inference, contracts and power sold back in the tick just settled, per hour.",
        value=lambda snapshot: text.scaled(snapshot.revenue_usd_per_h, "USD/h"),
        note=lambda snapshot: f"cost {text.usd_per_h(snapshot.cost_usd_per_h)}",
    ),
    Kpi(
        key="power",
        label="Fleet power",
        how="What all sites draw now, cooling included: IT power times PUE, summed; below it all grid limits.",
        value=lambda snapshot: (text.significant(snapshot.site_power_mw), "MW"),
        note=lambda snapshot: f"of {text.mw(snapshot.grid_limit_mw, 0)} grid limit",
    ),
    Kpi(
        key="cooling",
        label="Cooling efficiency",
        how="IT power over site power of the running load, that is 1/PUE. Above 80 % is good, below 60 % an emergency.",
        value=lambda snapshot: (text.significant(100 * snapshot.cooling_efficiency_share), UNIT_OF_SHARE),
        note=lambda snapshot: f"{text.mw(snapshot.it_power_mw, 0)} IT power",
    ),
    Kpi(
        key="renewable",
        label="Renewable share",
        how="Renewable share of each site's grid, weighted by the energy that the site draws now.",
        value=lambda snapshot: (text.significant(100 * snapshot.renewable_share), UNIT_OF_SHARE),
        note=lambda snapshot: f"{text.significant(snapshot.emissions_t_per_h)} t CO2/h",
    ),
    Kpi(
        key="contracts",
        label="Contracts on target",
        how="Live contracts whose availability so far meets their tier's target, of all live contracts.",
        value=_on_target_value,
        note=_on_target_note,
        state=_on_target_state,
    ),
)
