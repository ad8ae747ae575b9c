"""Where the fleet's power goes: by workload, and how much of it is cooling."""

from typing import Final

from nicegui import ui

from components.shared import format as text
from components.shared.live import live_text
from components.shared.theme import PLOT_MODULES, element, panel
from components.shared.view_model import Channel, Shown
from mara.core.snapshot import Snapshot

SLICES: Final = (
    ("contracts", "Contracts", "series-1", ""),
    ("gpu", "GPU, merchant", "series-2", "/"),
    ("asic", "ASIC, merchant", "series-3", "\\"),
    ("air_miner", "Air miners", "series-4", ""),
    ("hydro_miner", "Hydro miners", "series-5", "|"),
    ("immersion_miner", "Immersion miners", "series-6", "-"),
    ("cooling", "Cooling, losses", "series-rest", "."),
)
"""Key in the channel, label, colour, and hatching, so that colour is not the only sign."""


class Doughnut(ui.element, component="doughnut.js", esm={"mara-plot": PLOT_MODULES}):
    """Follows the channel `power` of the picture: {slice: MW}."""

    def __init__(self) -> None:
        super().__init__()
        self.props["slices"] = [list(part) for part in SLICES]
        self.props["label"] = "Site power of the fleet by workload and cooling; the table beside it has the numbers"
        self.mark("power-doughnut")


def power_panel(first: Channel) -> None:
    """Draws the ring with the fleet's cooling efficiency in it; `power_channel` says what it shows."""
    how = (
        "Site power of the tick: IT power by workload, and what cooling and losses add. "
        "Efficiency is IT power over site power, 1/PUE."
    )
    with panel("Power and efficiency", "power-panel", how), element("div", "power"):
        with element("div", "ring"):
            Doughnut()
            with element("p", "ring-middle"):
                live_text("power.efficiency", first, "figure")
                element("span", "ring-note", "cooling efficiency")
        with element("dl", "power-list"):
            for key, label, colour, _ in SLICES:
                element("dt", f"swatch {colour}", label)
                live_text(f"power.{key}", first, "figure", "dd")


def power_cells(snapshot: Snapshot) -> Channel:
    """The numbers beside the ring, and the efficiency in it."""
    return {
        "power.efficiency": text.percent(snapshot.cooling_efficiency_share),
        **{f"power.{key}": text.mw(power_mw) for key, power_mw in _parts_mw(snapshot).items()},
    }


def power_channel(snapshot: Snapshot) -> Channel:
    """Megawatts of each slice."""
    parts: dict[str, Shown] = {key: round(power_mw, 1) for key, power_mw in _parts_mw(snapshot).items()}
    return parts


def _parts_mw(snapshot: Snapshot) -> dict[str, float]:
    by_workload = dict(snapshot.power_by_workload_mw)
    parts = {key: by_workload.get(key, 0.0) for key, *_ in SLICES}
    return {**parts, "cooling": max(snapshot.site_power_mw - snapshot.it_power_mw, 0.0)}
