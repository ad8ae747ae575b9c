"""Panel of the fleet's power by workload, and the part that cooling takes."""

from dataclasses import asdict, dataclass
from typing import Final

from nicegui import ui

from components.shared import format as text
from components.shared.live import live_text
from components.shared.theme import BROWSER_MODULES, element, panel
from components.shared.view_model import Channel, Shown
from mara.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Part of the ring chart: key in the channel, colour class and hatching."""

    key: str
    label: str
    look: str
    pattern: str = ""


SLICES: Final = (
    Slice(key="contracts", label="Contracts", look="series-1"),
    Slice(key="gpu", label="GPU, merchant", look="series-2", pattern="/"),
    Slice(key="asic", label="ASIC, merchant", look="series-3", pattern="\\"),
    Slice(key="air_miner", label="Air miners", look="series-4"),
    Slice(key="hydro_miner", label="Hydro miners", look="series-5", pattern="|"),
    Slice(key="immersion_miner", label="Immersion miners", look="series-6", pattern="-"),
    Slice(key="cooling", label="Cooling, losses", look="series-rest", pattern="."),
)


class Doughnut(ui.element, component="doughnut.js", esm=BROWSER_MODULES):
    """Ring chart of the channel `power`: {key of a slice: MW}."""

    def __init__(self) -> None:
        super().__init__()
        self.props["slices"] = [asdict(part) for part in SLICES]
        self.props["label"] = "Site power of the fleet by workload and cooling; the table beside it has the numbers"
        self.mark("power-doughnut")


def power_panel(first: Channel) -> None:
    """Draw the ring with the cooling efficiency in it; `power_channel` states both."""
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
            for part in SLICES:
                element("dt", f"swatch {part.look}", part.label)
                live_text(f"power.{part.key}", first, "figure", "dd")


def power_cells(snapshot: Snapshot) -> Channel:
    """Return the numbers beside the ring, and the efficiency in it."""
    return {
        "power.efficiency": text.percent(snapshot.cooling_efficiency_share),
        **{f"power.{key}": text.mw(power_mw) for key, power_mw in _parts_mw(snapshot).items()},
    }


def power_channel(snapshot: Snapshot) -> Channel:
    """Return the megawatts of each slice."""
    parts: dict[str, Shown] = {key: round(power_mw, 1) for key, power_mw in _parts_mw(snapshot).items()}
    return parts


def _parts_mw(snapshot: Snapshot) -> dict[str, float]:
    by_workload = dict(snapshot.power_by_workload_mw)
    parts = {part.key: by_workload.get(part.key, 0.0) for part in SLICES}
    return {**parts, "cooling": max(snapshot.site_power_mw - snapshot.it_power_mw, 0.0)}
